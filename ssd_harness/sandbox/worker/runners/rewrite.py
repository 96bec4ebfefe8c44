"""Rewrite a standard-input program as the official scorer does: hoisted imports and one function."""

import ast
from types import CodeType

from .failure import PROGRAM

FUNCTION = "wrapped_function"


def as_function(source: str) -> tuple[CodeType, bool]:
    """Return (module code that defines :data:`FUNCTION`, whether the program contains ``class Solution``).

    The body of a final main guard replaces the guard, top-level imports move to module level, and everything else
    becomes the function's body, so that top-level names become locals. Raises SyntaxError or ValueError if that module
    does not compile: a ``from __future__`` import is no longer first, and a program without statements has no body.
    """
    statements = ast.parse(source, PROGRAM).body
    if statements and _is_main_guard(statements[-1]):
        statements[-1:] = statements[-1].body  # type: ignore[attr-defined]
    imports = [node for node in statements if isinstance(node, ast.Import | ast.ImportFrom)]
    body = [node for node in statements if not isinstance(node, ast.Import | ast.ImportFrom)]
    if not body:
        raise SyntaxError("nothing to run: expected an indented block after function definition")
    function = ast.FunctionDef(
        name=FUNCTION,
        args=ast.arguments(posonlyargs=[], args=[], kwonlyargs=[], kw_defaults=[], defaults=[]),
        body=body,
        decorator_list=[],
    )
    # The official scorer puts a prelude before the program, so no statement of the program is first.
    module = ast.fix_missing_locations(ast.Module(body=[ast.Pass(), *imports, function], type_ignores=[]))
    return compile(module, PROGRAM, "exec", dont_inherit=True), _reads_class_solution(source, module)


def _is_main_guard(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test).strip() == "__name__ == '__main__'"


def _reads_class_solution(source: str, module: ast.Module) -> bool:
    """Search the text without its comments; unparsing is slow and hardly ever needed."""
    return "Solution" in source and "class Solution" in ast.unparse(module)
