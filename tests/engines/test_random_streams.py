import numpy as np

from ssd_harness.engines.random_streams import RandomStream, stream_key


def test_a_number_depends_on_name_and_step_alone():
    one, again = RandomStream(1, "p", 0), RandomStream(1, "p", 0)
    forwards = [one[step] for step in range(600)]
    assert [again[step] for step in reversed(range(600))] == forwards[::-1]


def test_neighbouring_samples_prompts_and_seeds_share_nothing():
    keys = {stream_key(seed, key, index) for seed in range(5) for key in ("a", "b", "a1") for index in range(15)}
    assert len(keys) == 5 * 3 * 15


def test_numbers_are_uniform_and_stable_across_releases():
    stream = RandomStream(0, "p", 0)
    numbers = np.array([stream[step] for step in range(20_000)])
    assert numbers.min() >= 0
    assert numbers.max() < 1
    counts, _ = np.histogram(numbers, bins=20, range=(0, 1))
    assert ((counts - 1000) ** 2 / 1000).sum() < 50  # chi-square, 19 degrees of freedom: p < 0.0002
    # A changed stream would silently change every sample of every recipe.
    assert [round(float(number), 12) for number in numbers[:2]] == [0.098319196418, 0.008178741501]
