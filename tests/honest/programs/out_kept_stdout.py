import io, sys
kept, sys.stdout = sys.stdout, io.StringIO()
print("lost")
kept.write("seen")
