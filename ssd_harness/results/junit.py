"""Write a gate's result as JUnit XML: one test case for each metric and difficulty."""

import re
from xml.etree import ElementTree as ET

from ssd_harness.results.gate import Check, GateResult, GateVerdict

_SUITE = "ssd-harness gate"
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 has no way to write."""


def junit_xml(result: GateResult, run: str, *, inconclusive_fails: bool = False) -> str:
    """Return the XML text of ``result`` for the run called ``run``.

    A regression is a failure. An inconclusive check is skipped, or a failure where ``inconclusive_fails``.
    """
    failing = {GateVerdict.REGRESSION} | ({GateVerdict.INCONCLUSIVE} if inconclusive_fails else set())
    failures = sum(check.verdict in failing for check in result.checks)
    skipped = sum(check.verdict is GateVerdict.INCONCLUSIVE for check in result.checks) if not inconclusive_fails else 0
    counts = {"tests": str(len(result.checks)), "failures": str(failures), "errors": "0", "skipped": str(skipped)}
    suites = ET.Element("testsuites", {"name": _SUITE, **counts})
    suite = ET.SubElement(suites, "testsuite", {"name": _SUITE, **counts})
    for check in result.checks:
        suite.append(_case(check, _clean(run), failing))
    ET.indent(suites)
    return ET.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"


def _case(check: Check, run: str, failing: set[GateVerdict]) -> ET.Element:
    case = ET.Element("testcase", {"classname": run, "name": check.rule.name})
    reason = _clean(f"{check.verdict}: {check.reason}")
    if check.verdict in failing:
        ET.SubElement(case, "failure", {"message": reason, "type": str(check.verdict)})
    elif check.verdict is GateVerdict.INCONCLUSIVE:
        ET.SubElement(case, "skipped", {"message": reason})
    else:
        ET.SubElement(case, "system-out").text = reason
    return case


def _clean(text: str) -> str:
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)
