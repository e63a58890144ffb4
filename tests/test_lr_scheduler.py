"""Schedules against PyTorch's, step by step, also resumed; and what they refuse."""

import json
import warnings

import numpy as np
import pytest
from helpers import import_torch, tensor_leaf

from hello_dl import optim
from hello_dl.optim import SGD, Adagrad, Adam, lr_scheduler
from hello_dl.optim.lr_scheduler import (
    ChainedScheduler,
    ConstantLR,
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    LRScheduler,
    MultiStepLR,
    OneCycleLR,
    PolynomialLR,
    ReduceLROnPlateau,
    SequentialLR,
    StepLR,
)


class Falling:
    """A function with something in it that changes."""

    def __init__(self, rate):
        self.rate = rate

    def __call__(self, t):
        return self.rate**t


# Each makes a schedule, or several, of the module `m` (ours or PyTorch's) for the optimizer `o`.
MAKERS = {
    "StepLR": lambda m, o: m.StepLR(o, 7, 0.5),
    "StepLR up": lambda m, o: m.StepLR(o, step_size=1, gamma=1.02),
    "MultiStepLR": lambda m, o: m.MultiStepLR(o, [3, 3, 10, 50], gamma=0.3),
    "MultiStepLR none": lambda m, o: m.MultiStepLR(o, []),
    "ConstantLR": lambda m, o: m.ConstantLR(o),
    "ConstantLR long": lambda m, o: m.ConstantLR(o, factor=0.2, total_iters=30),
    "LinearLR": lambda m, o: m.LinearLR(o),
    "LinearLR down": lambda m, o: m.LinearLR(o, 1.0, 0.0, 20),
    "LinearLR part": lambda m, o: m.LinearLR(o, start_factor=0.1, end_factor=0.7, total_iters=13),
    "ExponentialLR": lambda m, o: m.ExponentialLR(o, gamma=0.93),
    "ExponentialLR 0": lambda m, o: m.ExponentialLR(o, 0.0),
    "PolynomialLR": lambda m, o: m.PolynomialLR(o),
    "PolynomialLR 2": lambda m, o: m.PolynomialLR(o, total_iters=60, power=2.5),
    "Cosine": lambda m, o: m.CosineAnnealingLR(o, T_max=100),
    "Cosine waves": lambda m, o: m.CosineAnnealingLR(o, 7, eta_min=0.002),
    "Cosine 1": lambda m, o: m.CosineAnnealingLR(o, 1),
    "Cosine above": lambda m, o: m.CosineAnnealingLR(o, 9, eta_min=0.5),
    "WarmRestarts": lambda m, o: m.CosineAnnealingWarmRestarts(o, 7),
    "WarmRestarts 2": lambda m, o: m.CosineAnnealingWarmRestarts(o, T_0=3, T_mult=3, eta_min=0.01),
    "WarmRestarts 1": lambda m, o: m.CosineAnnealingWarmRestarts(o, 1, 2),
    "LambdaLR": lambda m, o: m.LambdaLR(o, lambda t: 0.9**t),
    "LambdaLR each": lambda m, o: m.LambdaLR(o, [lambda t: 1 / (1 + t), Falling(0.8)]),
    "OneCycle": lambda m, o: m.OneCycleLR(o, max_lr=0.5, total_steps=100),
    "OneCycle lists": lambda m, o: m.OneCycleLR(
        o, [0.5, 0.2], 101, base_momentum=[0.1, 0.2], max_momentum=[0.5, 0.6], pct_start=0.11
    ),
    "OneCycle three": lambda m, o: m.OneCycleLR(
        o, 0.5, epochs=10, steps_per_epoch=10, anneal_strategy="linear", three_phase=True
    ),
    "OneCycle steep": lambda m, o: m.OneCycleLR(
        o, 0.5, 100, pct_start=0.0, div_factor=3, final_div_factor=7, cycle_momentum=False
    ),
    "Sequential": lambda m, o: m.SequentialLR(
        o, [m.LinearLR(o, 0.1, 1.0, 5), m.CosineAnnealingLR(o, 60, 0.001), m.StepLR(o, 9)], [5, 65]
    ),
    "Sequential Constant": lambda m, o: m.SequentialLR(
        o, [m.ConstantLR(o, 0.1, 20), m.ExponentialLR(o, 0.9)], milestones=[20]
    ),
    "Sequential from 0": lambda m, o: m.SequentialLR(
        o, [m.StepLR(o, 3), m.MultiStepLR(o, [4]), m.PolynomialLR(o, 9), m.LinearLR(o)], [0, 9, 50]
    ),
    "Sequential set": lambda m, o: m.SequentialLR(
        o, [m.LambdaLR(o, lambda t: t / 9), m.CosineAnnealingWarmRestarts(o, 5, 2)], [9]
    ),
    "Chained": lambda m, o: m.ChainedScheduler([m.ConstantLR(o, 0.1, 20), m.ExponentialLR(o, 0.9)]),
    "Chained waves": lambda m, o: m.ChainedScheduler(
        [m.LinearLR(o, 0.1, 1.0, 20), m.CosineAnnealingLR(o, 9, 0.001), m.StepLR(o, 7)], o
    ),
    "Chained to 0": lambda m, o: m.ChainedScheduler(
        [m.MultiStepLR(o, [3, 5]), m.PolynomialLR(o, 50, 2), m.StepLR(o, 7)]
    ),
    "Chained set": lambda m, o: m.ChainedScheduler(
        [m.StepLR(o, 7), m.LambdaLR(o, lambda t: 0.9**t)]
    ),
    "back to back": lambda m, o: [m.ExponentialLR(o, 0.9), m.MultiStepLR(o, [30, 80])],
    "back to back waves": lambda m, o: [m.CosineAnnealingLR(o, 10), m.StepLR(o, 10, 0.5)],
}
each_maker = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)


def optimizer(kind=SGD, **settings):
    """Two groups with a rate of their own each."""
    first, second = tensor_leaf([1.0]), tensor_leaf([2.0])
    return kind([{"params": first}, {"params": [second], "lr": 0.03}], lr=0.1, **settings)


def torch_optimizer(torch, kind=SGD, **settings):
    first, second = (torch.tensor([x], requires_grad=True) for x in (1.0, 2.0))
    make = getattr(torch.optim, kind.__name__)
    return make([{"params": first}, {"params": [second], "lr": 0.03}], lr=0.1, **settings)


def numbers(o):
    """All that a schedule changes, group by group."""
    found = [[g["lr"], g.get("momentum", 0), *g.get("betas", ())] for g in o.param_groups]
    return np.array(found).ravel()


def walk(made, o, steps):
    schedules = made if isinstance(made, list) else [made]
    rows = [numbers(o)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch misses the optimizer's steps
        for _ in range(steps):
            for schedule in schedules:
                schedule.step()
            rows.append(numbers(o))
    return np.array(rows)


# ---------------------------------------------------------------------------------- against PyTorch


@each_maker
def test_100_steps_are_those_of_pytorch(make):
    torch = import_torch()
    theirs, ours = torch_optimizer(torch, momentum=0.9), optimizer(momentum=0.9)
    expected = walk(make(torch.optim.lr_scheduler, theirs), theirs, 100)
    schedule = make(lr_scheduler, ours)
    np.testing.assert_allclose(walk(schedule, ours, 100), expected, rtol=1e-12, atol=1e-15)
    for part in schedule if isinstance(schedule, list) else [schedule]:
        assert part.last_epoch in (100, 91, 80), "the second of two in sequence began later"
        assert part.get_last_lr()[0] == ours.param_groups[0]["lr"] or isinstance(schedule, list)


@pytest.mark.parametrize("name", ["OneCycle", "OneCycle lists", "OneCycle three"])
def test_one_cycle_takes_the_first_beta_for_momentum(name):
    torch = import_torch()
    theirs, ours = torch_optimizer(torch, Adam), optimizer(Adam)
    expected = walk(MAKERS[name](torch.optim.lr_scheduler, theirs), theirs, 100)
    np.testing.assert_allclose(walk(MAKERS[name](lr_scheduler, ours), ours, 100), expected, 1e-12)
    assert ours.param_groups[0]["betas"][1] == 0.999


PLATEAUS = [
    dict(),
    dict(patience=2, factor=0.5),
    dict(patience=0, cooldown=3, factor=0.5),
    dict(mode="max", patience=1, threshold=0.3),
    dict(mode="max", patience=1, threshold=0.3, threshold_mode="abs"),
    dict(patience=1, threshold=0.05, threshold_mode="abs", min_lr=0.01),
    dict(patience=1, min_lr=[0.02, 0.001], eps=1e-3),
]


@pytest.mark.parametrize("settings", PLATEAUS, ids=str)
def test_the_plateau_is_that_of_pytorch(settings):
    torch = import_torch()
    theirs, ours = torch_optimizer(torch), optimizer()
    reference = torch.optim.lr_scheduler.ReduceLROnPlateau(theirs, **settings)
    mine = ReduceLROnPlateau(ours, **settings)
    rng = np.random.default_rng(0)
    for t in range(100):
        loss = [np.exp(-t / 20) + 0.2 * rng.random(), float("nan"), 1.0][0 if t % 7 else t % 3]
        if t == 50:
            again = ReduceLROnPlateau(ours, factor=0.9)
            again.load_state_dict(json.loads(json.dumps(mine.state_dict())))
            mine = again
        reference.step(loss)
        mine.step(tensor_leaf(loss))
        np.testing.assert_allclose(numbers(ours), numbers(theirs), rtol=1e-12)
        same = ("best", "num_bad_epochs", "cooldown_counter", "last_epoch")
        assert [getattr(mine, x) for x in same] == [getattr(reference, x) for x in same]
        assert mine.get_last_lr() == pytest.approx(reference.get_last_lr(), rel=1e-12)


# ---------------------------------------------------------------------------------- going on


@each_maker
@pytest.mark.parametrize("after", [0, 1, 6, 20, 63])
def test_resumed_from_its_state_it_goes_on_the_same_way(make, after):
    whole = optimizer(momentum=0.9)
    expected = walk(make(lr_scheduler, whole), whole, 100)
    first, second = optimizer(momentum=0.9), optimizer(momentum=0.9)
    made = make(lr_scheduler, first)
    walk(made, first, after)
    parts = made if isinstance(made, list) else [made]
    states = json.loads(json.dumps([part.state_dict() for part in parts]))
    state = json.loads(json.dumps(first.state_dict()["param_groups"]))

    again = make(lr_scheduler, second)
    for part, saved in zip(again if isinstance(again, list) else [again], states):
        part.load_state_dict(saved)
    second.load_state_dict({"state": {}, "param_groups": state})
    walk(made, first, 3)  # a snapshot stays as it was
    rest = walk(again, second, 100 - after)
    assert (rest == expected[after:]).all(), "bit for bit"


def test_settings_come_with_the_state():
    old, new = StepLR(optimizer(), 3, gamma=0.5), StepLR(optimizer(), 10)
    new.load_state_dict(old.state_dict())
    assert (new.step_size, new.gamma) == (3, 0.5)


def test_a_function_object_is_saved_by_what_it_has():
    old = LambdaLR(optimizer(), Falling(0.5))
    new = LambdaLR(optimizer(), Falling(0.9))
    new.load_state_dict(json.loads(json.dumps(old.state_dict())))
    new.step()
    assert new.get_last_lr() == [0.05, 0.015]


def test_a_state_of_pytorch_can_be_loaded():
    torch = import_torch()
    theirs = torch_optimizer(torch)
    reference = torch.optim.lr_scheduler.StepLR(theirs, 4, 0.5)
    walk(reference, theirs, 6)
    ours = optimizer()
    mine = StepLR(ours, 10)
    mine.load_state_dict(reference.state_dict())
    for group, other in zip(ours.param_groups, theirs.param_groups):
        group["lr"] = other["lr"]
    assert (walk(mine, ours, 20) == walk(reference, theirs, 20)).all()


def test_last_epoch_goes_on_without_a_state():
    one, two = optimizer(), optimizer()
    schedule = CosineAnnealingLR(one, 50, 0.001)
    walk(schedule, one, 20)
    two.load_state_dict(one.state_dict())
    again = CosineAnnealingLR(two, 50, 0.001, last_epoch=19)
    assert again.last_epoch == 20 and again.get_last_lr() == schedule.get_last_lr()
    assert (walk(again, two, 30) == walk(schedule, one, 30)).all()
    with pytest.raises(ValueError, match=r"param_groups\[0\] has no 'initial_lr'"):
        StepLR(optimizer(), 5, last_epoch=3)


# ---------------------------------------------------------------------------------- how it is used


def test_a_rate_changed_by_hand_is_moved_in_proportion():
    """As PyTorch's: half the rate by hand stays half of what it would have been."""
    torch = import_torch()
    for make in (MAKERS["StepLR"], MAKERS["Cosine"], MAKERS["LinearLR part"], MAKERS["LambdaLR"]):
        theirs, ours = torch_optimizer(torch), optimizer()
        pair = make(torch.optim.lr_scheduler, theirs), make(lr_scheduler, ours)
        walk(pair[0], theirs, 5), walk(pair[1], ours, 5)
        for o in (theirs, ours):
            o.param_groups[0]["lr"] *= 0.5
        expected = walk(pair[0], theirs, 20)
        np.testing.assert_allclose(walk(pair[1], ours, 20), expected, rtol=1e-12)


def test_parts_of_an_epoch():
    torch = import_torch()
    theirs, ours = torch_optimizer(torch), optimizer()
    reference = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(theirs, 3, 2, 0.001)
    mine = CosineAnnealingWarmRestarts(ours, 3, 2, 0.001)
    for epoch in np.arange(0, 40, 0.25):
        reference.step(float(epoch))
        mine.step(float(epoch))
        np.testing.assert_allclose(numbers(ours), numbers(theirs), rtol=1e-12)
        assert mine.last_epoch == int(epoch)


def test_step_with_a_number_goes_to_that_step():
    ours = optimizer()
    schedule = ExponentialLR(ours, 0.5)
    schedule.step(3)
    assert ours.lr == 0.1 * 0.5**3 and schedule.last_epoch == 3
    schedule.step()
    assert ours.lr == 0.1 * 0.5**4


def test_schedules_in_a_chain_in_a_sequence():
    """PyTorch cannot do this one, or gets its first step wrong."""
    ours = optimizer()
    chain = ChainedScheduler([LinearLR(ours, 0.5, 1.0, 4), ExponentialLR(ours, 0.9)])
    schedule = SequentialLR(ours, [ConstantLR(ours, 0.1, 3), chain], [3])
    rates = [ours.lr]
    for _ in range(8):
        schedule.step()
        rates.append(schedule.get_last_lr()[0])
    chained = [0.1 * min(0.5 + 0.125 * t, 1) * 0.9**t for t in range(6)]
    assert rates == pytest.approx([0.01] * 3 + chained, rel=1e-12)


def test_a_sequence_in_a_sequence():
    """PyTorch's inner one is a step ahead."""
    ours = optimizer()
    inner = SequentialLR(ours, [ConstantLR(ours, 0.1), StepLR(ours, 2, 0.5)], [3])
    schedule = SequentialLR(ours, [inner, ExponentialLR(ours, 0.9)], [8])
    rates = walk(schedule, ours, 10)[:, 0] / 0.1
    expected = [0.1] * 3 + [1, 1, 0.5, 0.5, 0.25] + [1, 0.9, 0.81]
    assert rates.tolist() == pytest.approx(expected, rel=1e-12)
    schedule.restart()
    assert (walk(schedule, ours, 10)[:, 0] / 0.1 == rates).all()


def test_a_schedule_of_ones_own():
    class Halving(LRScheduler):
        def share(self, t):
            return 0.5**t

    class AsInPyTorch(LRScheduler):
        def get_lr(self):
            return [base * 0.5**self.last_epoch for base in self.base_lrs]

    for kind in (Halving, AsInPyTorch):
        ours = optimizer()
        assert walk(kind(ours), ours, 2)[:, 0].tolist() == [0.1, 0.05, 0.025]


def test_the_optimizer_steps_with_the_rate_of_the_schedule():
    w = tensor_leaf([1.0])
    o = SGD([w], lr=0.5)
    schedule = ExponentialLR(o, 0.5)
    for rate in (0.5, 0.25, 0.125):
        before = w.data.copy()
        w.grad = np.ones(1)
        o.step()
        schedule.step()
        assert w.data == before - rate


# ---------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    "make, kind, message",
    [
        (lambda o: StepLR("o", 3), TypeError, "for an optimizer, not 'o'"),
        (lambda o: StepLR(o, 0), ValueError, "step_size must be above 0"),
        (lambda o: StepLR(o, "3"), TypeError, "step_size must be a number, got '3'"),
        (lambda o: StepLR(o, 3, -1), ValueError, "gamma must be 0 or more, got -1"),
        (lambda o: MultiStepLR(o, [5, 3]), ValueError, "go upwards, and 3 comes after 5"),
        (lambda o: MultiStepLR(o, [-5]), ValueError, r"milestones\[0\] must be 0 or more"),
        (lambda o: MultiStepLR(o, 5), TypeError, "milestones must be a list of steps, got 5"),
        (lambda o: ConstantLR(o, 1.5), ValueError, "factor is a share, from 0 to 1, got 1.5"),
        (lambda o: LinearLR(o, 0), ValueError, "start_factor must be above 0"),
        (lambda o: LinearLR(o, 1, 2), ValueError, "end_factor is a share, from 0 to 1, got 2"),
        (lambda o: LinearLR(o, total_iters=-1), ValueError, "total_iters must be 0 or more"),
        (lambda o: ExponentialLR(o, None), TypeError, "gamma must be a number, got None"),
        (lambda o: CosineAnnealingLR(o, 0), ValueError, "T_max must be above 0, got 0"),
        (lambda o: CosineAnnealingWarmRestarts(o, 1.5), ValueError, "T_0 must be a whole number"),
        (lambda o: CosineAnnealingWarmRestarts(o, 3, 0), ValueError, "T_mult must be a whole"),
        (lambda o: CosineAnnealingWarmRestarts(o, 3).step(-1), ValueError, "epoch must be 0 or"),
        (lambda o: LambdaLR(o, 0.5), TypeError, "function of the step, not 0.5"),
        (lambda o: LambdaLR(o, [len]), ValueError, "lr_lambda has 1 values, for 2 parameter gro"),
        (lambda o: OneCycleLR(o, 0.1), ValueError, "needs total_steps, or epochs and steps_per_ep"),
        (lambda o: OneCycleLR(o, 0.1, 0), ValueError, "whole numbers above 0, got 0"),
        (lambda o: OneCycleLR(o, 0.1, 9, pct_start=2), ValueError, "pct_start is a share"),
        (lambda o: OneCycleLR(o, 0.1, 9, div_factor=0), ValueError, "div_factor must be above 0"),
        (lambda o: OneCycleLR(o, [0.1], 9), ValueError, "max_lr has 1 values, for 2 par"),
        (lambda o: OneCycleLR(o, -0.1, 9), ValueError, "max_lr of group 0 must be 0 or more"),
        (
            lambda o: OneCycleLR(o, 0.1, 9, anneal_strategy="log"),
            ValueError,
            "'cos' or 'linear', no",
        ),
        (lambda o: OneCycleLR(optimizer(Adagrad), 0.1, 9), ValueError, "Adagrad has no momentum"),
        (
            lambda o: walk(OneCycleLR(o, 0.1, 9), o, 10),
            ValueError,
            "step 10 of .* made for 9 steps",
        ),
        (lambda o: ReduceLROnPlateau(o, "least"), ValueError, "unknown mode 'least': .* min, max"),
        (lambda o: ReduceLROnPlateau(o, factor=1), ValueError, "factor must be below 1"),
        (lambda o: ReduceLROnPlateau(o, min_lr=[0]), ValueError, "min_lr has 1 values"),
        (
            lambda o: ReduceLROnPlateau(o).step(None),
            TypeError,
            "needs one number to go by, got None",
        ),
        (lambda o: SequentialLR(o, [], []), ValueError, "needs schedulers, and got none"),
        (
            lambda o: SequentialLR(o, [StepLR(o, 1)], [2]),
            ValueError,
            "1 schedulers need 0 mileston",
        ),
        (lambda o: SequentialLR(o, [1], []), TypeError, r"schedulers\[0\] is no schedule: 1"),
        (
            lambda o: SequentialLR(o, [StepLR(o, 1), ReduceLROnPlateau(o)], [2]),
            ValueError,
            r"schedulers\[1\] is a ReduceLROnPlateau",
        ),
        (
            lambda o: SequentialLR(o, [StepLR(o, 1)] * 3, [9, 4]),
            ValueError,
            "go upwards, and 4 comes after 9",
        ),
        (
            lambda o: ChainedScheduler([StepLR(o, 1), StepLR(optimizer(), 1)]),
            ValueError,
            r"schedulers\[1\] belongs to another optimizer",
        ),
        (lambda o: ChainedScheduler([]), ValueError, "ChainedScheduler needs schedulers"),
        (lambda o: LRScheduler(o), TypeError, "LRScheduler has no share method: define one"),
    ],
)
def test_bad_settings(make, kind, message):
    with pytest.raises(kind, match=message) as error:
        make(optimizer())
    assert "\n" not in str(error.value)


def test_no_warm_up_is_a_warm_up_of_0_steps():
    ours = optimizer()
    LinearLR(ours, 0.1, total_iters=0), ConstantLR(ours, 0.1, total_iters=0)
    assert ours.lr == 0.1


def test_groups_that_come_later_need_a_new_schedule():
    for make in (MAKERS["StepLR"], MAKERS["Sequential"], lambda m, o: m.ReduceLROnPlateau(o)):
        ours = optimizer()
        schedule = make(lr_scheduler, ours)
        ours.add_param_group({"params": tensor_leaf([1.0])})
        with pytest.raises(ValueError, match="for 2 parameter groups, .* has 3 now: make a new"):
            schedule.step(*[1.0] * isinstance(schedule, ReduceLROnPlateau))


def wrong_state(schedule, **changes):
    return {**schedule.state_dict(), **changes}


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda s: None, "state_dict of a StepLR is a dict, not None"),
        (lambda s: ExponentialLR(optimizer(), 0.5).state_dict(), "'step_size' is missing"),
        (lambda s: wrong_state(s, T_max=5), "'T_max' is nothing that a StepLR has"),
        (lambda s: wrong_state(s, gamma="0.1"), "'gamma' is '0.1', and this StepLR has 0.1"),
        (lambda s: wrong_state(s, base_lrs=[0.1]), r"'base_lrs' is \[0.1\], and this StepLR has"),
    ],
)
def test_the_state_of_another_schedule_is_refused(make, message):
    schedule = StepLR(optimizer(), 3)
    before = schedule.state_dict()
    with pytest.raises(ValueError, match=message):
        schedule.load_state_dict(make(schedule))
    assert schedule.state_dict() == before


def test_a_wrong_part_changes_no_other_part():
    def chain(second):
        o = optimizer()
        return ChainedScheduler([StepLR(o, 3), second(o)])

    mine = chain(lambda o: ExponentialLR(o, 0.9))
    other = chain(lambda o: CosineAnnealingLR(o, 9))
    other.step()
    before = mine.state_dict()
    with pytest.raises(ValueError, match="'gamma' is missing"):
        mine.load_state_dict(other.state_dict())
    assert mine.state_dict() == before


def test_it_is_found_where_pytorch_has_it():
    torch = import_torch()
    for name in lr_scheduler.__all__:
        assert hasattr(torch.optim.lr_scheduler, name)
    assert optim.lr_scheduler.PolynomialLR is PolynomialLR
