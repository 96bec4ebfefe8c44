print("x")
raise SystemExit(256)
