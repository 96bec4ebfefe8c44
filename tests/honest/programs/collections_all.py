from collections import ChainMap, Counter, OrderedDict, defaultdict, deque, namedtuple
P = namedtuple("P", "x y")
d = defaultdict(list)
d[1].append(2)
print(P(1, 2), dict(d), deque([1, 2, 3], maxlen=2), Counter("abca").most_common(1), OrderedDict(a=1), ChainMap({}, {"a": 1})["a"])
