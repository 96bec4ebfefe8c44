"""Files that start valid and are then changed, for hypothesis; and commands that read them."""

import copy
import json
import math

from hypothesis import strategies as st

from ssd_harness.cli.main import main

ODD = (
    10**400,
    -(10**400),
    math.nan,
    math.inf,
    1e-320,
    "\ud800",
    "\x00",
    "\x1b[2J",
    "a\nb",
    "",
    " ",
    "None",
    "9" * 5_000,
)
texts = st.text(st.characters(exclude_categories=()), max_size=20)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | texts | st.sampled_from(ODD)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=5
)
whole_files = st.one_of(
    st.binary(max_size=200),
    st.sampled_from(
        [
            b"",
            b"\n\n",
            b"\xef\xbb\xbf",
            b"\xff\xfe{\x00}\x00",
            b"[" * 100_000,
            b'{"a":' * 100_000,
            b"[" + b"[]," * 2_000_000 + b"[]]",
            b"9" * 10_000,
            b'"\\ud800"',
            b"null\n",
            b"NaN\n",
            b"{}\n",
            b"[]\n",
            b"[1]\n",
            b"[[1]]\n",
            b'{"a": 1}\n',
        ]
    ),
    values.map(lambda value: json.dumps(value).encode()),
)


def places(value, path=()):
    """Every path in a JSON value, the value itself first."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield from places(one, (*path, key))


def changed(draw, value):
    """Return ``value`` with something in it replaced, removed, added or wrapped."""
    value = copy.deepcopy(value)
    path = draw(st.sampled_from(list(places(value))))
    new = draw(values | st.sampled_from(["remove", "wrap"]))
    if not path:
        return [value] if new == "wrap" else new
    at = value
    for key in path[:-1]:
        at = at[key]
    if new == "remove":
        del at[path[-1]]
    else:
        at[path[-1]] = [at[path[-1]]] if new == "wrap" else new
    return value


@st.composite
def files(draw, rows, *, lines=True):
    """The bytes of a file that held ``rows``, one JSON value a line, or one value without ``lines``."""
    if draw(st.integers(0, 4)) == 0:
        return draw(whole_files)
    number = draw(st.integers(0, len(rows) - 1))
    rows = [changed(draw, row) if index == number else row for index, row in enumerate(rows)]
    data = "\n".join(json.dumps(row, ensure_ascii=draw(st.booleans())) for row in (rows if lines else rows[:1]))
    encoded = data.encode("utf-8", "surrogatepass")
    match draw(st.integers(0, 9)):
        case 0:
            return encoded[: draw(st.integers(0, len(encoded)))]
        case 1:
            return b"\xef\xbb\xbf" + encoded
        case 2:
            return encoded.replace(b'"', b"\xff", 1)
    return encoded + b"\n" * draw(st.integers(0, 2))


def command(capsys, *words):
    """Run a command that must not end in a traceback, nor in the exit code that means a regression."""
    code = main([str(word) for word in words])
    said = capsys.readouterr()
    assert code in {0, 2, 3}, said.err
    assert "unexpected" not in said.err, said.err
    if code:
        assert said.err.startswith("ssd-harness: error: ")
        assert said.err.count("\n") == 1
