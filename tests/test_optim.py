"""SGD against PyTorch's, and the flat blocks it keeps its parameters in."""

import copy
import itertools
import pickle

import numpy as np
import pytest
from helpers import DEVICES, assert_close, import_torch, on_device, tensor_leaf

from hello_dl import Tensor, nn, optim
from hello_dl.optim import SGD

SETTINGS = [
    dict(lr=0.05, momentum=momentum, weight_decay=weight_decay, nesterov=nesterov)
    for momentum, weight_decay, nesterov in itertools.product([0, 0.9], [0, 0.1], [False, True])
    if momentum or not nesterov
]
NAMES = [",".join(name for name, value in s.items() if value) for s in SETTINGS]
each_setting = pytest.mark.parametrize("settings", SETTINGS, ids=NAMES)


def leaves(*shapes, device="cpu", seed=0):
    rng = np.random.default_rng(seed)
    return [tensor_leaf(on_device(np.array(rng.standard_normal(s)), device)) for s in shapes]


def quadratic(parameters, which):
    """A loss with another gradient for every entry, of some of the parameters."""
    return sum(((p * p * p - p) * (p * 0.3)).sum() for i, p in enumerate(parameters) if i in which)


# ---------------------------------------------------------------------------------- against PyTorch


@pytest.mark.parametrize("device", DEVICES)
@each_setting
def test_50_steps_are_those_of_pytorch(settings, device):
    """One parameter has no gradient in every third step, and another one has none at all."""
    torch = import_torch()
    ours = leaves((3, 4), (), (5,), (2,), device=device)
    theirs = [torch.tensor(on_device(p.data, "cpu"), requires_grad=True) for p in ours]
    before = on_device(ours[3].data.copy(), "cpu")
    mine, reference = SGD(ours, **settings), torch.optim.SGD(theirs, **settings)
    for i in range(50):
        which = {0, 1} if i % 3 == 0 else {0, 1, 2}
        for parameters, optimizer in ((ours, mine), (theirs, reference)):
            optimizer.zero_grad()
            quadratic(parameters, which).backward()
            optimizer.step()
        for p, q in zip(ours, theirs):
            assert_close(p, q.detach().numpy(), rtol=1e-9, what=f"step {i}")
    assert_close(ours[3], before, rtol=0, atol=0)


@each_setting
def test_more_parameters_than_one_stretch(settings):
    """The update goes along the block in stretches; every entry gets its own gradient once."""
    torch = import_torch()
    start = np.linspace(-1, 1, 100_000).astype("float32").reshape(200, 500)
    ours = Tensor(start.copy(), requires_grad=True)
    small = Tensor([1.0], requires_grad=True)
    theirs = torch.tensor(start, requires_grad=True)
    mine, reference = SGD([small, ours], **settings), torch.optim.SGD([theirs], **settings)
    assert mine.blocks[0].stretch < ours.numel(), "or this test would test nothing"
    for _ in range(4):
        for p, optimizer in ((ours, mine), (theirs, reference)):
            optimizer.zero_grad()
            (p * p * p).sum().backward()
            optimizer.step()
    assert ours.dtype == np.float32 and small.item() == 1
    assert_close(ours, theirs.detach().numpy(), rtol=1e-5, atol=1e-6)


def test_a_net_learns():
    net = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 2))
    rng = np.random.default_rng(0)
    x = rng.standard_normal((200, 2)).astype("float32")
    y = (x[:, 0] * x[:, 1] > 0).astype("int64")
    optimizer, loss_of = SGD(net.parameters(), lr=0.3, momentum=0.9), nn.CrossEntropyLoss()
    for _ in range(150):
        optimizer.zero_grad()
        loss_of(net(Tensor(x)), Tensor(y)).backward()
        optimizer.step()
    assert ((net(Tensor(x)).argmax(1) == y).mean()).item() > 0.95


# ---------------------------------------------------------------------------------- flat blocks


def test_parameters_and_gradients_are_views_of_one_block():
    a, b = leaves((3, 4), (5,))
    numbers = [a.data.copy(), b.data.copy()]
    optimizer = SGD([a, b], lr=1.0)
    (block,) = optimizer.blocks
    assert block.data.shape == (17,)
    for p, before in zip((a, b), numbers):
        assert np.shares_memory(p.data, block.data) and (p.data == before).all()
    quadratic([a, b], {0, 1}).backward()
    assert np.shares_memory(a.grad, block.grad) and np.shares_memory(b.grad, block.grad)
    assert not np.shares_memory(a.grad, b.grad) and not np.shares_memory(a.data, b.data)
    optimizer.step()
    assert np.shares_memory(a.data, block.data)


def test_a_gradient_from_before_the_optimizer_counts():
    (a,) = leaves((3,))
    (a * 2).sum().backward()
    expected = a.data - 2
    SGD([a], lr=1.0).step()
    assert_close(a, expected)


def test_numbers_and_gradients_put_in_by_hand():
    a, b = leaves((2,), ())
    optimizer = SGD([a, b], lr=0.5)
    a.data, b.data = np.array([10.0, 20.0]), 30.0 * np.ones(())
    a.grad, b.grad = np.array([2.0, 4.0]), np.array(6.0)
    optimizer.step()
    assert a.data.tolist() == [9, 18] and b.item() == 27
    a.grad = a.grad / 2  # clipping, say
    b.grad = None
    optimizer.step()
    assert a.data.tolist() == [8.5, 17] and b.item() == 27
    b.data = b.data - 7  # a bare number, in numpy
    b.grad = np.array(2.0)
    optimizer.step()
    assert b.item() == 19


def test_numbers_of_another_shape_or_dtype_need_a_new_optimizer():
    for wrong in (np.ones(3), np.ones(2, "float32")):
        (a,) = leaves((2,))
        a.name = "a"
        optimizer = SGD([a], lr=0.1)
        a.data, a.grad = wrong, None
        with pytest.raises(ValueError, match=r"'a' .*had shape \(2,\), float64.*new optimizer"):
            optimizer.step()


@pytest.mark.parametrize(
    "wrong", [np.ones(1), np.ones((2, 1)), np.ones(2, "float32"), np.ones(2, "int64"), 1.0]
)
def test_a_gradient_of_another_shape_or_dtype_is_refused(wrong):
    (a,) = leaves((2,))
    a.name, before = "a", a.data.copy()
    optimizer = SGD([a], lr=0.1)
    a.grad = wrong
    with pytest.raises(ValueError, match=r"gradient of 'a' .*must be .*\(2,\), float64, on cpu"):
        optimizer.step()
    assert (a.data == before).all()


@pytest.mark.parametrize("again", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
@pytest.mark.parametrize("trained", [False, True])
def test_a_copy_of_model_and_optimizer_learns_as_the_original(again, trained):
    net = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1))
    both = net, SGD(net.parameters(), lr=0.1, momentum=0.9)

    def train(net, optimizer, steps=3):
        for _ in range(steps):
            optimizer.zero_grad()
            (net(Tensor([[1.0, -2.0]])) ** 2).sum().backward()
            optimizer.step()

    if trained:
        train(*both)  # now there are gradients and a velocity
    start = [p.data.copy() for p in net.parameters()]
    its_copy = again(both)
    train(*its_copy)
    assert all((p.data == before).all() for p, before in zip(net.parameters(), start))
    train(*both)
    for p, q, before in zip(net.parameters(), its_copy[0].parameters(), start, strict=True):
        assert (p.data == q.data).all() and (p.data != before).any()
        assert np.shares_memory(q.data, its_copy[1].blocks[0].data)
        assert np.shares_memory(q.grad, its_copy[1].blocks[0].grad)


def test_a_copied_gradient_survives_the_next_pass():
    (a,) = leaves((2,))
    optimizer = SGD([a], lr=0.1)
    (a * 2).sum().backward()
    kept = a.grad.copy()
    optimizer.zero_grad()
    (a * 3).sum().backward()
    assert kept.tolist() == [2, 2] and a.grad.tolist() == [3, 3]
    assert "w.grad.copy()" in optimizer.zero_grad.__doc__


def test_the_norm_is_that_of_all_gradients_there_are():
    a, b, none = leaves((2, 3), (), (4,))
    half = Tensor(np.ones(3, "float16"), requires_grad=True)
    optimizer = SGD([a, none, half, b], lr=0.1)
    assert optimizer.grad_norm() == 0
    (none * 5).sum().backward()
    optimizer.zero_grad()
    assert optimizer.grad_norm() == 0, "what is forgotten does not count"
    quadratic([a, b], {0, 1}).backward()
    half.grad = np.full(3, 300, "float16")  # 300² is too much for float16
    expected = np.sqrt(sum((p.grad.astype("float64") ** 2).sum() for p in (a, b, half)))
    assert optimizer.grad_norm() == pytest.approx(expected, rel=1e-12)
    assert type(optimizer.grad_norm()) is float and none.grad is None
    a.grad = a.grad / 2  # clipped by hand
    expected = np.sqrt(sum((p.grad.astype("float64") ** 2).sum() for p in (a, b, half)))
    assert optimizer.grad_norm() == pytest.approx(expected, rel=1e-12)


def test_two_optimizers_on_the_same_parameters():
    a, b = leaves((3,), (3,))
    b.data = a.data.copy()
    first, second, alone = SGD([a], lr=0.1), SGD([a], lr=0.01), SGD([b], lr=0.1)
    for turn in range(6):
        mine = (first, second)[turn % 2]
        alone.lr = mine.lr
        for p, optimizer in ((a, mine), (b, alone)):
            optimizer.zero_grad()
            (p * p).sum().backward()
            optimizer.step()
    assert_close(a, b.data)


def test_zero_grad_in_both_modes():
    a, b = leaves((2,), (3,))
    optimizer = SGD([a, b], lr=1.0, weight_decay=0.1)
    for to_none in (True, False):
        (a * 5).sum().backward()
        optimizer.zero_grad(set_to_none=to_none)
        assert b.grad is None, "what had no gradient has none"
    assert a.grad.tolist() == [0, 0]
    before = b.data.copy()
    (a * 5).sum().backward()
    assert a.grad.tolist() == [5, 5]
    (a * 2).sum().backward()
    assert a.grad.tolist() == [7, 7], "gradients add up until they are zeroed"
    optimizer.step()
    assert (b.data == before).all()


def test_a_gradient_that_arrives_twice_in_one_pass():
    """The first arrival may be written straight into the block; the next must be added."""
    x, layer = np.array([[1.0, 2.0]]), nn.Linear(2, 1, bias=False)
    w = layer.weight
    w.data = np.array([[3.0, 4.0]])
    optimizer = SGD([w], lr=1.0)
    for _ in range(2):
        optimizer.zero_grad()
        (layer(Tensor(x)) + layer(Tensor(x * 10)) + (w * w).sum()).sum().backward()
        assert w.grad.tolist() == [[11 + 6, 22 + 8]]
        assert np.shares_memory(w.grad, optimizer.blocks[0].grad)


def test_tied_parameters_are_stepped_once():
    (a,) = leaves((2,))
    expected = a.data - 0.1
    optimizer = SGD([a, a], lr=0.1)
    assert len(optimizer.parameters) == 1
    a.sum().backward()
    optimizer.step()
    assert_close(a, expected)


def test_two_dtypes_make_two_blocks():
    single, double = Tensor([1.0, 2.0], requires_grad=True), tensor_leaf([3.0])
    optimizer = SGD([single, double], lr=0.5, momentum=0.9, weight_decay=0.1)
    assert sorted(block.data.dtype.name for block in optimizer.blocks) == ["float32", "float64"]
    ((single * 2).sum() + double.sum()).backward()
    optimizer.step()
    assert single.dtype == np.float32 and double.dtype == np.float64
    assert_close(single, np.array([1 - 0.5 * 2.1, 2 - 0.5 * 2.2], "float32"), rtol=1e-6)
    assert_close(double, [3 - 0.5 * 1.3])


def test_momentum_that_dies_away_ends_at_zero():
    """A velocity of 1e-40 costs a hundred times the time; a step lets it count as 0."""
    a = Tensor(np.ones(3, "float32"), requires_grad=True)
    optimizer = SGD([a], lr=0.1, momentum=0.5)
    a.grad = np.full(3, 1e-37, "float32")
    for _ in range(5):
        optimizer.step()
        a.grad = np.zeros(3, "float32")
    (block,) = optimizer.blocks
    assert not block.state["momentum_buffer"].any() or not optim.optimizer.flush_denormals._known


# ---------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    "make, kind, message",
    [
        (lambda: SGD([], lr=0.1), ValueError, "got none"),
        (lambda: SGD([np.ones(2)], lr=0.1), TypeError, "changes Tensors, not array"),
        (lambda: SGD([Tensor([1, 2], name="n")], lr=0.1), ValueError, "floating.*'n' .*int64"),
        (lambda: SGD([tensor_leaf([1.0])[0]], lr=0.1), ValueError, "leaves.*result of getitem"),
        (lambda: SGD(tensor_leaf([[1.0]]), lr=0.1), TypeError, r"such as \[w\], not Tensor"),
        (lambda: SGD(tensor_leaf(1.0), lr=0.1), TypeError, r"such as \[w\], not Tensor"),
        (lambda: SGD(nn.ReLU(), lr=0.1), TypeError, r"such as model.parameters\(\), not ReLU"),
        (lambda: SGD(nn.Sequential(nn.ReLU())), TypeError, r"model.parameters\(\), not Sequ"),
        (lambda: SGD([tensor_leaf(1.0)], lr="0.1"), TypeError, "lr must be a number, got '0.1'"),
        (lambda: SGD([tensor_leaf(1.0)], lr=-1), ValueError, "lr must be 0 or more, got -1"),
        (lambda: SGD([tensor_leaf(1.0)], lr=float("nan")), ValueError, "lr must be"),
        (lambda: SGD([tensor_leaf(1.0)], momentum=-0.1), ValueError, "momentum must be"),
        (lambda: SGD([tensor_leaf(1.0)], weight_decay=-1), ValueError, "weight_decay must be"),
        (lambda: SGD([tensor_leaf(1.0)], nesterov=True), ValueError, "nesterov needs a momentum"),
    ],
)
def test_bad_settings(make, kind, message):
    with pytest.raises(kind, match=message):
        make()


def test_an_optimizer_without_an_update_says_so():
    (a,) = leaves((2,))
    a.sum().backward()
    with pytest.raises(TypeError, match="Optimizer has no update"):
        optim.Optimizer([a], {"lr": 0.1}).step()
