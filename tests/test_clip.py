"""Gradients cut down, against PyTorch's; and all parameters as one vector."""

import warnings

import numpy as np
import pytest
from helpers import DEVICES, assert_close, import_torch, on_device, plain, tensor_leaf

from hello_dl import Tensor, nn
from hello_dl.backend.updates import joined
from hello_dl.nn.utils import (
    clip_grad_norm_,
    clip_grad_value_,
    parameters_to_vector,
    vector_to_parameters,
)
from hello_dl.optim import SGD, Adam

INF, NAN = float("inf"), float("nan")
SHAPES = [(3, 4), (), (5,), (0, 2), (2, 1, 3)]


def parameters(device="cpu", dtype="float64", scale=1.0, seed=0):
    """Parameters with gradients; the fourth has no numbers, the last has no gradient."""
    rng = np.random.default_rng(seed)
    made = []
    for i, shape in enumerate([*SHAPES, (2,)]):
        p = Tensor(on_device(np.zeros(shape, dtype), device), requires_grad=True)
        if i < len(SHAPES):
            gradient = np.asarray(rng.standard_normal(shape) * scale).astype(dtype)
            p.grad = on_device(gradient, device)
        made.append(p)
    return made


def torch_twins(torch, ours):
    theirs = [torch.tensor(plain(p.data), requires_grad=True) for p in ours]
    for p, q in zip(ours, theirs):
        q.grad = None if p.grad is None else torch.tensor(plain(p.grad))
    return theirs


def assert_same_gradients(ours, theirs, rtol=1e-12):
    for p, q in zip(ours, theirs):
        assert (p.grad is None) == (q.grad is None)
        if p.grad is not None:
            assert_close(p.grad, q.grad.numpy(), rtol, 1e-300)


def prepared(how, ours):
    """The same gradients lying in one block, in two, or each by itself."""
    if how == "one block":
        SGD(ours)
    elif how == "two blocks":
        SGD([{"params": ours[:2]}, {"params": ours[2:]}])
    return ours


# ---------------------------------------------------------------------------------- the norm


@pytest.mark.parametrize("how", ["apart", "one block", "two blocks"])
@pytest.mark.parametrize("norm_type", [2, 1, 3, 0.5, 0, "inf", INF, -1.5])
@pytest.mark.parametrize("max_norm", [0, 0.3, 1e9, INF])
@pytest.mark.parametrize("device", DEVICES)
def test_the_norm_is_cut_as_by_pytorch(device, max_norm, norm_type, how):
    torch = import_torch()
    ours = prepared(how, parameters(device))
    theirs = torch_twins(torch, ours)
    of_nothing = float(norm_type) >= 0 and norm_type not in ("inf", INF)
    if not of_nothing:  # PyTorch has no such norm of 0 numbers
        theirs[3].grad = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = torch.nn.utils.clip_grad_norm_(theirs, max_norm, norm_type)
        total = clip_grad_norm_(ours, max_norm, norm_type)
    assert isinstance(total, Tensor) and total.device == device and not total.requires_grad
    assert_close(total, expected.numpy(), rtol=1e-12)
    if not of_nothing:
        ours[3].grad = None
    assert_same_gradients(ours, theirs)


def test_negative_infinity_is_the_smallest_entry():
    (p, *_) = parameters()
    expected = np.abs(p.grad).min()
    assert clip_grad_norm_(p, 1e-9, -INF).item() == expected
    assert np.abs(p.grad).min() == pytest.approx(1e-9, rel=1e-3)


@pytest.mark.filterwarnings("ignore:invalid value")
@pytest.mark.parametrize("number", [INF, -INF, NAN])
@pytest.mark.parametrize("device", DEVICES)
def test_a_norm_that_is_not_finite(device, number):
    torch = import_torch()
    ours = parameters(device)
    ours[0].grad[1, 2] = number
    theirs = torch_twins(torch, ours)
    before = plain(ours[0].grad).copy()
    with pytest.raises(ValueError, match=f"norm of all gradients is {abs(number)} and cannot be"):
        clip_grad_norm_(ours, 1.0, error_if_nonfinite=True)
    assert_close(ours[0].grad, before, rtol=0, atol=0, what="nothing is changed")
    total = clip_grad_norm_(ours, 1.0)
    assert_close(total, torch.nn.utils.clip_grad_norm_(theirs, 1.0).numpy())
    assert_same_gradients(ours, theirs)


@pytest.mark.parametrize("device", DEVICES)
def test_float32_stays_float32_and_float16_does_not_overflow(device):
    torch = import_torch()
    single = parameters(device, "float32")
    theirs = torch_twins(torch, single)
    total = clip_grad_norm_(single, 0.5)
    expected = torch.nn.utils.clip_grad_norm_(theirs, 0.5)
    assert total.dtype == np.float32 and single[0].grad.dtype == np.float32
    assert_close(total, expected.numpy(), rtol=1e-6)
    assert_same_gradients(single, theirs, rtol=1e-6)

    half = parameters(device, "float16", scale=3000.0)
    exact = np.sqrt(sum((plain(p.grad).astype("f8") ** 2).sum() for p in half[:5]))
    before = plain(half[0].grad).astype("f8")
    assert clip_grad_norm_(half, 1.0).item() == pytest.approx(exact, rel=1e-3)
    assert half[0].grad.dtype == np.float16
    assert_close(plain(half[0].grad).astype("f8"), before / exact, rtol=0.01, atol=1e-3)


def test_dtypes_together():
    single, double = parameters(dtype="float32", seed=1), parameters(seed=2)
    mixed = [*single, *double]
    exact = np.sqrt(sum((p.grad.astype("f8") ** 2).sum() for p in mixed if p.grad is not None))
    assert clip_grad_norm_(mixed, 0.1).item() == pytest.approx(exact, rel=1e-6)
    assert single[0].grad.dtype == np.float32 and double[0].grad.dtype == np.float64
    assert clip_grad_norm_(mixed, 1.0).item() == pytest.approx(0.1, rel=1e-4)


def test_it_takes_one_tensor_or_an_iterator_and_none_with_a_gradient():
    (p, *_) = parameters()
    norm = np.linalg.norm(p.grad)
    assert clip_grad_norm_(p, 1e9).item() == pytest.approx(norm)
    net = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    (net(Tensor([[1.0, 2.0]])) ** 2).sum().backward()
    clip_grad_norm_(net.parameters(), 1e-3)
    assert clip_grad_norm_(net.parameters(), 1.0).item() == pytest.approx(1e-3, rel=1e-2)
    assert clip_grad_norm_([], 1.0).item() == 0
    assert clip_grad_norm_([tensor_leaf([1.0])], 1.0).item() == 0
    assert clip_grad_norm_(nn.ParameterList(net.parameters()), 1.0).item() < 2e-3
    with pytest.raises(TypeError, match=r"such as model.parameters\(\), not Linear"):
        clip_grad_norm_(net, 1.0)
    used_up = net.parameters()
    list(used_up)
    with pytest.warns(UserWarning, match="iterator of parameters is empty"):
        clip_grad_norm_(used_up, 1.0)


def test_a_bare_number_and_a_strided_gradient():
    a, b = tensor_leaf(3.0), tensor_leaf(np.zeros((3, 2)))
    a.grad, b.grad = np.float64(3.0), np.full((2, 3), 2.0).T
    assert clip_grad_norm_([a, b], 1.0).item() == pytest.approx(np.sqrt(33))
    assert a.grad == pytest.approx(3 / np.sqrt(33))
    assert b.grad.ravel().tolist() == pytest.approx([2 / np.sqrt(33)] * 6)


def test_clipping_between_backward_and_step():
    torch = import_torch()
    w = tensor_leaf([[3.0, -4.0], [1.0, 2.0]])
    v = torch.tensor(w.data.copy(), requires_grad=True)
    ours, theirs = Adam([w], lr=0.1), torch.optim.Adam([v], lr=0.1)
    for _ in range(10):
        ours.zero_grad(), theirs.zero_grad()
        (w * w * w * w).sum().backward(), (v * v * v * v).sum().backward()
        clip_grad_norm_([w], 2.0), torch.nn.utils.clip_grad_norm_([v], 2.0)
        assert np.shares_memory(w.grad, ours.blocks[0].grad), "it stays in its block"
        ours.step(), theirs.step()
    assert_close(w, v.detach().numpy(), rtol=1e-12)


def test_neighbors_in_a_block_are_taken_in_one_pass():
    ours = parameters()
    SGD(ours)
    gradients = [p.grad for p in ours if p.grad is not None and p.grad.size]
    (run,) = joined(gradients)
    assert run.size == sum(g.size for g in gradients) and run.ndim == 1
    assert all(np.shares_memory(run, g) for g in gradients)
    assert [r.size for r in joined([gradients[0], gradients[2]])] == [12, 5], "there is a gap"
    assert [r.size for r in joined([gradients[1], gradients[0]])] == [1, 12], "the wrong way round"
    apart = [np.ones(3), np.ones((2, 3)).T, np.ones(6)[::2]]
    assert all(x is y for x, y in zip(joined(apart), apart, strict=True))
    whole = np.arange(12.0)
    pieces = [whole[:4].reshape(2, 2), whole[4:5].reshape(()), whole[5:].reshape(7)]
    assert joined(pieces)[0].tolist() == whole.tolist()
    assert [r.shape for r in joined([whole[:3], whole[3:9:2]])] == [(3,), (3,)]
    square = np.ones((2, 6))
    assert len(joined([square[0], square[1]])) == 2, "the base has two axes"


# ---------------------------------------------------------------------------------- the values


@pytest.mark.parametrize("how", ["apart", "one block"])
@pytest.mark.parametrize("value", [0, 0.5, 1e9])
@pytest.mark.parametrize("device", DEVICES)
def test_values_are_cut_as_by_pytorch(device, value, how):
    torch = import_torch()
    ours = prepared(how, parameters(device))
    for p, number in zip(ours[:3], (NAN, INF, -INF)):
        p.grad[(0,) * p.ndim] = number
    theirs = torch_twins(torch, ours)
    clip_grad_value_(iter(ours), value)
    torch.nn.utils.clip_grad_value_(theirs, value)
    assert_same_gradients(ours, theirs)
    clip_grad_value_(ours[0], 0.1)
    assert np.nanmax(np.abs(plain(ours[0].grad))) <= 0.1


# ---------------------------------------------------------------------------------- vectors


@pytest.mark.parametrize("device", DEVICES)
def test_parameters_to_a_vector_and_back(device):
    torch = import_torch()
    rng = np.random.default_rng(0)
    ours = [
        Tensor(on_device(np.asarray(rng.standard_normal(s)), device), requires_grad=True)
        for s in SHAPES
    ]
    vector = parameters_to_vector(iter(ours))
    theirs = [torch.tensor(plain(p.data)) for p in ours]
    assert_close(vector, torch.nn.utils.parameters_to_vector(theirs).numpy(), rtol=0, atol=0)
    assert vector.device == device and vector.shape == (24,)
    (vector * vector).sum().backward()
    assert_close(ours[0].grad, 2 * plain(ours[0].data), what="gradients go through")
    ours[0].grad = None
    optimizer = SGD(ours, lr=0.0)
    result = (ours[0] * ours[0]).sum()
    new = Tensor(vector.data * 2, device=device)
    vector_to_parameters(new, ours)
    for p, q in zip(ours, theirs):
        assert_close(p, 2 * q.numpy(), rtol=0, atol=0)
    new.data[...] = 0
    assert plain(ours[0].data).any(), "the numbers are copied"
    optimizer.step()
    with pytest.raises(ValueError, match="changed in place"):
        result.backward()


def test_a_vector_of_another_dtype_and_an_array():
    p = Tensor(np.zeros((2, 2), "float32"), requires_grad=True)
    vector_to_parameters(np.arange(4.0), [p])
    assert p.dtype == np.float32 and p.data.tolist() == [[0, 1], [2, 3]]


# ---------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    "call, kind, message",
    [
        (lambda p: clip_grad_norm_(p, -1), ValueError, "max_norm must be 0 or more, got -1"),
        (lambda p: clip_grad_norm_(p, NAN), ValueError, "max_norm must be 0 or more, got nan"),
        (lambda p: clip_grad_norm_(p, "a"), TypeError, "max_norm must be a number, got 'a'"),
        (
            lambda p: clip_grad_norm_(p, 1, "two"),
            TypeError,
            "norm_type must be a number, got 'two'",
        ),
        (lambda p: clip_grad_value_(p, -1), ValueError, "clip_value must be 0 or more, got -1"),
        (lambda p: clip_grad_value_(p, None), TypeError, "clip_value must be a number, got None"),
        (
            lambda p: clip_grad_norm_(nn.Linear(2, 1), 1),
            TypeError,
            r"such as model.parameters\(\), ",
        ),
        (lambda p: clip_grad_norm_([3], 1), TypeError, "expected Tensors, .*, not 3"),
        (lambda p: clip_grad_norm_(3, 1), TypeError, "expected parameters"),
        (lambda p: parameters_to_vector([]), ValueError, "got none"),
        (
            lambda p: vector_to_parameters(Tensor([1.0, 2.0]), p),
            ValueError,
            r"the vector has shape \(2,\), and the parameters need \(26,\)",
        ),
        (
            lambda p: vector_to_parameters(Tensor([[1.0] * 13] * 2), p),
            ValueError,
            r"shape \(2, 13\), and the parameters need \(26,\)",
        ),
    ],
)
def test_bad_input(call, kind, message):
    with pytest.raises(kind, match=message) as error:
        call(parameters())
    assert "\n" not in str(error.value)
