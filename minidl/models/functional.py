"""Functional: a model given by its ends, Model(inputs, outputs). The layers between them may form any graph.

    a, b = Input((3,)), Input((3,))
    y = Dense(2)(Concatenate()([Dense(4)(a), Dense(4)(b)]))
    model = Model([a, b], y)

Running it means: put the data at the inputs, then make every call of the graph in turn on real tensors. Backward needs
nothing more, since each op leaves its own node (`minidl.graph`).
"""

from collections.abc import Mapping
from typing import Any

from minidl.devices import is_array
from minidl.layers.base import Layer
from minidl.layers.core.input import InputLayer
from minidl.layers.core.operation import Operation
from minidl.layers.masks import attach
from minidl.messages import say
from minidl.models.entrance import DeclaredShapes, of_rank
from minidl.models.graph_config import graph_config, graph_from_config
from minidl.models.model import Model
from minidl.models.plan import Plan
from minidl.models.wiring import repeated, warn_unused, wiring
from minidl.symbolic import Shape, SymbolicTensor, is_shape, shapes_of
from minidl.tensor import Tensor
from minidl.utils.checks import flag
from minidl.utils.nested import alongside, flatten, mapped, packed

__all__ = ["Functional"]


class Functional(Model):
    """A graph of layers. `Model(inputs, outputs)` makes one.

    Args:
        inputs: what `Input` gave, or a list or dict of those. The output of another layer will do as well: the model
            then begins behind that layer.
        outputs: a symbolic tensor, or a list or dict of them. Calls and `predict` answer in the same form.
        name, trainable: as for any layer.

    Raises:
        TypeError: something is no symbolic tensor.
        ValueError: the outputs cannot be computed from the inputs, or two layers have the same name.

    >>> from minidl.layers import Dense, Input
    >>> x = Input(shape=(4,))
    >>> model = Model(x, x + Dense(4)(x))
    >>> model.output_shape, model.count_params()
    ((None, 4), 20)
    """

    repeats = True

    def __init__(
        self, inputs: Any, outputs: Any = None, name: str | None = None, trainable: bool = True, **kwargs: Any
    ):
        super().__init__(name=name, **kwargs)
        _check_end(self.name, "inputs", inputs)
        _check_end(self.name, "outputs", outputs)
        if not all(isinstance(x.maker, InputLayer) for x in flatten(inputs)):
            inputs, outputs = _begun_there(self.name, inputs, outputs)
        self._inputs, self._outputs = inputs, outputs
        self.inputs: list[SymbolicTensor] = flatten(inputs)
        self.outputs: list[SymbolicTensor] = flatten(outputs)
        calls, layers = wiring(self.name, self.inputs, self.outputs)
        ends = {id(y) for y in self.outputs}
        warn_unused(self.name, [x for x in self.inputs if id(x) not in ends], calls)
        names = [layer.name for layer in layers]
        if twice := [n for n in names if names.count(n) > 1]:
            raise ValueError(
                say(
                    f"{self.name} has several layers called {twice[0]!r}, and weights and files go by the name. "
                    "Give each a name of its own, as in Dense(8, name='hidden')."
                )
            )
        self.calls = calls
        self.operations = tuple(layers)
        self._noted_layers[:] = [layer for layer in layers if not isinstance(layer, Operation)]
        self._plan = Plan(calls, self.inputs, self.outputs)
        self.input_spec = DeclaredShapes([x.shape for x in self.inputs], self.input_names)
        self.built, self._built_for = True, shapes_of(inputs)
        if not flag("Model", "trainable", trainable):
            self.trainable = False

    # --- the ends -------------------------------------------------------------------------------------------

    @property
    def input(self) -> Any:
        """The symbolic input, or the list or dict of them, that the model was made with."""
        return self._inputs

    @property
    def output(self) -> Any:
        """The symbolic output, or the list or dict of them, that the model was made with."""
        return self._outputs

    @property
    def input_names(self) -> list[str]:
        """The names of the inputs: those of the layers that `Input` made."""
        return [x.maker.name for x in self.inputs]

    @property
    def output_names(self) -> list[str]:
        """The names of the outputs: those of the layers they come from."""
        return [y.maker.name for y in self.outputs]

    @property
    def input_shape(self) -> Any:
        return _shapes(self.inputs)

    @property
    def output_shape(self) -> Any:
        return _shapes(self.outputs)

    # --- running --------------------------------------------------------------------------------------------

    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        return super().__call__(self._in_order(inputs), *args, **kwargs)

    def _in_order(self, inputs: Any) -> Any:
        """The one input, or a list with what each of several inputs gets. A dict goes by names."""
        if len(self.inputs) == 1 and _is_tensor(inputs):
            return inputs
        names = self.input_names
        if len(along := alongside(self._inputs, inputs)) == len(names) > 1:
            inputs = along
        if isinstance(inputs, Mapping):
            keys = sorted(self._inputs) if isinstance(self._inputs, Mapping) else names
            keys = names if not set(keys) <= set(inputs) else keys
            if missing := [key for key in keys if key not in inputs]:
                raise ValueError(
                    say(f"{self.name} expects inputs called {names}, got {list(inputs)}: no {missing[0]!r}.")
                )
            inputs = [inputs[key] for key in keys]
        several = isinstance(inputs, list | tuple)
        if len(names) == 1:
            return inputs[0] if several and len(inputs) == 1 and _is_tensor(inputs[0]) else inputs
        if not several or len(inputs) != len(names):
            got = f"{len(inputs)} of them" if several else "one"
            raise ValueError(
                say(f"{self.name} expects a list of {len(names)} inputs ({', '.join(names)}), got {got}.")
            )
        return [x if _is_tensor(x) else Tensor(x) for x in inputs]

    def call(self, inputs: Any, training: bool = False, mask: Any = None) -> Any:
        given = inputs if isinstance(inputs, list) else [inputs]
        masks = mask if isinstance(mask, list) else [mask] * len(given)
        values = []
        for x, own_mask, declared in zip(given, masks, self.inputs, strict=True):
            fitting = x if x.ndim == declared.ndim else x.reshape(of_rank(declared.shape, x.shape))
            values.append(fitting if own_mask is None else attach(fitting, inputs, own_mask))
        outputs = self._plan.run(values, training)
        return outputs[0] if _is_one(self._outputs) else packed(self._outputs, outputs)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shape of the output, or a list or dict of them, for inputs of other sizes than the declared ones."""
        given = [input_shape] if is_shape(input_shape) else list(input_shape)
        known: dict[int, Shape] = {
            id(x): of_rank(x.shape, tuple(shape)) for x, shape in zip(self.inputs, given, strict=True)
        }
        if all(known[id(x)] == x.shape for x in self.inputs):
            return mapped(lambda y: y.shape, self._outputs)
        for call in self.calls:
            if not isinstance(call.layer, InputLayer):
                replaced = mapped(lambda x: _resized(x, known), [call.args, call.kwargs])
                shapes, _ = call.layer._symbolic_output(*replaced)
                known.update(zip(map(id, call.outputs), map(tuple, flatten(shapes, is_shape)), strict=True))
        return mapped(lambda y: known[id(y)], self._outputs)

    # --- configuration --------------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """Name, layers and how they are connected as plain data, in the form of Keras 3."""
        return graph_config(self)

    @classmethod
    def from_config(
        cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None
    ) -> "Functional":
        """A new model with new weights from `get_config`; `custom_objects` are your own layers by name.

        Raises:
            ValueError: `config` is not of that form, or names a layer that is not known.
        """
        inputs, outputs = graph_from_config(config, custom_objects)
        model = cls(inputs, outputs, name=config.get("name"))
        model._trainable = bool(config.get("trainable", True))  # each layer has brought its own
        return model


def _check_end(owner: str, end: str, structure: Any) -> None:
    tensors = flatten(structure)
    for x in tensors:
        if not isinstance(x, SymbolicTensor):
            got = f"an array of shape {x.shape}" if _is_tensor(x) else f"{x!r:.80}"
            mend = "Data goes to predict and fit." if x is not None else "Write Model(inputs, outputs)."
            mend = "Call it first, on an Input." if isinstance(x, Layer) else mend
            raise TypeError(
                say(f"{owner} expects {end} to be what Input and layers return, got {got}. {mend}")
            )
    if not tensors:
        raise ValueError(say(f"{owner} expects at least one of {end}, got {structure!r:.40}."))
    if end == "inputs" and len({id(x) for x in tensors}) < len(tensors):
        raise ValueError(say(f"{owner} expects each of its inputs once, got one of them twice."))


def _begun_there(owner: str, inputs: Any, outputs: Any) -> tuple[Any, Any]:
    """The same graph with an Input in place of each tensor of `inputs` that another layer made."""
    fresh = {
        id(x): x if isinstance(x.maker, InputLayer) else InputLayer(batch_shape=x.shape, dtype=x.dtype).output
        for x in flatten(inputs)
    }
    begun = repeated(wiring(owner, flatten(inputs), flatten(outputs))[0], fresh)
    return mapped(lambda x: fresh[id(x)], inputs), mapped(lambda y: begun[id(y)], outputs)


def _is_one(structure: Any) -> bool:
    """Whether this is a list of one tensor: a call on data gives the tensor itself then, as in Keras."""
    return isinstance(structure, list | tuple) and [type(x) for x in structure] == [SymbolicTensor]


def _resized(x: Any, known: Mapping[int, Shape]) -> Any:
    return SymbolicTensor(known[id(x)], x.dtype, x.name) if isinstance(x, SymbolicTensor) else x


def _shapes(tensors: list[SymbolicTensor]) -> Any:
    return tensors[0].shape if len(tensors) == 1 else [x.shape for x in tensors]


def _is_tensor(x: Any) -> bool:
    return isinstance(x, Tensor | SymbolicTensor) or is_array(x)
