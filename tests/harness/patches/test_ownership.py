import pytest

from ssd_harness.harness import ownership


@pytest.mark.parametrize(
    ("name", "own"),
    [
        ("lcb_v6", True),
        ("lcb", True),
        ("lcb_all", True),
        ("nested", True),
        ("arithmetic", False),
        ("maths", False),
        ("mixed", False),
        ("lcb_of_others", False),
        ("absent", False),
    ],
)
def test_a_name_is_ours_when_all_that_it_means_is(index, name, own):
    assert ownership.is_own_name(name, index) is own


@pytest.mark.parametrize(
    ("pattern", "own"),
    [
        ("lcb_v6", True),
        ("lcb_v*", True),
        ("lcb_v[56]", True),
        ("lcb*", False),  # matches the stranger's, too
        ("arith*", False),
        ("*v6", False),  # a built-in task that is not indexed might match
        ("lc?_v6", False),
        ("lcb_w*", False),
    ],
)
def test_a_wildcard_is_ours_only_when_no_built_in_task_can_match(index, pattern, own):
    assert ownership.is_own_pattern(pattern, index) is own


def test_a_class_is_ours_by_its_module():
    from ssd_harness.errors import SsdError

    assert ownership.is_own_class(SsdError)
    assert ownership.is_own_class("/some/where/ssd_harness.harness.task.livecodebench_task.Task")
    assert not ownership.is_own_class("/ssd_harness/tasks/utils.Task")
    assert not ownership.is_own_class(dict)
    assert not ownership.is_own_class(None)


def test_leaves_expand_tags_and_nested_groups(index):
    assert ownership.leaves("lcb", index) == ["lcb_v5", "lcb_v6"]
    assert ownership.leaves("nested", index) == ["lcb_v6", "lcb_v5"]
    assert ownership.leaves("mixed", index) == ["lcb_v6", "arithmetic"]
    assert ownership.leaves("absent", index) == ["absent"]


def test_models():
    assert ownership.is_own_model("ssd-hf")
    assert not ownership.is_own_model("hf")
    assert not ownership.is_own_model(object())
