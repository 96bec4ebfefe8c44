"""The story of a programming problem: its statement without formats and samples, as 4-grams of prose."""

import re

import numpy as np

from ssd_harness.prompts.overlap.ngrams import distinct, ngrams, words

PROSE_NGRAM = 4
_FEWEST_WORDS = 6
_LONGEST_HEADING = 60

# LaTeX commands for symbols and layout. Commands that are also English words are not listed: min, max, in, text, ...
_SYMBOLS = """
leq geq le ge neq ne lt gt ll gg approx equiv sim cong ldots dots cdots vdots ddots dotsc dotsb times cdot div pm mp
ast star circ bullet oplus otimes odot wedge vee land lor lnot neg mathrm mathbf mathbb mathcal mathsf mathit mathtt
textbf textit texttt textrm textsf operatorname displaystyle frac dfrac tfrac binom sqrt prod int lim log ln exp bmod
pmod lfloor rfloor lceil rceil langle rangle lbrace rbrace lvert rvert lVert rVert vert Vert mid nmid infty notin ni
subset subseteq subsetneq supset supseteq cup cap bigcup bigcap bigoplus emptyset varnothing forall exists nexists
rightarrow leftarrow Rightarrow Leftarrow leftrightarrow Leftrightarrow longrightarrow mapsto implies iff gets quad
qquad hspace vspace ell alpha beta gamma delta epsilon varepsilon zeta eta theta lambda mu nu xi pi rho sigma tau phi
varphi chi psi omega Gamma Delta Theta Lambda Pi Sigma Phi Psi Omega underset overset underbrace overbrace overline
underline bar hat tilde vec prime big Big bigg Bigg bigl bigr Bigl Bigr aligned hline
"""
_SYMBOL = frozenset(re.findall(r"\w+", _SYMBOLS))
_COMMAND = re.compile(r"\\([a-zA-Z]+)")
_HEADING = re.compile(
    r"\W*(?:(?:sample |example )?(?:input|output)s?(?: format| specification)?|constraints?|examples?|samples?"
    r"|sample explanations?|explanations?|notes?|hints?|follow[- ]?up|scoring|partial scores?|subtasks?)\W*\d*\W*",
    re.IGNORECASE,
)


def prose(text: str) -> list[str]:
    """Return the words of ``text`` without LaTeX commands, numbers and single ASCII letters."""
    plain = _COMMAND.sub(lambda match: " " if match[1] in _SYMBOL else f" {match[1]} ", text)
    return [
        word
        for word in words(plain)
        if (len(word) > 1 or not word.isascii()) and not any(character.isdigit() for character in word)
    ]


def story(statement: str) -> str:
    """Return a statement without its sections on input, output, constraints, samples, examples and notes.

    If fewer than six words remain, return the whole statement.
    """
    lines, inside = [], True
    for line in statement.splitlines():
        heading = line.strip()
        if len(heading) <= _LONGEST_HEADING and heading and _HEADING.fullmatch(heading):
            inside = False
        elif inside:
            lines.append(line)
    text = "\n".join(lines)
    return text if len(prose(text)) >= _FEWEST_WORDS else statement


def prose_ngrams(texts: tuple[str, ...]) -> "np.ndarray[tuple[int], np.dtype[np.uint64]]":
    """Return the different prose 4-grams of several texts, sorted."""
    return distinct(texts, PROSE_NGRAM, prose)


def places(text: str) -> tuple["np.ndarray[tuple[int], np.dtype[np.uint64]]", list[str]]:
    """Return the prose 4-grams of one text in order, and its words of prose."""
    prose_words = prose(text)
    return ngrams(prose_words, PROSE_NGRAM), prose_words
