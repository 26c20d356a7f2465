KERNELS = {}


def compiler():
    return "none"
