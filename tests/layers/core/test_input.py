"""Input: shapes it describes, and the shapes it refuses."""

import numpy as np
import pytest

from minidl.layers import Dense, Input, InputLayer
from minidl.symbolic import SymbolicTensor


def test_shapes():
    assert Input(shape=(28, 28, 1)).shape == (None, 28, 28, 1)
    assert Input((None, 9)).shape == (None, None, 9)
    assert Input(()).shape == (None,)
    assert Input((4,), batch_size=32).shape == (32, 4)
    assert Input(batch_shape=(32, 4)).shape == (32, 4)
    assert Input(shape=[np.int64(4)]).shape == (None, 4)
    assert InputLayer(input_shape=(4,)).batch_shape == (None, 4)


def test_name_dtype_and_maker():
    x = Input((4,), dtype="int32", name="ids")
    assert (x.name, x.dtype, x.ndim) == ("ids", "int32", 2)
    assert isinstance(x.maker, InputLayer)
    assert x.maker.output is x
    assert Input((4,)).name == "input_layer"
    assert Input((4,)).name == "input_layer_1"


def test_the_layer_passes_data_on_as_it_is():
    x = np.array([[1, 2]], np.int8)
    y = InputLayer((2,))(x)
    assert y.dtype == np.int8
    assert y.numpy() is x


def test_config():
    config = InputLayer((None, 3), batch_size=2, dtype="int32", name="x").get_config()
    assert config == {"batch_shape": (2, None, 3), "dtype": "int32", "name": "x"}
    assert InputLayer.from_config(config).get_config() == config


@pytest.mark.parametrize(
    "arguments",
    [
        {"shape": 4}, {"shape": (0,)}, {"shape": (-1, 3)}, {"shape": (2.0,)}, {"shape": ("4",)}, {"shape": "ab"},
        {"shape": (True,)}, {"batch_shape": 4}, {"batch_shape": (None, -3)}, {"shape": (3,), "batch_size": 0},
        {"shape": (3,), "batch_size": 1.5}, {"shape": {3: 4}},
    ],
)  # fmt: skip
def test_what_is_no_shape(arguments):
    with pytest.raises(
        (ValueError, TypeError), match=r"Input expects (batch_)?s.* whole numbers > 0"
    ) as caught:
        Input(**arguments)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("more", [{"shape": (4,)}, {"batch_size": 2}])
def test_a_shape_of_the_batch_stands_alone(more):
    with pytest.raises(ValueError, match="Input expects batch_shape alone"):
        Input(batch_shape=(None, 4), **more)


def test_no_shape_at_all():
    with pytest.raises(ValueError, match=r"Input expects shape.*Input\(shape=\(28, 28, 1\)\)"):
        Input()


@pytest.mark.parametrize("dtype", ["strange", "U3", object])
def test_what_is_no_type_of_numbers(dtype):
    with pytest.raises(ValueError, match="expects dtype to be a type of numbers, got"):
        Input((3,), dtype=dtype)


def test_a_symbolic_tensor_is_no_data():
    x = Input((4,), name="x")
    assert repr(x) == "<SymbolicTensor shape=(None, 4), dtype=float32, name=x>"
    with pytest.raises(TypeError, match=r"name=x> holds no numbers.*call the model on real data"):
        np.asarray(x)
    y = Dense(3, name="d")(x)
    assert isinstance(y, SymbolicTensor)
    assert (y.shape, y.name, y.maker.name) == ((None, 3), "d_output", "d")
