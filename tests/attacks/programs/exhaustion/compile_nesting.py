# Compiles deeply nested source text that overflows a parser's stack.
def attack():
    for source in (
        "(" * 100_000,
        "-" * 1_000_000 + "1",
        "[" * 90 + "]" * 90,
        "lambda:" * 100_000 + "1",
        "f" + "(f" * 90_000,
    ):
        try:
            compile(source, "x", "eval")
        except (SyntaxError, MemoryError, RecursionError):
            pass
    import ast

    node = ast.parse("x", mode="eval")
    for _ in range(500_000):
        node.body = ast.UnaryOp(
            op=ast.USub(), operand=node.body, lineno=1, col_offset=0, end_lineno=1, end_col_offset=1
        )
    compile(node, "x", "eval")
