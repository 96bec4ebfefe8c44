"""Turn a standard-input program into what the official scorer runs: hoisted imports and one function."""

import ast
from types import CodeType

from .failure import PROGRAM

FUNCTION = "wrapped_function"


def as_function(source: str) -> tuple[CodeType, bool]:
    """Compile ``source`` into a module that defines :data:`FUNCTION`; also say whether it reads ``class Solution``.

    The body of a final main guard takes the guard's place, top-level imports move up to module level, and everything
    else becomes the function's body, so that top-level names are locals of it. Raises SyntaxError or ValueError where
    that module does not compile: a ``from __future__`` import no longer stands first, and a program without any
    statement has no body.
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
    # The prelude comes before the program, so that nothing of the program stands first.
    module = ast.fix_missing_locations(ast.Module(body=[ast.Pass(), *imports, function], type_ignores=[]))
    return compile(module, PROGRAM, "exec", dont_inherit=True), _reads_class_solution(source, module)


def _is_main_guard(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test).strip() == "__name__ == '__main__'"


def _reads_class_solution(source: str, module: ast.Module) -> bool:
    """Look at the text without comments; writing it out again is slow, and hardly ever needed."""
    return "Solution" in source and "class Solution" in ast.unparse(module)
