"""Prefixes of the lines with which a stage's process reports how it ended; all other lines show its progress."""

FAILURE = "failed: "
"""The reason. If several processes fail, the first reason counts."""
ADVISED = "failed, with advice: "
"""The reason, followed by what to do next."""
ENDED = "ended: "
"""One of several processes was killed, which is the cause of the failures that the others report."""
