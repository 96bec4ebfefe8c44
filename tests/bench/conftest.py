"""Figures that benchmarks note while they run, printed as tables when all is done."""

import os
import platform

import pytest

_TABLES = {}


class Table:
    """Rows under one title; the first row names the columns."""

    def __init__(self, *columns):
        self.rows, self.notes = [columns], []

    def row(self, *cells):
        self.rows.append(tuple(map(str, cells)))

    def note(self, text):
        self.notes.append(text)


@pytest.fixture(scope="session")
def table():
    """Make a table that is printed at the end: ``table(title, *columns)``, then ``row(...)`` and ``note(...)``."""
    return lambda title, *columns: _TABLES.setdefault(title, Table(*columns))


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter):
    if not _TABLES:
        return
    terminalreporter.section("what things cost")
    cores, load = len(os.sched_getaffinity(0)), os.getloadavg()[0]
    terminalreporter.write_line(f"{cores} cores, Python {platform.python_version()}, load {load:.1f} at the end")
    for title, table in _TABLES.items():
        terminalreporter.write_line(f"\n{title}")
        widths = [max(map(len, column)) for column in zip(*table.rows, strict=True)]
        for cells in table.rows:
            head, *rest = [
                cell.rjust(width) if number else cell.ljust(width)
                for number, (cell, width) in enumerate(zip(cells, widths, strict=True))
            ]
            terminalreporter.write_line("  ".join([f"  {head}", *rest]))
        for note in table.notes:
            terminalreporter.write_line(f"  {note}")
