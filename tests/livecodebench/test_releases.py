import pytest

from ssd_harness.errors import UsageError
from ssd_harness.livecodebench.releases import RELEASES, select


def names(release, window):
    return [file.name for file in select(release, window).files]


def test_releases_are_cumulative():
    assert [sum(file.rows for file in RELEASES[f"v{n}"]) for n in range(1, 7)] == [400, 511, 612, 713, 880, 1055]


def test_only_the_files_a_window_can_touch():
    assert names("v6", "v6") == ["test6.jsonl"]
    assert names("v6", "v5") == ["test3.jsonl", "test4.jsonl", "test5.jsonl", "test6.jsonl"]
    assert names("v5", "v5")[-1] == "test5.jsonl"
    assert len(names("v6", "all")) == 6


def test_expected_counts():
    assert select("v6", "v6").expected == (131, (31, 39, 61))
    assert select("release_v6", "2024-08..2025-02").expected == (374, (92, 116, 166))
    assert select("v5", "all").expected == (880, None)
    assert select("v6", "2024-01..2024-02").expected is None


@pytest.mark.parametrize(("release", "window"), [("v9", "all"), ("latest", "v6"), ("v1", "v6"), ("", "all")])
def test_what_cannot_be_is_refused(release, window):
    with pytest.raises(UsageError):
        select(release, window)
