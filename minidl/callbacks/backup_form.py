"""Whether a backup has the form of one, before anything in it is believed.

The checksums of its file say that it was not damaged, not that `BackupAndRestore` has written it.
"""

from typing import Any

import numpy as np

__all__ = ["malformed", "same_form"]

_COUNTS = ("began", "epoch", "batch", "first_step")


def malformed(backup: dict[str, Any]) -> str | None:
    """What in a backup is missing or of another kind, in words; None if nothing is.

    >>> malformed({"began": "now"})
    "'now' as began"
    """
    for name in _COUNTS:
        if not _is_count(backup.get(name)):
            return _got(backup, name)
    checks = {
        "steps": _is_count(backup.get("steps"), optional=True),
        "stopped": isinstance(backup.get("stopped"), bool),
        "scores": backup.get("scores", ...) is None or _are_numbers(backup.get("scores")),
        "callbacks": isinstance(backup.get("callbacks"), list) and all(map(_is_named, backup["callbacks"])),
        "model": isinstance(backup.get("model"), dict),
    }
    wrong = next((name for name, right in checks.items() if not right), None)
    return _got(backup, wrong) if wrong else _malformed_model(backup["model"])


def same_form(state: dict[str, Any], now: dict[str, Any]) -> bool:
    """Whether a callback's state has lists and dicts where there are such now.

    >>> same_form({"history": "x"}, {"history": {}}), same_form({"best": 0.5}, {"best": None})
    (False, True)
    """
    return all(
        isinstance(state[name], type(value)) and _alike(state[name], value)
        for name, value in now.items()
        if isinstance(value, list | dict) and name in state
    )


def _alike(value: Any, now: Any) -> bool:
    """Whether all entries of a dict are of one kind, and of that kind which it has now if there are any."""
    entries = [type(entry) for entry in (*value.values(), *now.values())] if isinstance(now, dict) else []
    return len(set(entries)) < 2


def _malformed_model(model: dict[str, Any]) -> str | None:
    lists = ("weights", "weight_names", "slots", "kept", "draws")
    wrong = next((name for name in lists if not isinstance(model.get(name), list)), None)
    if wrong is not None:
        return _got(model, wrong)
    if not all(isinstance(array, np.ndarray) for array in (*model["weights"], *model["slots"])):
        return "weights that are no arrays"
    if len(model["weights"]) != len(model["weight_names"]):
        return f"{len(model['weights'])} weights and {len(model['weight_names'])} names of them"
    if not all(isinstance(name, str) for name in (*model["weight_names"], model.get("optimizer"))):
        return "names that are no texts"
    if not all(
        isinstance(draw, tuple) and len(draw) == 3 and all(map(_is_count, draw)) for draw in model["draws"]
    ):
        return "random generators without a seed"
    return None


def _is_count(value: Any, optional: bool = False) -> bool:
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool) and bool(value >= 0)
    return whole or (optional and value is None)


def _are_numbers(scores: Any) -> bool:
    return (
        isinstance(scores, dict)
        and {"loss_sum", "samples", "loss_sums"} <= scores.keys()
        and all(
            isinstance(name, str) and isinstance(value, int | float | np.number | np.ndarray)
            for name, value in scores.items()
        )
    )


def _is_named(entry: Any) -> bool:
    """Whether it is a callback's name and its state."""
    return (
        isinstance(entry, tuple)
        and len(entry) == 2
        and isinstance(entry[0], str)
        and isinstance(entry[1], dict)
    )


def _got(part: dict[str, Any], name: str) -> str:
    return f"{part.get(name)!r:.60} as {name}"
