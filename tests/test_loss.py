"""Losses where they meet the odd and the wrong: other dtypes, names, edges, and errors."""

import numpy as np
import pytest
from helpers import DEVICES, NAN, assert_close, import_torch, on_device, plain

from hello_dl import Tensor, nn
from hello_dl import functional as F

rng = np.random.default_rng(12)
X, LABELS = rng.standard_normal((4, 3)), np.array([2, 0, 1, 1])
T = Tensor(X)
each_device = pytest.mark.parametrize("device", DEVICES)


@each_device
def test_what_is_ignored_has_no_gradient_whatever_it_holds(device):
    torch = import_torch()
    x = X.copy()
    x[1] = NAN
    labels = np.array([2, -100, 1, -100])
    for f in ("cross_entropy", "nll_loss"):
        for options in ({}, {"reduction": "sum"}, {"reduction": "none"}):
            block, other = Tensor(on_device(x, device), True), torch.tensor(x, requires_grad=True)
            loss = getattr(F, f)(block, on_device(labels, device), **options)
            theirs = getattr(torch.nn.functional, f)(other, torch.tensor(labels), **options)
            assert_close(loss, theirs.detach().numpy())
            loss.sum().backward()
            theirs.sum().backward()
            expected = other.grad.numpy()
            expected[1] = plain(block.grad)[1]  # to PyTorch, nan times 0 is nan
            assert_close(block.grad, expected)
            assert not plain(block.grad)[3].any()


@each_device
def test_a_batch_of_which_nothing_counts_moves_nothing(device):
    x = Tensor(on_device(X, device), requires_grad=True)
    loss = F.cross_entropy(x, on_device(np.full(4, 7), device), ignore_index=7)
    assert np.isnan(plain(loss)), "as in PyTorch"
    loss.backward()
    assert not plain(x.grad).any()


def test_arguments_by_place_and_by_name():
    weight = np.array([1.0, 2.0, 0.5])
    by_name = F.cross_entropy(input=T, target=LABELS, weight=weight, reduction="sum")
    assert_close(F.cross_entropy(T, LABELS, weight, reduction="sum"), by_name)
    assert_close(F.softmax(T, 0), F.softmax(input=T, axis=0))
    assert_close(F.softmin(T, 1), F.softmax(-T, dim=-1))
    assert_close(F.mse_loss(input=T, target=X + 1), F.mse_loss(T, X + 1))
    assert F.mse_loss(T, X + 1).item() == pytest.approx(1)
    assert_close(F.dropout(T, 0.5, False), X)
    assert_close(F.layer_norm(T, [3], None, None, 0.1), F.layer_norm(T, (3,), eps=0.1))
    assert_close(F.embedding([1], T), X[[1]])
    assert_close(F.kl_div(T, abs(X), reduction="batchmean"), F.kl_div(T, abs(X)) * 3)


@each_device
@pytest.mark.parametrize("f", [F.cross_entropy, F.mse_loss, F.l1_loss, F.huber_loss, F.softmax])
def test_half_precision_is_computed_in_float32(f, device):
    x = (rng.standard_normal((40, 30)) * 50).astype("float16")
    target = rng.integers(0, 30, 40) if f is F.cross_entropy else np.zeros_like(x)
    targets = [] if f is F.softmax else [on_device(target, device)]
    block, wide = Tensor(on_device(x, device), True), Tensor(x.astype("float64"), True)
    result = f(block, *targets)
    as_wide = target if f is F.cross_entropy else target.astype("float64")
    expected = f(wide, *[as_wide for _ in targets])
    assert result.dtype == np.float16
    assert_close(plain(result).astype("float64"), expected, rtol=2e-3, atol=1e-6)
    result.sum().backward()
    expected.sum().backward()
    assert block.grad.dtype == np.float16
    assert_close(plain(block.grad).astype("float64"), wide.grad, rtol=5e-3, atol=1e-3)


def test_whole_numbers_beside_floats_do_not_widen():
    x = Tensor(X.astype("float32"))
    for loss in (
        F.mse_loss(x, np.ones((4, 3), "int64")), F.l1_loss(np.ones((4, 3), "int32"), x),
        F.huber_loss(x, np.ones((4, 3), bool)), F.binary_cross_entropy_with_logits(x, X > 0),
        F.cross_entropy(x, Tensor(LABELS), Tensor([1, 2, 3])), F.softmin(x, 1),
        F.nll_loss(x, Tensor(LABELS), Tensor([1, 2, 3])),
        F.hinge_embedding_loss(x, np.sign(X).astype("int64")),
        F.multi_margin_loss(x, LABELS, weight=np.array([1, 2, 3])),
        F.margin_ranking_loss(x, x, np.ones((4, 3), "int64")), F.layer_norm(x, 3),
        F.dropout(np.ones(3, "int64")), F.softmax(np.ones(3, "int64")),
    ):  # fmt: skip
        assert loss.dtype == np.float32


def test_saturated_probabilities_have_a_finite_loss():
    torch = import_torch()
    p, target = np.array([0.0, 1.0, 1e-30, 1.0, 0.0]), np.array([1.0, 0.0, 1.0, 1.0, 0.0])
    ours, theirs = Tensor(p, True), torch.tensor(p, requires_grad=True)
    loss = F.binary_cross_entropy(ours, target, reduction="none")
    expected = torch.nn.functional.binary_cross_entropy(
        theirs, torch.tensor(target), reduction="none"
    )
    assert_close(loss, expected.detach().numpy())
    loss.sum().backward()
    expected.sum().backward()
    assert_close(ours.grad, theirs.grad.numpy(), rtol=1e-7)  # PyTorch ends at 1e-12 in float32
    x = Tensor([1e4, -1e4, 50.0], requires_grad=True)
    loss = F.binary_cross_entropy_with_logits(x, [0.0, 1.0, 1.0], reduction="none")
    assert loss.tolist() == [1e4, 1e4, pytest.approx(np.exp(-50), rel=1e-5)]


@each_device
@pytest.mark.parametrize("f", [F.softmax, F.log_softmax])
def test_softmax_in_another_dtype(f, device):
    torch = import_torch()
    for have, want in (("float16", "float32"), ("float32", "float64"), ("int64", "float32"),
                       ("float32", "float16")):  # fmt: skip
        x = (X * 3).astype(have)
        block = Tensor(on_device(x, device), have != "int64")
        y = f(block, -1, dtype=want)
        expected = getattr(torch, f.__name__)(torch.tensor(x), -1, dtype=getattr(torch, want))
        assert y.dtype == np.dtype(want)
        rough = 1e-3 if "float16" in (have, want) else 1e-6
        assert_close(plain(y).astype("float64"), expected.double().numpy(), rough, rough)
        if have != "int64":
            (y * y).sum().backward()
            assert block.grad.dtype == np.dtype(have)
    assert f(Tensor(x)).dtype == np.float32 and f(Tensor(x.astype("int64"))).dtype == np.float32
    with pytest.raises(ValueError, match="floating numbers, not int64"):
        f(T, -1, dtype="int64")


@pytest.mark.parametrize("shape, dim", [((3, 0), 1), ((0, 3), 1), ((3, 0), 0), ((2, 0, 3), -2)])
def test_softmax_of_nothing(shape, dim):
    x = Tensor(np.ones(shape), requires_grad=True)
    for f in (F.softmax, F.log_softmax):
        y = f(x, dim)
        assert y.shape == shape
        y.sum().backward()
        assert x.grad.shape == shape


def test_targets_that_are_probabilities_get_gradients():
    target = Tensor(np.full((4, 3), 1 / 3), requires_grad=True)
    F.cross_entropy(T, target, label_smoothing=0.1).backward()
    torch = import_torch()
    other = torch.full((4, 3), 1 / 3, dtype=torch.float64, requires_grad=True)
    torch.nn.functional.cross_entropy(torch.tensor(X), other, label_smoothing=0.1).backward()
    assert_close(target.grad, other.grad.numpy())


def test_weights_are_settings():
    weight = Tensor([1.0, 2.0, 3.0], dtype="float64", requires_grad=True)
    x = Tensor(X, requires_grad=True)
    for loss in (
        F.cross_entropy(x, LABELS, weight), F.nll_loss(x, LABELS, weight),
        F.binary_cross_entropy_with_logits(x, abs(X), weight),
        F.binary_cross_entropy_with_logits(x, abs(X), pos_weight=weight),
        F.cross_entropy(x, abs(X), weight),
    ):  # fmt: skip
        with pytest.raises(ValueError, match="weight of a loss is a setting"):
            loss.backward()


@pytest.mark.parametrize(
    "wrong, message",
    [
        (lambda: F.cross_entropy(T, [0, 1, 3, 0]), "class 3 is not among the 3 classes 0 to 2"),
        (lambda: F.cross_entropy(T, [0, -100, 3, 0]), "class 3 is not among"),
        (lambda: F.cross_entropy(T, [0, -1, 1, 0]), "class -1 is not among"),
        (lambda: F.cross_entropy(T, LABELS[:3]), r"\(4, 3\).*\(3,\).*\(n, classes\)"),
        (lambda: F.cross_entropy(T, X[:2]), r"\(2, 3\).*or that of input"),
        (lambda: F.cross_entropy(Tensor(1.0), 0), r"\(n, classes\)"),
        (lambda: F.cross_entropy(T, LABELS, [1.0, 2.0]), r"weight has the shape \(3,\)"),
        (lambda: F.cross_entropy(T, LABELS, label_smoothing=1.5), "between 0 and 1, not 1.5"),
        (lambda: F.cross_entropy(T, LABELS, reduction="batchmean"), "'batchmean' is unknown"),
        (lambda: F.nll_loss([[1, 2]], [0]), "floating numbers, not int64"),
        (lambda: F.nll_loss(T, LABELS * 1.0), "integers, not float64"),
        (lambda: F.binary_cross_entropy(T, X), "between 0 and 1, and .* is among them"),
        (lambda: F.binary_cross_entropy([0.5], [0.5, 1.0]), "must have the same shape"),
        (lambda: F.binary_cross_entropy([0.5], [0.5], [1.0, 2.0]), r"\(2,\) does not stretch to"),
        (lambda: F.kl_div(T, X[0]), "must have the same shape"),
        (lambda: F.kl_div(T, abs(X), reduction="batch"), "'batch' is unknown"),
        (lambda: F.huber_loss(T, X, delta=0), "delta must be above 0, got 0"),
        (lambda: F.smooth_l1_loss(T, X, beta=-1.0), "beta must be 0 or more, got -1.0"),
        (lambda: F.l1_loss([1], [2]), "must hold floating numbers"),
        (lambda: F.multi_margin_loss(T, LABELS, p=3), "p must be 1 or 2, got 3"),
        (lambda: F.multi_margin_loss(T, LABELS[:2]), r"\(n, classes\) and target \(n,\)"),
        (lambda: F.embedding([0], [1.0, 2.0]), r"table of the shape \(n, d\)"),
        (lambda: nn.CrossEntropyLoss()(T, LABELS[:1]), r"\(n, classes\)"),
    ],
)
def test_errors(wrong, message):
    with pytest.raises(ValueError, match=message):
        wrong()


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: F.softmax(T, 2), lambda: F.log_softmax(T, -3), lambda: F.softmin(T, 5),
        lambda: F.cosine_similarity(T[0], T[1]), lambda: F.cosine_similarity(T, T, dim=2),
    ],
)  # fmt: skip
def test_an_axis_that_is_not_there(wrong):
    with pytest.raises(IndexError, match="there is no axis .*: use -"):
        wrong()
