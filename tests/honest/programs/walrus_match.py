match input().split():
    case ["go", n]:
        print("going", n)
if (n := 5) > 3:
    print(n)
