# Burns CPU in many threads outside of the interpreter lock.
def attack():
    import hashlib
    import threading

    data = bytes(1 << 20)

    def burn():
        while True:
            hashlib.sha256(data).digest()

    for _ in range(8):
        threading.Thread(target=burn, daemon=True).start()
    burn()
