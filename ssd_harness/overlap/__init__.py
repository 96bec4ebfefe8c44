"""Whether prompts that a model was trained on give away problems that it is evaluated on; knows texts alone.

Two texts overlap if they are equal, or share 13 words in a row that fewer than five prompts hold: what more hold is
boilerplate. A sketch keeps what that takes of a prompt set, without the texts, so that the check before the sampling
and every later one, on another machine too, give the same answer.
"""
