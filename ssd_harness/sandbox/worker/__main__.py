"""``python -m ssd_harness.sandbox.worker``: process 1 of a slot."""

from ssd_harness.sandbox.worker.broker import main

main()
