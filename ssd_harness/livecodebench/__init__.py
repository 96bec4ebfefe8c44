"""LiveCodeBench as data: releases, windows, rows, problems, and the extraction of programs from generations."""
