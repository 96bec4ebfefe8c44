"""The lm-eval tasks by name; each is a window of a release."""

from ssd_harness.livecodebench.releases import Selection, select

# task name → (release, window)
TASKS: dict[str, tuple[str, str]] = {
    "livecodebench_v6": ("v6", "v6"),
    "livecodebench_v5": ("v6", "v5"),
    "livecodebench_mini": ("mini", "all"),
    **{f"livecodebench_release_v{number}": (f"v{number}", "all") for number in range(1, 7)},
    "livecodebench_test6": ("test6", "all"),
    "livecodebench_2408_2501": ("v5", "2024-08..2025-01"),  # 279 problems: NVIDIA's "0824_0225"
    "livecodebench_2407_2412": ("v5", "2024-07..2024-12"),  # 315 problems: Artificial Analysis
}

_LONGEST = {"livecodebench_mini": 512}


def longest_generation(task: str) -> int:
    """Return the ``max_gen_toks`` of a task's own definition, in tokens."""
    return _LONGEST.get(task, 4096)


def selection_of(task: str, *, release: str | None = None, window: str | None = None) -> Selection | None:
    """Return what a task scores when ``release`` and ``window`` override its own.

    Returns None for a task that is not in the table, such as a user's, unless both are given.
    """
    own_release, own_window = TASKS.get(task, (None, None))
    release, window = release or own_release, window or own_window
    return select(release, window) if release and window else None
