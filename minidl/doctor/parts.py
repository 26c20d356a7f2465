"""Checks of the model by itself: what can be seen in its layers and weights before anything runs."""

from collections.abc import Iterator, Sequence
from typing import Any

from minidl.doctor.patient import Patient, Seen
from minidl.doctor.report import Finding, error, note, warning
from minidl.messages import say
from minidl.models.parts import parts

__all__ = ["check_chains", "check_parts"]

_DROPOUTS = {"Dropout", "SpatialDropout1D", "SpatialDropout2D"}
_MOST_DROPPED = 0.7  # 0.5 hides half of a layer and is the usual most (N. Srivastava et al., 2014)
_PER_SAMPLE = (
    1000.0  # weights for each sample: that many can learn any labels by heart (C. Zhang et al., 2017)
)
_BATCH = 32  # the batch size of fit, if none is given


def check_parts(patient: Patient, last: Sequence[Any]) -> Iterator[Finding]:
    """All findings about layers and weights; `last` are the layers the model ends in."""
    yield from _trainable(patient)
    for layer in parts(patient.model):
        yield from _dropout(layer)
        yield from _batch_of_one(layer, patient.data.samples)
        if all(layer is not end for end in last):
            yield from _symmetry(layer)
    yield from _size(patient)


def check_chains(seen: Sequence[Seen]) -> Iterator[Finding]:
    """A linear map of a linear map is one linear map: W₂(W₁x + b₁) + b₂ = (W₂W₁)x + (W₂b₁ + b₂)."""
    for first in seen:
        readers = [s.layer for s in seen if any(t is made for t in s.inputs for made in first.outputs)]
        if _is_linear(first.layer) and readers and all(type(layer).__name__ == "Dense" for layer in readers):
            yield note(
                "activation",
                first.layer.name,
                say(
                    f"Between {first.layer} and {readers[0]} there is no activation: together they can do no more than "
                    "one Dense layer."
                ),
                say("Use activation='relu' in all layers but the last, or leave one of the two out."),
            )


def _is_linear(layer: Any) -> bool:
    return type(layer).__name__ == "Dense" and getattr(layer.activation, "__name__", "") == "linear"


def _trainable(patient: Patient) -> Iterator[Finding]:
    """Freezing is for layers that are trained already; something must remain that learns."""
    model = patient.model
    if not model.weights:
        yield error(
            "weights",
            None,
            say(f"{model.name} has no weights. There is nothing that training could change."),
            say("Add a layer with weights, such as Dense."),
        )
    elif not model.trainable_weights:
        yield error(
            "weights",
            None,
            say(
                f"All {len(model.weights)} weights of {model.name} are frozen (trainable=False). Nothing will be learnt."
            ),
            say("Set layer.trainable = True for the layers that should learn, and call compile again."),
        )


def _dropout(layer: Any) -> Iterator[Finding]:
    """Dropout trains a different thinned network at each step; of a very thin one not much is left to train."""
    rate = getattr(layer, "rate", None)
    if type(layer).__name__ in _DROPOUTS and rate is not None and rate > _MOST_DROPPED:
        yield warning(
            "dropout",
            layer.name,
            say(f"{layer} sets {rate:.0%} of its inputs to 0 in training. Little is left to learn from."),
            say(
                "Use rates from 0.1 to 0.5. The rate is the share that is dropped, not the share that is kept."
            ),
            rate=float(rate),
        )


def _batch_of_one(layer: Any, samples: int) -> Iterator[Finding]:
    """The variance of one sample is 0: BatchNormalization (S. Ioffe and C. Szegedy, 2015) then gives its bias alone."""
    shape = layer._built_for
    if type(layer).__name__ != "BatchNormalization" or not isinstance(shape, tuple) or len(shape) != 2:
        return
    if samples == 1:
        yield warning(
            "batch",
            layer.name,
            say(
                f"{layer} has one sample to take statistics of. Its output in training is the same whatever the input."
            ),
            say("Train on batches of 8 and more, or use LayerNormalization, which needs no batch."),
        )
    elif samples % _BATCH == 1:
        yield note(
            "batch",
            layer.name,
            say(
                f"{samples} samples in batches of {_BATCH} leave a last batch of one sample, of which {layer} can take no "
                "statistics: its output in that step is the same whatever the input."
            ),
            say("Choose another batch_size, or leave out one sample."),
        )


def _symmetry(layer: Any) -> Iterator[Finding]:
    """Units that begin alike get the same gradients and stay alike: the layer is one unit, many times over."""
    for v in layer._variables:
        same = v.ndim > 1 and v.shape[-1] > 1 and v.size and bool((v.data == v.data[..., :1]).all())
        if same and v.trainable:
            yield error(
                "weights",
                layer.name,
                say(
                    f"All {v.shape[-1]} units of {layer} have the same weights in {v.name!r} (the first is "
                    f"{float(v.data.ravel()[0]):.3g}). They get the same gradients and will never differ."
                ),
                say(
                    "Use random initial weights, such as the default 'glorot_uniform'; zeros are for biases."
                ),
            )
            return


def _size(patient: Patient) -> Iterator[Finding]:
    """Far more weights than samples can hold all answers without having understood any."""
    count = sum(v.size for v in patient.model.trainable_weights)
    samples = patient.data.samples
    if count > _PER_SAMPLE * samples:
        yield note(
            "size",
            None,
            say(
                f"The model has {count:,} weights to train and {samples:,} samples. It can learn them by heart."
            ),
            say(
                "Watch val_loss, stop early, use a smaller model or Dropout, or begin with weights trained elsewhere."
            ),
            weights=int(count),
            samples=samples,
        )
