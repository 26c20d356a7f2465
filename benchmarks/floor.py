"""The floor: how long the multiplications of a training step take at the machine's own rate of a matrix product.

Counted are the products with the weight matrices and kernels, nothing else: no biases, curves, pooling, Adam.
A matrix of n numbers, used at p places of a sample (positions of an image, time steps), stands for n·p
multiplications and as many additions on the way forward. On the way back there are two products of the same size, one
for dx and one for dw; the first layer with weights needs no dx, the images having no use for it (in a recurrent layer
that saves the product with W alone, the gradient still goes through U).

The rate is the best that NumPy's float32 `@` reaches here, on the same number of cores.
"""

import math
import time
from typing import Any

import numpy as np
from engines import answer, ask
from models import MODELS

__all__ = ["flops", "rate"]


def flops(name: str, batch_size: int) -> float:
    """Additions and multiplications of one training step."""
    import minidl

    model = MODELS[name]
    network = minidl.Sequential([minidl.layers.Input(model.shape), *model.layers(minidl.layers)])
    total, first = 0, True
    for layer in network.layers:
        sizes = [math.prod(w.shape) for w in layer.trainable_variables if "kernel" in w.name]
        if not sizes:
            continue
        recurrent = isinstance(layer, minidl.layers.RNN)
        places = layer.input.shape[1] if recurrent else math.prod(layer.output.shape[1:-1])
        total += 3 * sum(sizes) * places
        if first:
            total -= sizes[0] * places
        first = False
    return 2.0 * batch_size * total


def work(job: dict[str, Any]) -> dict[str, Any]:
    """FLOPs per millisecond of the best product among several sizes."""
    best = 0.0
    for n in (384, 768, 1536):
        a = np.ones((n, n), np.float32)
        out = np.empty_like(a)
        for _ in range(job["repeats"]):
            begin = time.perf_counter()
            np.matmul(a, a, out=out)
            best = max(best, 2 * n**3 / (time.perf_counter() - begin))
    return {"rate": best / 1e3}


def rate(threads: int | None) -> float:
    """FLOPs per millisecond of NumPy's matrix product, measured now in a process of its own."""
    result = ask(__file__, {"threads": threads, "repeats": 25})
    return float(result["rate"]) if result else math.nan


if __name__ == "__main__":
    answer(work)
