a = list(map(int, input().split()))
sum = sum(a)
print(sum)
