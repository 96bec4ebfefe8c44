"""LiveCodeBench as data: releases, windows, rows, problems and the rule that finds a program."""
