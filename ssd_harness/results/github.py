"""Tell a workflow on GitHub what a gate found: one annotation for each check, and a summary in Markdown."""

from ssd_harness.printable import printable
from ssd_harness.results.gate import Check, GateResult, GateVerdict
from ssd_harness.scoring.intervals import Estimate

_COMMANDS = {
    GateVerdict.PASS: "notice",
    GateVerdict.WARN: "warning",
    GateVerdict.INCONCLUSIVE: "warning",
    GateVerdict.REGRESSION: "error",
}
_LONGEST = 500


def annotations(result: GateResult) -> list[str]:
    """Return one workflow command for each check that did not simply pass."""
    return [_annotation(check) for check in result.checks if check.verdict is not GateVerdict.PASS]


def job_summary(result: GateResult, run: str, baseline: str | None) -> str:
    """Return the Markdown for the job's summary page."""
    against = f" against {_cell(baseline)}" if baseline else ""
    lines = [
        f"### ssd-harness gate: {result.verdict}",
        "",
        f"{_cell(run)}{against}; intervals at {100 * (1 - 2 * result.alpha):g} %, over problems",
        "",
        "| metric | verdict | run | baseline | difference | detectable drop | reason |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for check in result.checks:
        drop = "" if check.detectable_drop is None else f"{100 * check.detectable_drop:.1f}"
        figures = [_percent(check.value), _percent(check.baseline), _percent(check.difference, signed=True), drop]
        cells = [check.rule.name, str(check.verdict), *figures, check.reason]
        lines.append("| " + " | ".join(map(_cell, cells)) + " |")
    return "\n".join(lines) + "\n"


def _annotation(check: Check) -> str:
    title = f"{check.rule.name}: {check.verdict}"
    return f"::{_COMMANDS[check.verdict]} title={_escaped(title, more=',:')}::{_escaped(check.reason)}"


def _escaped(text: str, more: str = "") -> str:
    """Escape what ends a workflow command or starts another one."""
    for character in "%\r\n" + more:
        text = text.replace(character, f"%{ord(character):02X}")
    return printable(text, _LONGEST)


def _cell(text: str) -> str:
    """Escape what means something in a cell of a Markdown table: names come from files and folders."""
    plain = printable(text, _LONGEST).replace("\\", "\\\\").replace("&", "&amp;").replace("<", "&lt;")
    for character in "|`*_[]!#@":
        plain = plain.replace(character, f"\\{character}")
    return plain


def _percent(estimate: Estimate | None, *, signed: bool = False) -> str:
    if estimate is None:
        return ""
    sign = "+" if signed else ""
    return f"{100 * estimate.mean:{sign}.1f} ({100 * estimate.low:{sign}.1f} to {100 * estimate.high:{sign}.1f})"
