import argparse
p = argparse.ArgumentParser()
p.add_argument("needed")
p.parse_args()
