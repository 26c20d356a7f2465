"""Which array goes to which input of a model, and which target belongs to which output.

    one input, one output       arrays; a list of rows is an array too
    several                     a list in the order of the inputs or outputs, or a dict by their names

A model made of `Input`s says what it has. A class with its own `call` does not: its x is passed to `call` in the
form it has, and whether a list holds several inputs or the samples of one follows from the sizes of what is in it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from minidl.devices import on_gpu
from minidl.messages import say
from minidl.models.data import Batch, checked, checked_array, one_batch, unlisted
from minidl.models.outputs import Output, by_output
from minidl.models.placing import home_of
from minidl.models.whole_data import check_values
from minidl.symbolic import is_shape, shapes_of
from minidl.utils.checks import did_you_mean
from minidl.utils.nested import alongside, mapped

__all__ = ["Arrangement", "names_of_inputs", "names_of_outputs"]


class Arrangement:
    """Makes batches for a model of what its user passes: x, y and sample_weight.

    Args:
        model: it is asked for its inputs and outputs, if it knows them.
        outputs: what `compile` was told of each output; None as long as they are not known.
    """

    def __init__(self, model: Any, outputs: Sequence[Output] | None = None):
        self.owner = model.name
        self._on_gpu = None if home_of(model) == "cpu" else model
        self.inputs = names_of_inputs(model)
        self.structure = getattr(model, "input", None)  # the Inputs, in the form that x may have too
        self.ends = getattr(model, "output", None)  # the outputs, in the form that y may have too
        # The names of the Inputs, which a dict may have in place of the keys that the model was made with:
        self.layer_names = getattr(model, "input_names", None)
        names = names_of_outputs(model)
        self.outputs = [o.name for o in outputs] if names is None and outputs is not None else names
        self.needed = [output.loss is not None for output in outputs or ()]
        self._labels = [name for name in self.outputs or () if name is not None] or None
        self.expected = _expected_shape(model)
        self.one_input = model.one_to_one or len(self.inputs or ()) == 1
        self.one_output = model.one_to_one if self.outputs is None else len(self.outputs) == 1

    def __call__(self, x: Any, y: Any = None, sample_weight: Any = None) -> Batch:
        """The batch, of arrays that fit together.

        Raises:
            TypeError, ValueError: they are no numbers, too few or too many, or of different lengths.
        """
        batch = self._batch(x, y, sample_weight)
        self._look_at(batch)
        return batch

    def _look_at(self, batch: Batch) -> None:
        """What goes to a GPU is looked at before it moves: there the host would have to wait in each step.

        What is there already is left alone, for the same reason; `fit` looks at it once (`check_whole`).
        """
        if self._on_gpu is not None:
            here = Batch(*(mapped(lambda a: None if on_gpu(a) else a, part) for part in batch))
            check_values(self._on_gpu, here, bounds=True)

    def _batch(self, x: Any, y: Any, sample_weight: Any) -> Batch:
        several_inputs = self._has_several_inputs(x, y)
        x = self._by_input(x) if several_inputs else self._named(x)
        several_outputs = self._has_several_outputs(y, _first(x) if several_inputs else _alone(x))
        if not several_outputs:
            y, sample_weight = self._only(y), self._only(sample_weight)
            if not several_inputs:
                return one_batch(*unlisted(self.expected, x, y, sample_weight))
            y, sample_weight = _alone(y), _alone(sample_weight)
        elif self.outputs is not None:
            y, sample_weight = self._flat(y), self._flat(sample_weight)
            y = by_output("y", y, self.outputs, self.needed)
            sample_weight = by_output("sample_weight", sample_weight, self.outputs)
        if not several_inputs:
            x = unlisted(self.expected, x)[0]
        batch = Batch(
            _arrays("x", x, several_inputs),
            _arrays("y", y, several_outputs),
            _arrays("sample_weight", sample_weight, several_outputs and isinstance(sample_weight, _SEVERAL)),
        )
        return checked(batch, self.inputs, self._labels)

    def only_x(self, x: Any) -> Any:
        """The inputs alone; there may be no samples at all."""
        several = self._has_several_inputs(x, None)
        x = _arrays(
            "x", self._by_input(x) if several else unlisted(self.expected, self._named(x))[0], several
        )
        self._look_at(Batch(x))
        return x

    # --- inputs ---------------------------------------------------------------------------------------------

    def _has_several_inputs(self, x: Any, y: Any) -> bool:
        if self.inputs is not None or self.one_input:
            return not self.one_input
        if self.expected is not None:  # a class of your own that has seen data
            return isinstance(x, _SEVERAL) and not is_shape(self.expected)
        return isinstance(x, Mapping) or _are_inputs(x, y)

    def _by_input(self, x: Any) -> Any:
        """What there is for each of several inputs, in their order."""
        if self.inputs is None:
            return x
        names = self.inputs
        if len(along := alongside(self.structure, x)) == len(names):
            return along
        if isinstance(x, Mapping):
            keys = self.layer_names if self.layer_names and set(self.layer_names) <= set(x) else names
            for key in keys:
                if key not in x:
                    hints = (did_you_mean(other, [key]) for other in x if other not in keys)
                    mend = next((f" {hint}" for hint in hints if hint), "")
                    got = f"{', '.join(map(repr, x)):.150}"
                    raise ValueError(say(f"{self.owner} has an input {key!r}, x has {got}.{mend}"))
            return [x[key] for key in keys]
        if not isinstance(x, list | tuple) or len(x) != len(names):
            got = f"{len(x)} entries" if isinstance(x, list | tuple) else f"one {type(x).__name__}"
            raise ValueError(
                say(
                    f"{self.owner} expects x to be a list of {len(names)} arrays, one for each input "
                    f"({', '.join(names):.150}), got {got}."
                )
            )
        return list(x)

    def _named(self, x: Any) -> Any:
        """The one input, out of a dict by its name if need be."""
        if isinstance(x, Mapping) and self.inputs is not None:
            for name in (*self.inputs, *(self.layer_names or ())):
                if name in x:
                    return x[name]
            raise ValueError(say(f"{self.owner} has the input {self.inputs[0]!r}, x names {list(x)!r:.100}."))
        return x

    # --- outputs --------------------------------------------------------------------------------------------

    def _has_several_outputs(self, y: Any, x: Any) -> bool:
        """Whether y is for several outputs; `x` is the first input."""
        if self.outputs is not None or self.one_output:
            return not self.one_output
        if isinstance(y, Mapping):
            return True
        if not isinstance(y, list | tuple) or len(y) < 2:
            return False
        arrays = [part for part in y if part is not None]
        n = len(x) if hasattr(x, "__len__") else 0
        return all(_is_array(part) and len(part) == n for part in arrays) and len(y) != n

    def _flat(self, part: Any) -> Any:
        """What there is for each output, if it comes in the form of outputs that are nested."""
        parts: Any = self.ends.values() if isinstance(self.ends, Mapping) else self.ends
        if not isinstance(self.ends, _SEVERAL) or not any(isinstance(inner, _SEVERAL) for inner in parts):
            return part
        along = alongside(self.ends, part)
        return along if len(along) == len(self.outputs or ()) else part

    def _only(self, part: Any) -> Any:
        """What there is for the one output, out of a dict by its name if need be."""
        if isinstance(part, Mapping) and self.outputs is not None and len(part) == 1:
            return part.get(self.outputs[0], part)
        return part


_SEVERAL = (list, tuple, Mapping)


def names_of_inputs(model: Any) -> list[str] | None:
    """What the inputs of a model are called: the keys of the dict it was made with, or their names."""
    return _names(model, "input")


def names_of_outputs(model: Any) -> list[str] | None:
    """What the outputs of a model are called: the keys of the dict it was made with, or the names of layers."""
    return _names(model, "output")


def _names(model: Any, end: str) -> list[str] | None:
    structure = getattr(model, end, None)
    if structure is None or not hasattr(model, f"{end}_names"):
        return None
    named = isinstance(structure, Mapping) and not any(isinstance(s, _SEVERAL) for s in structure.values())
    return [str(key) for key in sorted(structure)] if named else list(getattr(model, f"{end}_names"))


def _expected_shape(model: Any) -> Any:
    """The shape of a batch of inputs, or of several; None as long as it is not known."""
    end = getattr(model, "input", None)
    end = end[0] if isinstance(end, list | tuple) and len(end) == 1 else end
    return model._built_for if end is None else shapes_of(end)


def _are_inputs(x: Any, y: Any) -> bool:
    """Whether a list holds arrays for several inputs; otherwise it holds samples.

    As many arrays as targets are samples, arrays that are as long as the targets are inputs. Where that does not
    tell, vectors are samples.
    """
    if not isinstance(x, list | tuple) or len(x) < 2 or not all(map(_is_array, x)):
        return False
    lengths = {len(part) for part in x}
    if _is_array(y) and (len(y) in lengths) != (len(y) == len(x)):
        return len(y) in lengths
    return all(part.ndim > 1 for part in x)


def _is_array(part: Any) -> bool:
    return getattr(part, "ndim", 0) > 0


def _first(x: Any) -> Any:
    """One of several inputs."""
    return next(iter(x.values() if isinstance(x, Mapping) else x), None)


def _alone(part: Any) -> Any:
    """The array in a list of one."""
    return part[0] if isinstance(part, list | tuple) and len(part) == 1 and _is_array(part[0]) else part


def _arrays(name: str, part: Any, several: bool) -> Any:
    """A part of a batch as checked arrays."""
    if part is None:
        return None if name != "x" else checked_array(part, name)
    if not several:
        return checked_array(part, name)
    named = part.items() if isinstance(part, Mapping) else enumerate(part)
    arrays = {
        key: None if p is None and name != "x" else checked_array(p, f"{name}[{key!r}]") for key, p in named
    }
    return arrays if isinstance(part, Mapping) else list(arrays.values())
