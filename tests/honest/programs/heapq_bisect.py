import bisect, heapq
h = [3, 1, 2]
heapq.heapify(h)
print(heapq.heappop(h), bisect.bisect_left([1, 2, 2, 3], 2), heapq.nlargest(2, [1, 5, 3]))
