import itertools
import tokenize

import pytest
from demo_model.source_tokens import replace_tokens
from problem_families.families import FAMILIES

PROGRAMS = [
    family.program(source)
    for family in FAMILIES.values()
    for parameters in itertools.islice(family.instances(), 3)
    for source in (*family.right(parameters), *family.wrong(parameters))
]


@pytest.mark.parametrize("program", PROGRAMS)
def test_replacing_each_token_by_itself_changes_nothing(program):
    assert replace_tokens(program, lambda token: token.string) == program


def test_only_tokens_are_replaced_and_layout_stays():
    source = 'a = 1\nif a:\n    b.a("a = 1")  # a\n'
    longer = replace_tokens(source, lambda token: "alpha" if token.string == "a" else token.string)
    assert longer == 'alpha = 1\nif alpha:\n    b.alpha("a = 1")  # a\n'


def test_numbers_and_operators_are_seen():
    seen = []
    replace_tokens("x += 10 // y\n", lambda token: seen.append((token.type, token.string)) or token.string)
    assert [text for _, text in seen] == ["x", "+=", "10", "//", "y"]
    assert seen[2][0] == tokenize.NUMBER
