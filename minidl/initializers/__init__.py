"""First values of weights: why they are random, and how large they should be.

Units that start equal get equal gradients and stay equal for ever; a random start tells them apart. How wide
to draw is the subject of `scaling`. An initializer is called with a shape and returns a plain array, made on
the host.

One initializer gives the same values each time it is called with the same shape, whether it was made with a
whole number as seed or without one; only with a `minidl.random.SeedGenerator` as seed does it go on, all as
in Keras. Two layers that are given one and the same initializer therefore start with equal weights. A name
("glorot_uniform") makes a new initializer each time.

>>> GlorotUniform(seed=1)((3, 4)).shape
(3, 4)
>>> get("he_normal")
HeNormal(seed=None)
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from minidl.initializers.drawn import (
    Orthogonal,
    RandomInitializer,
    RandomNormal,
    RandomUniform,
    TruncatedNormal,
)
from minidl.initializers.fixed import Constant, Identity, Initializer, Ones, Zeros
from minidl.initializers.scaling import (
    Fans,
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    LecunNormal,
    LecunUniform,
    VarianceScaling,
    compute_fans,
)
from minidl.tensor import Tensor
from minidl.utils.registry import deserialize_object, get_object, serialize_object

__all__ = [
    "Constant", "Fans", "GlorotNormal", "GlorotUniform", "HeNormal", "HeUniform", "Identity",
    "IdentityInitializer", "Initializer", "LecunNormal", "LecunUniform", "Ones", "Orthogonal",
    "OrthogonalInitializer", "RandomInitializer", "RandomNormal", "RandomUniform", "TruncatedNormal",
    "VarianceScaling", "Zeros", "compute_fans", "constant", "deserialize", "get", "glorot_normal",
    "glorot_uniform", "he_normal", "he_uniform", "identity", "lecun_normal", "lecun_uniform", "ones",
    "orthogonal", "random_normal", "random_uniform", "serialize", "truncated_normal", "variance_scaling",
    "zeros",
]  # fmt: skip

# Keras's other names for the same classes.
IdentityInitializer, OrthogonalInitializer = Identity, Orthogonal
constant, identity, ones, zeros, orthogonal = Constant, Identity, Ones, Zeros, Orthogonal
glorot_normal, he_normal, lecun_normal = GlorotNormal, HeNormal, LecunNormal
glorot_uniform, he_uniform, lecun_uniform = GlorotUniform, HeUniform, LecunUniform
random_normal, random_uniform, truncated_normal = RandomNormal, RandomUniform, TruncatedNormal
variance_scaling = VarianceScaling

_CLASSES: tuple[type[Initializer], ...] = (
    Constant, GlorotNormal, GlorotUniform, HeNormal, HeUniform, Identity, LecunNormal, LecunUniform, Ones,
    Orthogonal, RandomNormal, RandomUniform, TruncatedNormal, VarianceScaling, Zeros,
)  # fmt: skip
_NAMES: dict[str, type[Initializer]] = {
    **{cls.__name__: cls for cls in _CLASSES},
    "IdentityInitializer": Identity,
    "OrthogonalInitializer": Orthogonal,
    "normal": RandomNormal,
    "uniform": RandomUniform,
    "one": Ones,
    "zero": Zeros,
}


def get(identifier: Any) -> Callable[..., Any] | None:
    """The initializer that `identifier` means.

    Args:
        identifier: a name in either spelling ("he_normal", "HeNormal"), a dict {"class_name", "config"}, an
            initializer or another callable of (shape, dtype), an array of values, or None.

    Raises:
        TypeError, ValueError: none of these.
    """
    if isinstance(identifier, np.ndarray | Tensor):
        return Constant(identifier)
    return get_object("initializer", _NAMES, identifier)


def serialize(initializer: Any) -> Any:
    """What a JSON file says about an initializer: {"class_name", "config"}."""
    return serialize_object(initializer)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The initializer that `serialize` described; `custom_objects` are your own classes by name."""
    return deserialize_object("initializer", _NAMES, config, custom_objects)
