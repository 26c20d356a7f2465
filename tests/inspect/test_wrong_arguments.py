"""Whatever is given in the place of an argument of `minidl.inspect`: it is taken, or refused with a sentence."""

import numpy as np
import pytest

import minidl
from minidl import inspect
from minidl.layers import LSTM, Conv2D, Dense, Input

pytest.importorskip("matplotlib")

WRONG = [
    None, 3, -1, "abc", b"x", [], {}, object(), float("nan"), 1j, True, np.zeros(0), np.array(["a"]), [[1], [2, 3]],
    np.full((4, 6, 3), np.nan), np.zeros((4, 7, 3)), Dense, Dense(2), lambda v: v,
]  # fmt: skip


def arguments():
    """Each public function with arguments that it takes."""
    model = minidl.Sequential([Input((6, 3)), LSTM(4), Dense(2, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    x, y = np.zeros((4, 6, 3), "float32"), np.zeros(4, int)
    return {
        "compare": (model, x),
        "explain": (model,),
        "plot_confusion_matrix": (y, y),
        "plot_feature_maps": (model, x),
        "plot_filters": (Conv2D(2, 3),),
        "plot_gates": (model, x),
        "plot_gradcheck": (minidl.gradcheck(np.exp, [1.0]),),
        "plot_gradient_flow": (model, x, y),
        "plot_graph": (minidl.Tensor([1.0], requires_grad=True) * 2,),
        "plot_history": ({"loss": [1.0, 2.0]},),
        "plot_loss_landscape": (model, x, y),
        "plot_model": (model,),
        "plot_time_gradients": (model, x, y),
        "trace": (model, x, y),
        "write_report": (model, "page.html"),
    }


def test_every_function_is_tried():
    assert sorted(arguments()) == sorted(inspect.__all__)


@pytest.mark.parametrize("name", inspect.__all__)
def test_wrong_arguments_are_refused_with_a_sentence(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given, refused = arguments()[name], 0
    for place in range(len(given)):
        for wrong in WRONG:
            try:
                getattr(inspect, name)(*given[:place], wrong, *given[place + 1 :])
            except (TypeError, ValueError) as error:
                said = str(error)
                assert said.endswith((".", "?", ".)")), (place, wrong, said)
                assert len(said) < 400, (place, wrong, said)
                refused += 1
    assert refused > 5 * len(given)
