"""Problems on LiveCodeBench's own list of errata. Results flag them, and they are never dropped.

Correct programs of any model can fail on them. The keys are question ids of the data set; the list itself
names LeetCode problems by title.
"""

_MANY_ANSWERS = "several answers are correct, the tests accept only one"
_INTERACTIVE = "interactive: no program can pass"
_BAD_TESTS = "erroneous tests"

ERRATA = {
    "abc311_c": _MANY_ANSWERS,
    "abc326_d": _MANY_ANSWERS,
    "abc327_b": _MANY_ANSWERS,
    "abc333_e": _MANY_ANSWERS,
    "abc343_a": _MANY_ANSWERS,
    "abc343_e": _MANY_ANSWERS,
    "abc362_c": _MANY_ANSWERS,
    "3194": _MANY_ANSWERS,  # find-words-containing-character
    "3221": _MANY_ANSWERS,  # find-the-peaks
    "arc185_c": _MANY_ANSWERS,
    "3453": _MANY_ANSWERS,  # generate-binary-strings-without-adjacent-zeros
    "abc337_e": _INTERACTIVE,
    "abc355_e": _INTERACTIVE,
    "abc350_c": _BAD_TESTS,
    "arc189_a": _BAD_TESTS,
    "3308": _BAD_TESTS,  # apply-operations-to-make-string-empty
    "3363": _BAD_TESTS,  # most-frequent-ids
}
