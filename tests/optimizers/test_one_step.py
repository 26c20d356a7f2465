"""A step on variables: flat arrays of several types, missing gradients, and all or nothing."""

import re
import signal

import numpy as np
import pytest

from minidl import backend, optimizers
from minidl.optimizers.schedules import LearningRateSchedule
from minidl.variable import Variable

ALL = [
    optimizers.SGD, lambda **k: optimizers.SGD(momentum=0.9, **k), optimizers.RMSprop,
    lambda **k: optimizers.RMSprop(momentum=0.9, centered=True, **k), optimizers.Adagrad, optimizers.Adadelta,
    optimizers.Adam, lambda **k: optimizers.Adam(amsgrad=True, **k), optimizers.AdamW, optimizers.Adamax,
    optimizers.Nadam,
]  # fmt: skip


def snapshot(optimizer, variables):
    return [v.numpy().copy() for v in [*variables, *optimizer.variables]]


def same(a, b):
    return len(a) == len(b) and all(x.tobytes() == y.tobytes() for x, y in zip(a, b, strict=True))


def some_variables(**options):
    rng = np.random.default_rng(0)
    return [
        Variable(rng.normal(size=(2, 3)).astype("float32"), name="kernel", **options),
        Variable(rng.normal(size=3), name="bias", **options),
        Variable(rng.normal(size=()).astype("float16"), name="scale", **options),
        Variable(rng.normal(size=(1, 4)).astype("float32"), name="other", **options),
        Variable(np.zeros((0, 2), "float32"), name="empty", **options),
    ]


def some_gradients(variables, seed=1):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=v.shape).astype(v.dtype) for v in variables]


# --- layout -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", ALL)
def test_mixed_shapes_and_dtypes_move_as_they_would_alone(make):
    together, alone = some_variables(), some_variables()
    optimizer = make(learning_rate=0.1)
    single = [make(learning_rate=0.1) for _ in alone]
    for seed in range(3):
        gradients = some_gradients(together, seed)
        optimizer.apply_gradients(zip(gradients, together, strict=True))
        for one, v, g in zip(single, alone, gradients, strict=True):
            one.apply([g], [v])
    assert [v.dtype for v in together] == [v.dtype for v in alone]
    assert [v.shape for v in together] == [(2, 3), (3,), (), (1, 4), (0, 2)]
    assert same([v.numpy() for v in together], [v.numpy() for v in alone])


def test_state_is_in_the_order_of_keras():
    def names(optimizer):
        optimizer.build([Variable(np.zeros(2), name="a"), Variable(np.zeros((3, 1)), name="b")])
        return [v.name for v in optimizer.variables]

    assert names(optimizers.SGD()) == ["iteration", "learning_rate"]
    assert names(optimizers.Adam(amsgrad=True))[2:] == [
        "a_momentum", "a_velocity", "b_momentum", "b_velocity", "a_velocity_hat", "b_velocity_hat",
    ]  # fmt: skip
    assert names(optimizers.RMSprop(momentum=0.5, centered=True))[2:] == [
        "a_velocity", "b_velocity", "a_momentum", "b_momentum", "a_average_gradient", "b_average_gradient",
    ]  # fmt: skip
    schedule = optimizers.schedules.CosineDecay(0.1, 10)
    assert names(optimizers.Adagrad(schedule)) == ["iteration", "a_accumulator", "b_accumulator"]


@pytest.mark.parametrize("make", ALL)
def test_a_new_optimizer_given_the_state_goes_on_bit_for_bit(make):
    straight, resumed = some_variables(), some_variables()
    one = make(learning_rate=0.1)
    for seed in range(4):
        one.apply(some_gradients(straight, seed), straight)
    first = make(learning_rate=0.5)
    first.learning_rate = 0.1
    for seed in range(2):
        first.apply(some_gradients(resumed, seed), resumed)
    second = make(learning_rate=0.7)
    second.build(resumed)
    for variable, value in zip(second.variables, [v.numpy().copy() for v in first.variables], strict=True):
        variable.assign(value)
    assert second.learning_rate == 0.1
    for seed in range(2, 4):
        second.apply(some_gradients(resumed, seed), resumed)
    assert same(snapshot(one, straight), snapshot(second, resumed))


def test_backward_fills_the_flat_gradients_and_step_uses_them():
    w, b = Variable([1.0, 2.0]), Variable(3.0)
    optimizer = optimizers.SGD(learning_rate=0.5)
    optimizer.build([w, b])
    for _ in range(2):  # the second round must not add to the first
        optimizer.flat.clear_gradients()
        (w * np.array([1.0, 2.0], "float32") + b).sum().backward()
        optimizer.step()
    assert optimizer.flat.groups[0].gradients.tolist() == [1, 2, 2]
    assert w.numpy().tolist() == [0, 0]
    assert float(b) == 1


# --- missing gradients --------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", ALL)
def test_a_variable_without_gradient_keeps_value_and_state(make):
    variables, others = some_variables(), some_variables()
    optimizer, reference = make(weight_decay=0.1), make(weight_decay=0.1)
    for seed in range(2):
        gradients = some_gradients(variables, seed)
        optimizer.apply(gradients, variables)
        reference.apply(gradients, others)
    before = snapshot(optimizer, variables)
    gradients = some_gradients(variables, 2)
    optimizer.apply([gradients[0], None, gradients[2]], variables[:3])
    reference.apply(gradients, others)
    changed = {v.name: i for i, v in enumerate([*variables, *optimizer.variables])}
    after, wanted = snapshot(optimizer, variables), snapshot(reference, others)
    for name, i in changed.items():
        still = name.startswith(("bias", "other", "empty"))
        assert after[i].tobytes() == (before if still else wanted)[i].tobytes(), name
        assert not still or name.startswith("empty") or before[i].any() or "momentum" in name


def test_no_gradient_at_all_is_an_error():
    w = Variable([1.0])
    optimizer = optimizers.Adam()
    with pytest.raises(ValueError, match=r"adam\w* found no gradients. Call loss.backward\(\)"):
        optimizer.apply([None], [w])
    with pytest.raises(ValueError, match="found no gradients"):
        optimizer.step()
    assert int(optimizer.iterations) == 0


def test_a_model_without_weights_only_counts():
    optimizer = optimizers.Adam(global_clipnorm=1.0)
    optimizer.build([])
    optimizer.step()
    assert int(optimizer.iterations) == 1


def test_gradients_given_as_views_of_the_flat_array_may_be_in_any_order():
    a, b = Variable([0.0, 0.0]), Variable([0.0, 0.0])
    optimizer = optimizers.SGD(learning_rate=1.0)
    optimizer.build([a, b])
    (a * 1.0 + b * 2.0).sum().backward()
    optimizer.apply([b.grad, a.grad], [a, b])
    assert a.numpy().tolist() == [-2, -2]
    assert b.numpy().tolist() == [-1, -1]


# --- all or nothing -----------------------------------------------------------------------------------------


class BrokenError(Exception):
    pass


def fails(*_):
    raise BrokenError


class BrokenSchedule(LearningRateSchedule):
    def __call__(self, step):
        return fails(step) if step == 2 else 0.1


@pytest.mark.parametrize("make", ALL)
@pytest.mark.parametrize("dtypes", [("float32", "float32"), ("float32", "float64")])
@pytest.mark.parametrize("where", ["constraint", "schedule", "rule", "shape"])
def test_a_step_that_fails_changes_nothing(make, dtypes, where, monkeypatch):
    variables = [Variable([1.0, 2.0], dtype=dtypes[0]), Variable([3.0], dtype=dtypes[1])]
    optimizer = make(learning_rate=BrokenSchedule() if where == "schedule" else 0.1, weight_decay=0.1)
    for seed in range(2):
        optimizer.apply(some_gradients(variables, seed), variables)
    before = snapshot(optimizer, variables)
    expected = BrokenError
    if where == "constraint":
        variables[1].constraint = fails
    elif where == "shape":
        variables[1].constraint, expected = lambda w: w.ravel()[:0], ValueError
    elif where == "rule":
        rule, calls = optimizer.update, iter([False, True])

        def second_group_fails(*arguments):
            if next(calls) or dtypes[0] == dtypes[1]:
                raise BrokenError
            return rule(*arguments)

        monkeypatch.setattr(optimizer, "update", second_group_fails)
    with pytest.raises(expected):
        optimizer.apply(some_gradients(variables, 2), variables)
    assert same(before, snapshot(optimizer, variables))
    assert int(optimizer.iterations) == 2
    if where in ("constraint", "shape"):
        variables[1].constraint = None
        optimizer.apply(some_gradients(variables, 2), variables)
        assert int(optimizer.iterations) == 3


class InPlace:
    """A kernel of Adam by the contract: it changes w, m and v themselves."""

    calls = 0

    @staticmethod
    def supports(*arrays, **options):
        return all(a.dtype == np.float32 for a in arrays)

    @classmethod
    def forward(cls, w, g, m, v, **options):
        cls.calls += 1
        for old, new in zip((w, m, v), optimizers.adam.adam(w, g, m, v, **options), strict=True):
            old[...] = new
        return w, m, v

    backward = None


@pytest.fixture
def in_place_kernel(monkeypatch):
    monkeypatch.setattr(backend, "_cpu_kernels", lambda: ({"adam": InPlace}, "for this test"))
    monkeypatch.setattr(backend, "WORTHWHILE", 0)
    monkeypatch.setattr(InPlace, "calls", 0)


@pytest.mark.usefixtures("in_place_kernel")
def test_a_kernel_runs_in_place_and_gives_the_same():
    fast, plain = some_variables()[::3], some_variables()[::3]
    one, other = optimizers.AdamW(0.1), optimizers.AdamW(0.1)
    for seed in range(3):
        gradients = some_gradients(fast, seed)
        one.apply(gradients, fast)
        with backend.kernels_off():
            other.apply(gradients, plain)
    assert InPlace.calls == 3
    assert same(snapshot(one, fast), snapshot(other, plain))


@pytest.mark.usefixtures("in_place_kernel")
@pytest.mark.parametrize("absent", [False, True])
def test_a_decay_that_spares_one_works_on_a_copy(absent, monkeypatch):
    w, bias = Variable([1.0, 2.0]), Variable([3.0])
    optimizer = optimizers.AdamW(0.1, weight_decay=0.5)
    optimizer.exclude_from_weight_decay([bias])
    optimizer.apply([[1.0, 1.0], None if absent else [1.0]], [w, bias])
    assert np.allclose(w.numpy(), [0.85, 1.8])
    assert np.allclose(bias.numpy(), [3.0 if absent else 2.9])
    before = [v.numpy().copy() for v in (w, bias)]
    monkeypatch.setattr(optimizer, "update", fails)
    with pytest.raises(BrokenError):
        optimizer.apply([[1.0, 1.0], None if absent else [1.0]], [w, bias])
    assert same(before, [v.numpy() for v in (w, bias)])


@pytest.mark.usefixtures("in_place_kernel")
@pytest.mark.parametrize("reason", ["constraint", "second group", "missing gradient"])
def test_a_kernel_in_place_cannot_break_what_fails_later(reason):
    variables = [Variable([1.0, 2.0]), Variable([3.0], dtype="float64" if reason == "second group" else None)]
    optimizer = optimizers.Adam(0.1)
    optimizer.apply(some_gradients(variables, 0), variables)
    before = snapshot(optimizer, variables)
    gradients = some_gradients(variables, 1)
    if reason == "missing gradient":
        optimizer.apply([gradients[0], None], variables)
        after = snapshot(optimizer, variables)
        assert same([before[1], *before[6:]], [after[1], *after[6:]])
        assert not same(before[:1], after[:1])
        return
    variables[1].constraint = fails
    with pytest.raises(BrokenError):
        optimizer.apply(gradients, variables)
    assert same(before, snapshot(optimizer, variables))


@pytest.mark.parametrize("returned", [(), (1.0,), (np.ones(2), np.ones(1)), (np.ones(1), np.ones(2))])
def test_a_rule_that_returns_something_else_changes_nothing(returned, monkeypatch):
    w = Variable([1.0, 2.0])
    optimizer = optimizers.SGD(0.1, momentum=0.9, name="mine")
    monkeypatch.setattr(optimizer, "update", lambda w, g, slots, step: returned)
    with pytest.raises(ValueError, match=r"mine: update must return the new weights and 1 slots, .* \(2,\)"):
        optimizer.apply([[1.0, 1.0]], [w])
    assert w.numpy().tolist() == [1, 2]


def test_an_interrupt_waits_for_the_end_of_the_step():
    def interrupted(w):
        signal.raise_signal(signal.SIGINT)
        return w

    a, b = Variable([1.0]), Variable([1.0], constraint=interrupted)
    optimizer = optimizers.SGD(1.0, momentum=0.5)
    with pytest.raises(KeyboardInterrupt):
        optimizer.apply([[1.0], [2.0]], [a, b])
    assert [a.numpy().tolist(), b.numpy().tolist()] == [[0], [-1]]
    assert [v.numpy().tolist() for v in optimizer.variables] == [1, 1.0, [-1], [-2]]


# --- constraints --------------------------------------------------------------------------------------------


def test_constraints_project_after_the_update_and_only_their_variable():
    a = Variable([[1.0, -1.0]], constraint=lambda w: np.maximum(w, 0) + w.shape[1])
    b = Variable([1.0])
    optimizers.SGD(learning_rate=1.0).apply([[[0.25, 0.25]], [2.0]], [a, b])
    assert a.numpy().tolist() == [[2.75, 2.0]]
    assert b.numpy().tolist() == [-1.0]


# --- whose variables ----------------------------------------------------------------------------------------


def test_two_optimizers_can_share_variables():
    shared, mine, yours = Variable([1.0]), Variable([1.0]), Variable([1.0])
    a, b = optimizers.SGD(1.0, momentum=0.5), optimizers.SGD(1.0, momentum=0.5)
    a.apply([[1.0], [1.0]], [shared, mine])  # shared 0, velocity −1
    b.apply([[1.0], [1.0]], [yours, shared])  # shared −1, b's velocity −1
    assert shared.numpy().tolist() == [-1]
    a.apply([[1.0], [1.0]], [shared, mine])  # a's velocity −1.5
    assert shared.numpy().tolist() == [-2.5]
    assert mine.numpy().tolist() == [-1.5]
    assert yours.numpy().tolist() == [0]


def test_gradients_that_arrived_in_the_other_optimizers_arrays_are_brought_along():
    shared, other = Variable([1.0]), Variable([1.0])
    a, b = optimizers.SGD(1.0), optimizers.SGD(1.0)
    a.build([shared])
    b.build([other, shared])
    a.flat.clear_gradients()
    (shared * 3.0).sum().backward()
    a.step()
    assert shared.numpy().tolist() == [-2]
    assert a.flat.holds([shared])
    assert not b.flat.holds([other, shared])
    b.build([other, shared])
    assert b.flat.holds([other, shared])


def test_build_again():
    w, other = Variable([1.0]), Variable([1.0])
    optimizer = optimizers.Adam(0.1, name="opt")
    assert not optimizer.built
    optimizer.build([w])
    optimizer.build([w])
    optimizer.apply([[1.0]])
    with pytest.raises(ValueError, match=r"opt was built for other variables .* Adam.from_config"):
        optimizer.build([w, other])
    optimizer.learning_rate = 0.2
    optimizer.reset()
    assert not optimizer.built
    optimizer.build([w, other])
    assert int(optimizer.iterations) == 0
    assert [v.numpy().any() for v in optimizer.variables[2:]] == [False] * 4
    assert optimizer.learning_rate == 0.2


@pytest.mark.parametrize(
    ("act", "error", "message"),
    [
        (lambda o, w: o.apply([[1.0]]), ValueError, "opt has no variables yet. Call optimizer.build"),
        (lambda o, w: o.step(), ValueError, "opt has no variables yet"),
        (lambda o, w: o.flat, ValueError, "opt has no variables yet"),
        (lambda o, w: o.apply([[1.0]], [w, w]), ValueError, "opt got 1 gradients for 2 variables."),
        (lambda o, w: o.apply([[1.0], [1.0]], [w, w]), ValueError, "each variable once"),
        (
            lambda o, w: o.apply([[1.0, 2.0]], [w]),
            ValueError,
            "w has shape (1,), got a gradient of shape (2,).",
        ),
        (lambda o, w: o.apply([["x"]], [w]), TypeError, "holds numbers"),
        (lambda o, w: o.build([np.ones(2)]), TypeError, "opt trains variables of floats, got array"),
        (lambda o, w: o.build([Variable([1, 2])]), TypeError, "opt trains variables of floats"),
        (
            lambda o, w: (o.build([w]), o.apply([1.0], [Variable(2.0, name="b")])),
            ValueError,
            "opt was built for other variables, not for b.",
        ),
    ],
)
def test_wrong_calls_get_an_answer_and_leave_the_weight(act, error, message):
    w = Variable([1.0], name="w")
    with pytest.raises(error, match=re.escape(message)) as caught:
        act(optimizers.Adam(name="opt"), w)
    assert len(str(caught.value)) < 400
    assert w.numpy().tolist() == [1]
