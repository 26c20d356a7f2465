"""Names to objects and back: nothing outside the table, and messages that help."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minidl.utils.registry import Configurable, deserialize_object, get_object, lookup, serialize_object


class GlorotUniform(Configurable):
    def __init__(self, seed=None):
        self.seed = seed

    def get_config(self):
        return {"seed": self.seed}


def relu(x):
    return max(x, 0)


NAMES = {"GlorotUniform": GlorotUniform, "relu": relu, "mean_squared_error": len}


@pytest.mark.parametrize("spelling", ["GlorotUniform", "glorot_uniform", "glorotuniform"])
def test_both_spellings_find_the_class(spelling):
    assert lookup("initializer", NAMES, spelling) is GlorotUniform


def test_camel_case_finds_a_snake_case_entry():
    assert lookup("loss", NAMES, "MeanSquaredError") is len


def test_an_exact_name_wins_over_another_spelling():
    names = {"BinaryCrossentropy": 1, "binary_crossentropy": 2}
    assert lookup("loss", names, "binary_crossentropy") == 2
    assert lookup("loss", names, "BinaryCrossentropy") == 1
    assert lookup("loss", names, "binarycrossentropy") == 1  # the first entry


@pytest.mark.parametrize(("typo", "meant"), [("rleu", "relu"), ("glorot_unifrom", "GlorotUniform")])
def test_a_typo_is_answered_with_the_name_that_was_meant(typo, meant):
    with pytest.raises(ValueError, match=f"Unknown thing '{typo}'. Did you mean '{meant}'"):
        lookup("thing", NAMES, typo)


def test_an_unlike_name_is_answered_with_the_known_ones():
    with pytest.raises(ValueError, match="Known names: GlorotUniform, mean_squared_error, relu"):
        lookup("thing", NAMES, "xyzzy")


@given(st.text(max_size=200).map(lambda text: text + "!"))
@settings(deadline=None, max_examples=50)
def test_any_other_text_is_refused_with_a_short_message(name):
    with pytest.raises(ValueError, match="Unknown thing") as caught:
        lookup("thing", NAMES, name)
    assert len(str(caught.value)) < 400


def test_names_are_strings():
    with pytest.raises(TypeError, match="chosen by its name, got int 3"):
        lookup("thing", NAMES, 3)


def test_a_configurable_object_prints_as_it_is_made():
    assert repr(GlorotUniform(seed=3)) == "GlorotUniform(seed=3)"
    assert len(repr(GlorotUniform(seed=list(range(1000))))) < 100
    assert repr(Configurable.from_config(Configurable().get_config())) == "Configurable()"


def test_an_object_survives_json():
    config = json.loads(json.dumps(serialize_object(GlorotUniform(seed=3))))
    assert config == {"class_name": "GlorotUniform", "config": {"seed": 3}}
    back = deserialize_object("initializer", NAMES, config)
    assert isinstance(back, GlorotUniform)
    assert back.seed == 3


def test_a_function_is_described_by_its_name():
    assert serialize_object(relu) == "relu"
    assert deserialize_object("activation", NAMES, "relu") is relu


def test_none_and_names_describe_themselves():
    assert serialize_object(None) is None
    assert serialize_object("relu") == "relu"


@pytest.mark.parametrize("nameless", [lambda x: x, GlorotUniform, 3])
def test_what_has_no_description_is_refused(nameless):
    with pytest.raises(TypeError, match="can be written to a file"):
        serialize_object(nameless)


def test_keys_that_keras_adds_are_not_read():
    config = {
        "module": "os",
        "class_name": "GlorotUniform",
        "config": {"seed": 1},
        "registered_name": "os>system",
    }
    assert deserialize_object("initializer", NAMES, config).seed == 1


@pytest.mark.parametrize(
    "config",
    [
        None,
        3,
        ["GlorotUniform"],
        {},
        {"class_name": "GlorotUniform"},
        {"class_name": 3, "config": {}},
        {"class_name": "GlorotUniform", "config": [1]},
        {"class_name": "os.system", "config": {"command": "true"}},
        {"class_name": "GlorotUniform", "config": {"seeds": 1}},
        {"class_name": "relu", "config": {}},
    ],
)
def test_any_other_description_is_a_value_error(config):
    with pytest.raises(ValueError, match=r"initializer") as caught:
        deserialize_object("initializer", NAMES, config)
    assert len(str(caught.value)) < 400


def test_custom_objects_come_first():
    class Mine(GlorotUniform):
        pass

    config = {"class_name": "GlorotUniform", "config": {}}
    assert type(deserialize_object("initializer", NAMES, config, {"GlorotUniform": Mine})) is Mine
    assert type(get_object("initializer", NAMES, "Mine", {"Mine": Mine})) is Mine


def test_get_takes_every_form():
    instance = GlorotUniform(seed=5)
    assert get_object("initializer", NAMES, None) is None
    assert get_object("initializer", NAMES, instance.get_config) == instance.get_config
    assert get_object("activation", NAMES, relu) is relu
    assert get_object("initializer", NAMES, GlorotUniform).seed is None
    assert get_object("initializer", NAMES, "glorot_uniform").seed is None
    assert get_object("initializer", NAMES, serialize_object(instance)).seed == 5
    with pytest.raises(TypeError, match="Expected an initializer"):
        get_object("initializer", NAMES, 3)


def test_every_name_makes_an_object_of_its_own():
    assert get_object("initializer", NAMES, "glorot_uniform") is not get_object(
        "initializer", NAMES, "glorot_uniform"
    )
