"""Detect overlap between the prompts that a model was trained on and the problems that it is evaluated on.

A prompt overlaps a LiveCodeBench problem if it contains enough of the rare 4-grams of the problem's story, and a
problem of another task if it contains a fifth of the 13-grams of its statement. A sketch stores the n-grams of a prompt
set as hashes, without the texts. The check before sampling and all later checks, on any machine, use the same sketch
and give the same answer.
"""
