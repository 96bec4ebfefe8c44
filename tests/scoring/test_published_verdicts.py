from ssd_harness.judge.verdicts import ProgramVerdict, Verdict
from ssd_harness.scoring.published_verdicts import compare, render


def test_pass_and_fail_are_compared_and_nothing_else():
    kinds = [Verdict.AC, Verdict.AC, Verdict.TLE, Verdict.WA, Verdict.IE, Verdict.AC]
    verdicts = [ProgramVerdict("a", number, kind) for number, kind in enumerate(kinds)]
    published = {("a", number): flag for number, flag in enumerate([True, False, True, False, True, None])}
    found = compare(verdicts, published)
    assert found == {"compared": 4, "pass_now": ["a#1"], "fail_now": ["a#2"]}
    assert render(found) == "verdicts in the file: 4 compared, 2 differ; 1 pass now: a#1; 1 fail now: a#2"
    assert render({"compared": 9, "pass_now": [], "fail_now": []}) == "verdicts in the file: 9 compared, 0 differ"
    assert compare(verdicts, {}) is None


def test_only_the_first_few_are_shown():
    found = compare([ProgramVerdict("a", n, Verdict.AC) for n in range(8)], {("a", n): False for n in range(8)})
    assert render(found).endswith("8 pass now: a#0, a#1, a#2, a#3, a#4 and 3 more")
