# Returns text with lone surrogates, NULs, quotes, line separators and escape sequences.
class Solution:
    def joined(self, words):
        return '\ud800\udfff\x00"\\\u2028\u2029\x1b]0;owned\x07\x1b[2J' + "".join(map(chr, range(32)))
