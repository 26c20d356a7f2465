"""Arrays on their way into compiled code and out of it."""

import threading
import numpy as np

def ready(x):
    return x if type(x) is np.ndarray and x.flags.carray else np.array(x, order="C")

def empty(shape, dtype):
    return np.empty(shape, dtype)

class _S(threading.local):
    def __init__(self): self.d = {}
_s=_S()
def scratch(name, size, dtype):
    b=_s.d.get((name,dtype))
    if b is None or b.size<size:
        b=_s.d[(name,dtype)]=np.empty(size,dtype)
    return b
