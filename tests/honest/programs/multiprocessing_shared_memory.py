from multiprocessing import shared_memory
m = shared_memory.SharedMemory(create=True, size=100)
m.buf[0] = 9
other = shared_memory.SharedMemory(m.name)
print(other.buf[0])
other.close()
m.close()
m.unlink()
