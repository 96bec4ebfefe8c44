"""``python -m ssd_harness`` is the ``ssd-harness`` command."""

from ssd_harness.cli.main import main

raise SystemExit(main())
