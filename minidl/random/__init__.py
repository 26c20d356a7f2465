"""Counter-based randomness: what is drawn depends on (seed, stream, step, call) and on nothing else.

`streams` explains it; `draws` has the functions of `keras.random`.
"""

from minidl.random.draws import normal, randint, shuffle, truncated_normal, uniform
from minidl.random.streams import (
    OUTSIDE,
    SeedGenerator,
    generator,
    global_seed,
    new_stream,
    set_seed,
    training_step,
)

__all__ = [
    "OUTSIDE", "SeedGenerator", "generator", "global_seed", "new_stream", "normal", "randint", "set_seed",
    "shuffle", "training_step", "truncated_normal", "uniform",
]  # fmt: skip
