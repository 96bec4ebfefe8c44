import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ssd_harness.artifacts import shards
from ssd_harness.errors import InfrastructureError
from ssd_harness.extensions.contracts import Sample

ids = st.lists(st.integers(0, 2**31 - 1), max_size=20).map(tuple)
text = st.text(st.characters(exclude_categories=["Cs"]))
samples = st.builds(Sample, text, st.integers(0, 100), ids, ids, text, st.sampled_from(["eos", "length"]))


@settings(max_examples=50, deadline=None)
@given(st.lists(samples, max_size=5))
def test_samples_survive_a_shard(tmp_path_factory, written):
    folder = tmp_path_factory.mktemp("shard")
    shards.write_shard(folder, 3, written)
    assert list(shards.read_shard(shards.shard_path(folder, 3))) == written


def test_a_broken_shard_is_named(tmp_path):
    shards.shard_path(tmp_path, 0).write_bytes(b"PAR1 and no more")
    with pytest.raises(InfrastructureError, match="samples-00000"):
        list(shards.read_shard(shards.shard_path(tmp_path, 0)))
