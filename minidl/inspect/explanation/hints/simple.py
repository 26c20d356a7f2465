"""Hints for the layers that are quickly explained: dropout, normalisation, merging, shaping."""

from collections.abc import Iterator

from minidl.inspect.explanation.facts import Hint
from minidl.inspect.explanation.hints.kinds import hints_for
from minidl.inspect.explanation.places import Place
from minidl.layers.core.input import InputLayer
from minidl.layers.core.prelu import PReLU
from minidl.layers.core.repeating import RepeatVector
from minidl.layers.core.shaping import Permute, Reshape
from minidl.layers.merge.arithmetic import Add
from minidl.layers.merge.joining import Concatenate
from minidl.layers.normalization.batch_normalization import BatchNormalization
from minidl.layers.normalization.layer_normalization import LayerNormalization
from minidl.layers.regularization.dropout import Dropout
from minidl.layers.regularization.gaussian_noise import GaussianNoise
from minidl.messages import say

__all__ = [
    "add",
    "batch_normalization",
    "concatenate",
    "dropout",
    "layer_normalization",
    "noise",
    "permute",
    "prelu",
    "repeat",
    "reshape",
    "rows",
]


@hints_for(InputLayer)
def rows(place: Place) -> Iterator[Hint]:
    """On the batch axis."""
    yield Hint(
        "input", say("Its shape is that of one sample; None in front is the batch, which may have any size.")
    )


@hints_for(Dropout)
def dropout(place: Place) -> Iterator[Hint]:
    """On what happens in training only."""
    rate = place.layer.rate
    if rate < 1:
        factor = 1 / (1 - rate)
        text = say(
            f"It has no parameters. In training a share of {rate:.6g} of the numbers becomes zero, and the others are "
            f"multiplied by {factor:.6g}, so that their mean stays; in inference it does nothing."
        )
        yield Hint("training", text, {"rate": rate, "factor": factor})


@hints_for(GaussianNoise)
def noise(place: Place) -> Iterator[Hint]:
    """On what happens in training only."""
    yield Hint("inference", say("It has no parameters, and does something in training only."))


@hints_for(BatchNormalization)
def batch_normalization(place: Place) -> Iterator[Hint]:
    """On the four arrays of weights."""
    layer = place.layer
    channels, arrays = layer.moving_mean.size, len(layer.weights)
    names = ", ".join(v.name for v in layer.weights)
    text = say(f"Each channel ({channels}) has numbers of its own ({arrays}): {names}.")
    yield Hint("parameters", text, {"channels": channels, "arrays": arrays})
    if not layer.trainable:
        return
    yield Hint(
        "inference",
        say(
            "In training each batch is normalised with its own mean and variance. moving_mean and moving_variance average "
            "those for inference: no gradient changes them, and so they count as non-trainable."
        ),
    )


@hints_for(PReLU)
def prelu(place: Place) -> Iterator[Hint]:
    """On slopes that are learnt."""
    slopes = place.layer.alpha.size
    text = say(f"The slopes for negative numbers are learnt ({slopes}); shared_axes makes do with fewer.")
    yield Hint("parameters", text, {"slopes": slopes})


@hints_for(LayerNormalization)
def layer_normalization(place: Place) -> Iterator[Hint]:
    """On the difference from BatchNormalization."""
    yield Hint(
        "inference",
        say(
            "Mean and variance are those of each sample's own features, so that training and inference do the same."
        ),
    )


@hints_for(Add)
def add(place: Place) -> Iterator[Hint]:
    """On residual connections."""
    yield Hint(
        "add",
        say(
            "It has no parameters. Going back, the gradient passes into each input unchanged: that is what a short cut "
            "past other layers is good for."
        ),
    )


@hints_for(Concatenate)
def concatenate(place: Place) -> Iterator[Hint]:
    """On sizes that add up."""
    axis = place.layer.axis % len(place.inputs[0])
    text = say(
        f"It has no parameters: the inputs are put side by side along axis {axis}, and nothing is added up."
    )
    yield Hint("no weights", text, {"axis": axis})


@hints_for(Reshape)
def reshape(place: Place) -> Iterator[Hint]:
    """On order."""
    yield Hint("order", say("The numbers stay in their order. To exchange axes, as in x.T, use Permute."))


@hints_for(Permute)
def permute(place: Place) -> Iterator[Hint]:
    """On order."""
    yield Hint(
        "order", say("The axes are exchanged, and with them the order of the numbers: no Reshape does that.")
    )


@hints_for(RepeatVector)
def repeat(place: Place) -> Iterator[Hint]:
    """On copies."""
    n = place.layer.n
    text = say(f"It has no parameters: the same numbers are handed to each time step ({n}).")
    yield Hint("copies", text, {"steps": n})
