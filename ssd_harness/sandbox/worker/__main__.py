"""``python -m ssd_harness.sandbox.worker``: process 1 of a slot."""

import os
import sys

from ssd_harness.sandbox.worker.broker import main
from ssd_harness.sandbox.worker.environment import ENVIRONMENT

if dict(os.environ) != ENVIRONMENT:
    # Deleting a variable would leave it readable in /proc/self/environ.
    os.execve(sys.executable, [sys.executable, "-m", "ssd_harness.sandbox.worker"], ENVIRONMENT)  # noqa: S606
main()
