"""The outputs of a model as `compile` sees them: for each a loss, what it counts in the total, and its metrics.

With one output, what compile is told is meant for it. With several, a list goes by their order and a dict by their
names; one loss alone is meant for each of them. Outputs are known by name where the model was laid out with Inputs,
and by their keys where the model returns a dict. A list that comes out of a `call` of your own has no names.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from minidl import losses
from minidl.losses import Loss
from minidl.messages import say
from minidl.metrics import resolve
from minidl.models.data import checked_array
from minidl.utils.checks import chosen, did_you_mean, number
from minidl.utils.nested import flatten
from minidl.utils.registry import is_described

__all__ = ["Output", "by_output", "check_all", "outputs_of"]


class Output(NamedTuple):
    """One output of a model: what `compile` wants of it.

    An output without a name, in a list that a `call` of your own returns, has its `loss_name` from its loss. `place`
    follows the order of the losses, which need not be that of the outputs:

    >>> [output.loss_name for output in outputs_of([None, None], ["mse", losses.Huber()], None, None, None)]
    ['mse', 'huber_loss']
    >>> told = {"b": "mae", "a": "mse"}
    >>> [(output.name, output.place) for output in outputs_of(["a", "b"], told, None, None, None, keyed=True)]
    [('a', 1), ('b', 0)]
    """

    name: str | None  # stands in front of its metrics; None for the only output, and for one without a name
    loss: Loss | None
    loss_name: str  # its loss is called `<loss_name>_loss`
    weight: float  # of its loss in the total
    metrics: list[Any]
    weighted_metrics: list[Any]
    place: int = 0  # of its loss among the losses that `evaluate` lists


def outputs_of(
    names: Sequence[str | None],
    loss: Any,
    loss_weights: Any,
    metrics: Any,
    weighted_metrics: Any,
    keyed: bool = False,
) -> list[Output]:
    """What `compile` was told, output by output.

    Args:
        names: of the outputs, None for those without.
        loss, loss_weights, metrics, weighted_metrics: as it was told.
        keyed: whether the outputs are in a dict. Then losses in a dict are listed in its order, as in Keras.

    Raises:
        TypeError, ValueError: it does not fit these outputs, or is unknown.

    >>> left, right = outputs_of(["left", "right"], {"left": "mse"}, None, [["mae"], None], None)
    >>> left.loss, right.loss, left.metrics, right.metrics
    (MeanSquaredError(name='mean_squared_error', reduction='sum_over_batch_size'), None, ['mae'], [])
    """
    if len(names) == 1:
        for argument, value in (("loss", loss), ("loss_weights", loss_weights), ("metrics", metrics)):
            if isinstance(value, Mapping) and not is_described(value) and names[0] is not None:
                _check_names(argument, value, names)
        weight = _of_only("loss_weights", loss_weights)
        return [
            Output(
                None,
                _loss(_of_only("loss", loss)),
                names[0] or "output",
                _weight(weight),
                _as_list(_metrics_of_only(metrics)),
                _as_list(_metrics_of_only(weighted_metrics)),
            )
        ]
    if _is_number(loss_weights) and _is_several(loss):
        raise ValueError(
            say(
                f"compile expects loss_weights for {len(names)} outputs as a list or a dict, got {loss_weights!r}."
            )
        )
    columns = (
        _per_output("loss", loss, names),
        _per_output("loss_weights", loss_weights, names),
        _metrics_per_output("metrics", metrics, names),
        _metrics_per_output("weighted_metrics", weighted_metrics, names),
    )
    outputs: list[Output] = []
    for name, given, weight, own, weighted in zip(names, *columns, strict=True):
        its = _loss(given)
        loss_name = name or (given if isinstance(given, str) else "" if its is None else its.name)
        place = list(loss).index(name) if keyed and _is_several(loss) and name in loss else len(outputs)
        outputs.append(
            Output(name, its, loss_name, _weight(weight), _as_list(own), _as_list(weighted), place)
        )
    return outputs


def check_all(loss: Any, loss_weights: Any, *wanted: Any) -> None:
    """Raise what can be raised as long as the outputs are not known: for unknown names, and what is no number."""
    for given in flatten(loss, is_described):
        _loss(given)
    for weight in flatten(loss_weights):
        _weight(weight)
    for given in flatten(list(wanted), is_described):
        if given is not None:
            chosen("compile", "metrics", lambda metric: resolve(metric, (1, 1), (1, 1)), given)


def by_output(
    part: str, given: Any, names: Sequence[str | None], needed: Sequence[bool] | None = None
) -> list[Any] | None:
    """Targets or sample weights in a list, one for each of several outputs; None if there are none at all.

    Args:
        part: "y" or "sample_weight". One array of weights is for all outputs.
        given: what the caller passed: a list in the order of the outputs, or a dict by their names.
        names: of the outputs.
        needed: which of them have a loss. The others may be left out, or be None.

    Raises:
        ValueError: there are too few or too many, or names that no output has.
    """
    n = len(names)
    if given is None or (type(given) is list and len(given) == n):
        return given
    needed = [True] * n if needed is None or not any(needed) else needed
    known = [str(name) for name in names]
    if isinstance(given, Mapping):
        _check_names(part, given, known)
        if part == "y" and (
            missing := [k for k, want in zip(known, needed, strict=True) if want and k not in given]
        ):
            raise ValueError(
                say(f"y has no targets for {missing[0]!r}. The outputs: {', '.join(known):.200}.")
            )
        return [given.get(name) for name in known]
    if isinstance(given, list | tuple):
        if len(given) == n:
            return list(given)
        if part == "y" and len(given) == sum(needed):
            rest = iter(given)
            return [next(rest) if want else None for want in needed]
    elif part == "sample_weight":
        weights = checked_array(given, part)
        if weights.ndim != 1 and weights.shape[1:] != (1,):
            raise ValueError(
                say(
                    f"sample_weight for {n} outputs expects one weight for each sample, (N,), got shape {weights.shape}. "
                    "For other weights pass a list with one array for each output."
                )
            )
        return [weights] * n
    shown = f" ({', '.join(known)})" if any(names) else ""
    count = f"{len(given)} entries" if isinstance(given, list | tuple) else f"one {type(given).__name__}"
    raise ValueError(
        say(f"{part} expects a list of {n} arrays, one for each output{shown:.150}, got {count}.")
    )


def _of_only(argument: str, value: Any) -> Any:
    """What `compile` is told for the one output: value itself, [value], or {"name of the output": value}.

    Raises:
        ValueError: it is for several outputs.

    >>> _of_only("loss", ["mse"]), _of_only("loss", {"dense": "mae"}), _of_only("loss", "mse")
    ('mse', 'mae', 'mse')
    """
    if not _is_several(value):
        return value
    if len(value) != 1:
        raise ValueError(say(f"compile expects {argument} for one output, got {len(value)}."))
    return next(iter(value.values() if isinstance(value, Mapping) else value))


def _metrics_of_only(value: Any) -> Any:
    """Metrics in a list, by the name of the output, or in a list of lists, one for each output.

    >>> _metrics_of_only([["mae", "mse"]]), _metrics_of_only({"dense": ["mae"]}), _metrics_of_only(["mae"])
    (['mae', 'mse'], ['mae'], ['mae'])
    """
    if isinstance(value, Mapping):
        return _of_only("metrics", value)
    if isinstance(value, list | tuple) and any(isinstance(entry, list | tuple) for entry in value):
        return _of_only("metrics", value)
    return value


def _per_output(argument: str, value: Any, names: Sequence[str | None]) -> list[Any]:
    if isinstance(value, Mapping) and not is_described(value):
        _check_names(argument, value, names)
        return [value.get(name) for name in names]
    if not isinstance(value, list | tuple):
        return [value] * len(names)
    if len(value) != len(names):
        raise ValueError(
            say(
                f"compile expects {argument} for {len(names)} outputs, got {len(value)}. None stands for an output "
                "without one."
            )
        )
    return list(value)


def _metrics_per_output(argument: str, value: Any, names: Sequence[str | None]) -> list[Any]:
    if value is None or value == [] or value == ():
        return [None] * len(names)
    if not _is_several(value) or (isinstance(value, list | tuple) and len(value) != len(names)):
        raise ValueError(
            say(
                f"compile expects {argument} for {len(names)} outputs as a list with a list for each, or a dict by their "
                f"names, got {value!r:.80}. For example {argument}={[['mae']] * len(names)!r:.60}."
            )
        )
    return _per_output(argument, value, names)


def _check_names(argument: str, given: Mapping[Any, Any], names: Sequence[str | None]) -> None:
    known = [name for name in names if name is not None]
    for key in given:
        if key not in known:
            mend = did_you_mean(key, known) or f"The outputs: {', '.join(known) or 'no names':.200}."
            raise ValueError(say(f"{argument} names {key!r:.60}, which is no output. {mend}"))


def _loss(value: Any) -> Loss | None:
    loss: Loss | None = chosen("compile", "loss", losses.as_loss, value)
    return loss


def _weight(value: Any) -> float:
    return 1.0 if value is None else number("compile", "loss_weights", value)


def _is_several(value: Any) -> bool:
    return isinstance(value, list | tuple | Mapping) and not is_described(value)


def _is_number(value: Any) -> bool:
    return value is not None and not _is_several(value)


def _as_list(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]
