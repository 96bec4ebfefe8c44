import json
import pickletools
import zlib
from base64 import b64decode

from hypothesis import given
from hypothesis import strategies as st
from problem_families.families import FAMILIES
from problem_families.problem import encode_tests

from ssd_harness.livecodebench.private_tests import decode_tests

TESTS = st.lists(st.fixed_dictionaries({"input": st.text(), "output": st.text(), "testtype": st.just("stdin")}))


@given(TESTS)
def test_private_tests_survive_their_encoding(tests):
    assert decode_tests(encode_tests(tests)) == tests


def test_the_pickle_holds_one_text_and_nothing_else():
    family = FAMILIES["pairs"]
    row = family.problem(next(family.instances()), seed="test").row()
    opcodes = [opcode.name for opcode, *_ in pickletools.genops(zlib.decompress(b64decode(row["private_test_cases"])))]
    assert opcodes == ["PROTO", "FRAME", "BINUNICODE", "MEMOIZE", "STOP"]


def test_rows_of_both_kinds():
    for name, kind in (("blocks", "functional"), ("window", "stdin")):
        family = FAMILIES[name]
        problem = family.problem(next(family.instances()), seed="test", question_id="q")
        row = problem.row()
        assert row["question_id"] == "q"
        assert json.loads(row["metadata"]).get("func_name") == family.function
        assert bool(row["starter_code"]) == (kind == "functional")
        tests = json.loads(row["public_test_cases"]) + decode_tests(row["private_test_cases"])
        assert {test["testtype"] for test in tests} == {kind}
        assert [(test["input"], test["output"]) for test in tests] == [
            (case.input, case.output) for case in problem.public + problem.private
        ]
