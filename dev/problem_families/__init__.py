"""Families of programming problems: those of ``livecodebench_mini``, and others like them to train on."""
