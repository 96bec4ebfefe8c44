import codecs, sys
codecs.getwriter("utf-8")(sys.stdout.buffer).write("ü\n")
