import os, threading
from queue import SimpleQueue
import numpy as np
_n = int(os.environ.get("T", "2"))
class Job:
    __slots__=("f","args","tickets","done")
_inbox=None
def _worker(inbox):
    while True:
        j=inbox.get()
        try: t=j.tickets.pop()
        except IndexError: continue
        j.f(j.args[0], j.args[1], t, *j.args[2:])
        j.done.put(None)
        j=None
def threads(): return _n
def run(f, parts, *args):
    global _inbox
    counter=np.zeros(1,np.int64)
    h=min(_n,parts)-1
    if h<=0:
        f(counter,parts,0,*args); return
    if _inbox is None:
        _inbox=SimpleQueue()
        for _ in range(_n-1): threading.Thread(target=_worker,args=(_inbox,),daemon=True).start()
    j=Job(); j.f=f; j.args=(counter,parts,*args); j.tickets=list(range(1,h+1)); j.done=SimpleQueue()
    for _ in range(h): _inbox.put(j)
    f(counter,parts,0,*args)
    started=h
    while True:
        try: j.tickets.pop(); started-=1
        except IndexError: break
    for _ in range(started): j.done.get()
    j.f=j.args=None
