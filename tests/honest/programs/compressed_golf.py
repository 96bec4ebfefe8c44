import zlib
exec(zlib.decompress(zlib.compress(b"print('golf')")))
