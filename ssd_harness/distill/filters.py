"""Sample filters that read only the text, and the lookup of a filter by name."""

from collections.abc import Callable, Iterable, Iterator

from ssd_harness.distill.parsing import Parser
from ssd_harness.errors import UsageError
from ssd_harness.extensions import plugin_manager
from ssd_harness.extensions.components import Filter
from ssd_harness.extensions.contracts import Candidate, SampleFilter
from ssd_harness.livecodebench.extraction import extract
from ssd_harness.recipe.definition import Recipe

_DEFAULT_PERCENT = 10.0


def filter_of(recipe: Recipe) -> Filter:
    """Return the recipe's filter as its plugin declares it. Raises :class:`UsageError` for an unknown name."""
    return plugin_manager.lookup(Filter, recipe.filter.partition(":")[0])


def make_filter(recipe: Recipe) -> SampleFilter:
    """Build the recipe's filter. Raises :class:`UsageError` for an unknown name or a bad argument."""
    return filter_of(recipe).factory(recipe.filter.partition(":")[2], recipe)


def keep_if(holds: Callable[[Candidate], bool], otherwise: str) -> SampleFilter:
    """Return a filter that keeps samples for which ``holds`` is true; the others are dropped as ``otherwise``."""

    def decide(candidates: Iterable[Candidate]) -> Iterator[str | None]:
        return (None if holds(candidate) else otherwise for candidate in candidates)

    return decide


def stub(argument: str, _: Recipe) -> SampleFilter:
    """Drop empty and single-line completions: the paper's filter."""
    no_argument("stub", argument)
    return keep_if(lambda candidate: "\n" in candidate.sample.text.strip(), "empty or one line")


def none(argument: str, _: Recipe) -> SampleFilter:
    """Keep every sample with at least one token."""
    no_argument("none", argument)
    return keep_if(lambda candidate: bool(candidate.sample.token_ids), "no token")


def shortest_percent(argument: str, _: Recipe) -> SampleFilter:
    """Drop empty samples, and the shortest ``argument`` percent (default 10) of the others, as Apple's script does.

    Lengths are characters without the white space at both ends. Samples as long as the shortest one kept are kept too.
    """
    try:
        percent = float(argument or _DEFAULT_PERCENT)
    except ValueError:
        percent = -1.0
    if not 0 <= percent < 100:
        raise UsageError(
            f"shortest-percent takes a number from 0 to below 100, not {argument!r}",
            next_step="write filter=shortest-percent:10",
        )

    def decide(candidates: Iterable[Candidate]) -> Iterator[str | None]:
        lengths = [len(candidate.sample.text.strip()) for candidate in candidates]
        ordered = sorted(length for length in lengths if length)
        shortest_kept = ordered[int(len(ordered) * percent / 100)] if ordered else 0
        reason = f"among the shortest {percent:g} %"
        return ("empty" if not length else reason if length < shortest_kept else None for length in lengths)

    return decide


def parses(argument: str, _: Recipe) -> SampleFilter:
    """Keep samples whose program compiles; nothing runs. The program is the one that an evaluation would judge."""
    no_argument("parses", argument)

    def decide(candidates: Iterable[Candidate]) -> Iterator[str | None]:
        with Parser() as parser:
            for candidate in candidates:
                program = extract(candidate.sample.text).code
                yield "no program" if not program.strip() else None if parser.accepts(program) else "does not parse"

    return decide


def no_argument(name: str, argument: str) -> None:
    """Raise :class:`UsageError` for an argument to a filter that takes none."""
    if argument:
        raise UsageError(f"the filter {name!r} takes no argument, but {argument!r} is given")
