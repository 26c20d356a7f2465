from numba import njit
def compiled(f):
    return njit(nogil=True, error_model="numpy", fastmath={"contract"})(f)
