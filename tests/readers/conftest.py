import contextlib

import pytest
from hypothesis import HealthCheck, given, settings

from ssd_harness.errors import SsdError


@pytest.fixture
def attack(tmp_path):
    """Give a reader file after file; only its own errors may come out."""

    def attack(name, contents, read, examples=150):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)

        @settings(
            max_examples=examples,
            deadline=None,
            database=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.large_base_example, HealthCheck.data_too_large],
        )
        @given(contents)
        def once(content):
            path.write_bytes(content)
            with contextlib.suppress(SsdError):
                read(path)

        once()

    return attack
