"""Small models that are no plain chains, built with the layers and Model of minidl or of Keras."""


def ensemble(kit):
    """Two inputs, two outputs, 3,058 parameters."""
    Input, Model, L = kit.Input, kit.Model, kit.layers
    first = Input(shape=(3, 1), name="input_1")
    d = L.LSTM(8, name="lstm_1")(first)
    for units, name in ((4, "dense_1"), (6, "dense_2"), (2, "dense_3")):
        d = L.Dense(units, name=name)(d)
    second = Input(shape=(3, 1), name="input_2")
    e = L.LSTM(8, name="lstm_2")(second)
    e = L.Dense(4, name="dense_5")(L.Dense(6, name="dense_4")(e))
    m = L.Concatenate(name="concatenate_1")([d, e])
    for units, name in ((4, "dense_6"), (10, "dense_7"), (4, "dense_8")):
        m = L.Dense(units, name=name)(m)
    one = L.Dense(3, name="dense_11")(L.Dense(32, name="dense_10")(L.Dense(16, name="dense_9")(m)))
    two = L.Dense(3, name="dense_14")(L.Dense(16, name="dense_13")(L.Dense(64, name="dense_12")(m)))
    return Model([first, second], [one, two], name="ensemble")


def residual(kit, blocks=2):
    """A convolutional network whose blocks have a shortcut, the first with a convolution on it."""
    L = kit.layers
    x = front = kit.Input(shape=(8, 8, 3), name="image")
    x = L.Conv2D(4, 3, padding="same", name="conv")(x)
    for i in range(blocks):
        short = x if i else L.Conv2D(4, 1, name=f"block{i}_0_conv")(x)
        y = L.BatchNormalization(name=f"block{i}_1_bn")(L.Conv2D(4, 1, name=f"block{i}_1_conv")(x))
        y = L.Activation("relu", name=f"block{i}_1_relu")(y)
        y = L.Conv2D(4, 3, padding="same", name=f"block{i}_2_conv")(y)
        x = L.Activation("relu", name=f"block{i}_out")(L.Add(name=f"block{i}_add")([short, y]))
    x = L.Dense(10, name="out")(L.GlobalAveragePooling2D(name="pool")(x))
    return kit.Model(front, x, name="residual")


def shared(kit):
    """One Dense on two inputs, and once more on its own output."""
    L = kit.layers
    a, b = kit.Input(shape=(4,), name="left"), kit.Input(shape=(4,), name="right")
    dense = L.Dense(4, name="both")
    c, d = dense(a), dense(b)
    return kit.Model(
        [a, b], L.Average(name="mean")([L.Subtract(name="difference")([c, d]), dense(c)]), name="twins"
    )


def nested(kit):
    """A model with two inputs and outputs, and a Sequential in a Sequential, inside another."""
    L = kit.layers
    x, z = kit.Input(shape=(8,), name="in_x"), kit.Input(shape=(4,), name="in_z")
    h = L.Dense(8, name="h")(x)
    ends = [L.Concatenate(name="joined")([h, z]), L.Dense(3, name="h2")(h)]
    inner = kit.Model([x, z], ends, name="inner")
    deepest = kit.Sequential([L.Dense(6, name="d2"), L.Dense(7, name="d3")], name="deepest")
    deep = kit.Sequential([kit.Input(shape=(12,)), L.Dense(5, name="d1"), deepest], name="deep")
    a, b = kit.Input(shape=(8,), name="a"), kit.Input(shape=(4,), name="b")
    c, d = inner([a, b])
    out = L.Add(name="sum")([deep(c), L.Dense(7, name="skip")(a)])
    return kit.Model([a, b], [out, d], name="outer")


def states(kit):
    """An LSTM whose output and states go different ways."""
    L = kit.layers
    x = kit.Input(shape=(5, 3), name="steps")
    y, h, c = L.LSTM(4, return_state=True, name="encoder")(x)
    total = L.Add(name="states")([h, c])
    return kit.Model(
        x, [L.Dense(2, name="head")(y), L.Multiply(name="product")([total, y])], name="states_model"
    )


def square(kit):
    """The same tensor twice into one layer."""
    x = kit.Input(shape=(4,), name="x")
    return kit.Model(x, kit.layers.Multiply(name="square")([x, x]), name="squares")


def chain(kit):
    """No graph at all."""
    L = kit.layers
    x = kit.Input(shape=(6, 6, 1), name="image")
    y = L.Dense(3, name="out")(L.Flatten(name="rows")(L.Conv2D(2, 3, name="conv")(x)))
    return kit.Model(x, y, name="chain")


def chain_with_two_ends(kit):
    """A chain that also gives out what is in its middle."""
    x = kit.Input(shape=(4,), name="x")
    y = kit.layers.Dense(3, name="middle")(x)
    return kit.Model(x, [y, kit.layers.Dense(2, name="end")(y)], name="two_ends")


def fork(kit):
    """One input, two branches that end apart."""
    x = kit.Input(shape=(4,), name="x")
    y = kit.layers.Dense(3, name="trunk")(x)
    ends = {"a": kit.layers.Dense(2, name="twig")(y), "b": kit.layers.Dense(1, name="branch")(y)}
    return kit.Model(x, ends, name="fork")


GRAPHS = [ensemble, residual, shared, nested, states, square, fork]
CHAINS = [chain, chain_with_two_ends]
