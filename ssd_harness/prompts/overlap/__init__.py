"""Whether prompts that a model was trained on give away problems that it is evaluated on; knows texts alone.

A prompt gives a problem of LiveCodeBench away if both hold enough of its story's rare 4-grams, and another task's
problem if it holds a fifth of the 13-grams of its statement. A sketch keeps what that takes of a prompt set, without
the texts, so that the check before the sampling and every later one, on another machine too, give the same answer.
"""
