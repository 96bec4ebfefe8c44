"""Turn the reStructuredText of docstrings into Markdown for the API page (an extension of griffe)."""

import re
from typing import Any

import griffe

ROLE = re.compile(r":(?:attr|class|data|exc|func|meth|mod):`~?\.?(?:\w+\.)*(\w+)`")


class MarkdownDocstrings(griffe.Extension):
    """Rewrite roles, double backquotes and the colons before literal blocks."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rewrite the docstring of ``obj``, if it has one."""
        if obj.docstring:
            text = ROLE.sub(r"`\1`", obj.docstring.value)
            obj.docstring.value = text.replace("``", "`").replace("::\n\n    ", ":\n\n    ")
