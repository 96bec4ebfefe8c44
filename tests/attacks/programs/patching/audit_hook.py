# Adds an audit hook that refuses everything the runner does afterwards, and keeps the stack alive.
import sys


def attack():
    def hook(event, arguments):
        raise RuntimeError(event)

    sys.addaudithook(hook)
    return False
