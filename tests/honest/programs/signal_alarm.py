import signal
def late(*_):
    print("alarm")
signal.signal(signal.SIGALRM, late)
signal.setitimer(signal.ITIMER_REAL, 0.05)
signal.pause()
