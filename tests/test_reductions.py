"""What reductions and searches give beyond the table of rules: pairs, dtypes, forms of a call."""

import numpy as np
import pytest
from helpers import DEVICES, INF, NAN, assert_close, import_torch, on_device, plain

import hello_dl
from hello_dl import Tensor, check
from hello_dl import functional as F

pytestmark = [pytest.mark.filterwarnings("ignore::RuntimeWarning")]  # inf and nan are wanted here
each_device = pytest.mark.parametrize("device", DEVICES)

RNG = np.random.default_rng(7)
X = RNG.permutation(24).reshape(2, 3, 4) / 2.0
TIES = np.array([[2.0, 1.0, 2.0, 1.0], [3.0, 3.0, 3.0, 3.0], [-1.0, 5.0, -1.0, 5.0]])
ODD = np.array([[1.0, NAN, 3.0, NAN], [INF, -INF, 0.0, -0.0], [NAN, NAN, NAN, NAN]])


def of_both(call, x, device="cpu", requires_grad=True):
    """What a call gives on our Tensor and on PyTorch's, the first result, and the gradients."""
    torch = import_torch()
    theirs = torch.tensor(x, requires_grad=requires_grad and x.dtype.kind == "f")
    ours = Tensor(on_device(x, device), requires_grad and x.dtype.kind == "f")
    return ours, theirs, call(ours), call(theirs)


PAIRS = {
    "max": lambda t: t.max(1),
    "max(dim, keepdim)": lambda t: t.max(dim=0, keepdim=True),
    "min": lambda t: t.min(-1),
    "min by place": lambda t: t.min(0, True),
    "sort": lambda t: t.sort(),
    "sort down": lambda t: t.sort(dim=0, descending=True, stable=True),
    "sort by place": lambda t: t.sort(-1, True),
}
WITHOUT_TIES = {  # PyTorch leaves open which of equal entries it takes
    "median": lambda t: t.median(1),
    "median(keepdim)": lambda t: t.median(dim=-2, keepdim=True),
    "kthvalue": lambda t: t.kthvalue(2),
    "kthvalue(dim)": lambda t: t.kthvalue(1, 0, True),
    "topk": lambda t: t.topk(2),
    "topk of all": lambda t: t.topk(t.shape[-1], largest=False),
    "topk(dim)": lambda t: t.topk(k=1, dim=0, largest=False),
    "topk of none": lambda t: t.topk(0),
}
CASES = [
    *[(name, call, x) for name, call in PAIRS.items() for x in (X, TIES, ODD, ODD.T, X[:, ::-2])],
    *[(name, call, x) for name, call in WITHOUT_TIES.items() for x in (X, X.T, X[:, ::-2, 1:])],
    *[(name, call, x.astype(int)) for name, call in PAIRS.items() for x in (X * 2, TIES)],
    ("median of nan", lambda t: t.median(1), ODD[:1]),
]


@each_device
@pytest.mark.parametrize("name, call, x", CASES, ids=[f"{c[0]}-{i}" for i, c in enumerate(CASES)])
def test_pairs_are_those_of_pytorch(name, call, x, device):
    x = np.ascontiguousarray(x)
    ours, theirs, one, other = of_both(call, x, device)
    assert type(one).__name__ == "Found" and one.values is one[0] and one.indices is one[1]
    assert_close(one.values, other.values.detach().numpy(), what="values")
    np.testing.assert_array_equal(plain(one.indices), other.indices.numpy())
    assert one.indices.dtype == np.int64 and not one.indices.requires_grad
    assert one.values.dtype == x.dtype
    if ours.requires_grad and one.values.numel():
        upstream = RNG.standard_normal(one.values.shape)
        one.values.backward(upstream)
        other.values.backward(import_torch().tensor(upstream))
        assert_close(ours.grad, theirs.grad.numpy(), what="gradient")


@each_device
@pytest.mark.parametrize("name", ["max", "min", "median", "sort", "topk", "kthvalue"])
def test_a_single_number_has_one_axis(name, device):
    x = Tensor(on_device(np.array(3.0), device), requires_grad=True)
    options = {"k": 1} if name in ("topk", "kthvalue") else {}
    for dim in (0, -1):
        values, indices = getattr(x, name)(dim=dim, **options)
        assert values.shape == indices.shape == () and values.item() == 3 and indices.item() == 0
    x.grad = None
    values.backward()
    assert x.grad == 1
    if name not in ("topk", "kthvalue"):
        with pytest.raises(IndexError, match=rf"{name} of \(\) float64.*: there is no axis 1"):
            getattr(x, name)(dim=1)


def test_a_pair_can_be_checked_by_nudging():
    for call in (*PAIRS.values(), *WITHOUT_TIES.values()):
        if call(Tensor(X)).values.numel():
            assert check.gradients(lambda t, call=call: call(t).values, X) <= 1e-6


@each_device
def test_max_and_min_of_all_and_of_two(device):
    x, y = (Tensor(on_device(a, device), True) for a in (TIES, TIES[::-1].copy()))
    x.max().backward()
    assert_close(x.grad, (TIES == 5) / 2)  # two entries tie
    for one, two in ((x.max(y), x.maximum(y)), (x.min(other=y), x.minimum(y))):
        assert one.op == two.op and (plain(one) == plain(two)).all()
    assert hello_dl.max(x, 2.5).data.min() == 2.5 and hello_dl.min(x).item() == -1
    assert hello_dl.max(x, axis=1, keepdims=True).values.shape == (3, 1)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int32", "int64", "uint8"])
@pytest.mark.parametrize("name", ["sum", "mean", "prod", "cumsum", "cumprod"])
@pytest.mark.parametrize("given", [None, "float16", "float32", "float64", "int64"])
def test_dtypes_of_sums_are_those_of_pytorch(name, dtype, given):
    torch = import_torch()
    x = np.array([1, 2, 3, 2], dtype)
    options = {"dim": 0} if name.startswith("cum") else {}
    chosen = {} if given is None else {"dtype": getattr(torch, given)}
    try:
        expected = getattr(torch.tensor(x), name)(**options, **chosen)
    except RuntimeError:
        return  # the mean of whole numbers is refused there
    ours = getattr(Tensor(x), name)(**options, **({} if given is None else {"dtype": given}))
    assert str(ours.dtype) == str(expected.dtype).removeprefix("torch.")
    assert_close(ours, expected.numpy(), rtol=1e-3)


def test_sums_of_halves_do_not_overflow_and_a_given_dtype_brings_the_gradient_back():
    x = Tensor(np.full(1000, 100.0, "float16"), requires_grad=True)
    assert x.mean().item() == 100 and x.sum(dtype="float32").item() == 100_000
    total = x.sum(dtype="float64") * 0.5
    total.backward()
    assert total.dtype == np.float64 and x.grad.dtype == np.float16 and (x.grad == 0.5).all()
    assert not x.sum(dtype="int64").requires_grad
    ones = Tensor(np.full(5000, 1.0, "float16"))
    assert ones.cumsum(0).data[-1] == 5000  # added up one by one in float16 they stop at 2048
    assert ones.norm().item() == pytest.approx(5000**0.5, rel=1e-3)


FORMS = {
    "var(False)": lambda t: t.var(False),
    "var(0)": lambda t: t.var(0),
    "var(1, False)": lambda t: t.var(1, False),
    "var(1, True, True)": lambda t: t.var(1, True, True),
    "var(dim=, correction=)": lambda t: t.var(dim=(0, 2), correction=0, keepdim=True),
    "std(unbiased=)": lambda t: t.std(unbiased=False),
    "std()": lambda t: t.std(),
    "norm(1)": lambda t: t.norm(1),
    "norm(2, 1)": lambda t: t.norm(2, 1),
    "norm(p, dim, keepdim)": lambda t: t.norm(p=3, dim=-1, keepdim=True),
    "norm()": lambda t: t.norm(),
    "sum(0, True)": lambda t: t.sum(0, True),
    "sum([0, 1])": lambda t: t.sum([0, 1]),
    "logsumexp(1)": lambda t: t.logsumexp(1),
    "amax((0, 2))": lambda t: t.amax((0, 2)),
    "prod(1, True)": lambda t: t.prod(1, True),
    "cumsum(-1)": lambda t: t.cumsum(-1),
    "median()": lambda t: t.median(),
}


@each_device
@pytest.mark.parametrize("call", FORMS.values(), ids=FORMS)
def test_forms_of_a_call_are_those_of_pytorch(call, device):
    ours, theirs, one, other = of_both(call, X + 1, device)
    assert_close(one, other.detach().numpy())
    upstream = RNG.standard_normal(one.shape)
    one.backward(upstream)
    other.backward(import_torch().tensor(upstream))
    assert_close(ours.grad, theirs.grad.numpy())


def test_axis_and_keepdims_are_known_too():
    t = Tensor(X)
    for name in "sum mean amax amin var std prod norm logsumexp any all".split():
        one = getattr(t, name)(axis=1, keepdims=True)
        assert_close(one, getattr(t, name)(dim=1, keepdim=True))
        assert one.shape == (2, 1, 4)
    for name in ("max", "min", "median"):
        assert getattr(t, name)(axis=1, keepdims=True).values.shape == (2, 1, 4)
    assert t.sort(axis=0).values.shape == X.shape and t.argmin(axis=2).shape == (2, 3)


@each_device
@pytest.mark.parametrize("p, dim", [(2.0, 1), (1, 0), (INF, -1), (3.0, 2)])
def test_normalize(p, dim, device):
    ours, theirs, one, other = of_both(lambda t: normalized(t, p, dim), X - 3, device)
    assert_close(one, other.detach().numpy())
    one.sum().backward()
    other.sum().backward()
    assert_close(ours.grad, theirs.grad.numpy())
    assert (plain(normalized(Tensor(on_device(np.zeros((2, 3)), device)), 2.0, 1)) == 0).all()


def normalized(t, p, dim):
    library = F if isinstance(t, Tensor) else import_torch().nn.functional
    return library.normalize(t, p=p, dim=dim)


# ---------------------------------------------------------------------------------- sets, counts


@each_device
@pytest.mark.parametrize("x", [TIES, np.array([3, 1, 3, 3, 0]), np.array([True, False, True])])
@pytest.mark.parametrize("dim", [None, 0])
def test_unique_is_that_of_pytorch(x, dim, device):
    torch = import_torch()
    options = {"return_inverse": True, "return_counts": True, "dim": dim}
    expected = torch.unique(torch.tensor(x), **options)
    ours = hello_dl.unique(Tensor(on_device(x, device)), **options)
    for one, other in zip(ours, expected, strict=True):
        np.testing.assert_array_equal(plain(one), other.numpy())
    assert isinstance(Tensor(on_device(x, device)).unique(), Tensor)


def test_every_nan_is_an_entry_of_its_own():
    values, counts = hello_dl.unique(Tensor([NAN, 1.0, NAN]), return_counts=True)
    assert_close(values, [1.0, NAN, NAN])
    assert counts.tolist() == [1, 1, 1]


@each_device
def test_buckets_and_counts(device):
    x = Tensor(on_device(np.array([0.0, 1.0, 2.5, 9.0]), device))
    edges = Tensor(on_device(np.array([1.0, 2.0, 3.0]), device))
    assert hello_dl.bucketize(x, edges).tolist() == [0, 0, 2, 3]
    assert hello_dl.bucketize(x, edges, right=True).tolist() == [0, 1, 2, 3]
    labels = Tensor(on_device(np.array([2, 0, 2]), device))
    weights = Tensor(on_device(np.array([0.5, 1.0, 2.0], "float32"), device))
    totals = labels.bincount(weights, 4)
    assert totals.tolist() == [1.0, 0.0, 2.5, 0.0] and totals.dtype == np.float32


# ---------------------------------------------------------------------------------- mistakes

T = Tensor([[1.0, 2.0], [3.0, 0.0]])
BAD = [
    (lambda: T.max((0, 1)), TypeError, r"max: \(0, 1\) are several axes: use amax"),
    (lambda: T.max(2), IndexError, r"max of \(2, 2\) float32: there is no axis 2: use -2 to 1"),
    (lambda: T.sort(-3), IndexError, r"sort of \(2, 2\) float32: there is no axis -3"),
    (lambda: T.topk(3), ValueError, r"topk of \(2, 2\) float32: k = 3 is not among 0 to 2"),
    (lambda: T.kthvalue(0), ValueError, r"kthvalue of .*k = 0 is not among 1 to 2"),
    (lambda: Tensor([]).max(0), ValueError, r"max of \(0,\) float32: .*empty"),
    (lambda: Tensor([]).max(), ValueError, r"amax of \(0,\) float32"),
    (lambda: T.sum((0, 0)), ValueError, r"sum of \(2, 2\) .*an axis appears twice among \(0, 0\)"),
    (lambda: T.sum(2), IndexError, r"sum of \(2, 2\) float32: there is no axis 2: use -2 to 1"),
    (lambda: T.sum(dtype="flaot"), ValueError, "unknown dtype 'flaot': use one of float16, "),
    (lambda: T.norm("nuc"), ValueError, "norm of .*p is a number or 'fro', not 'nuc'"),
    (lambda: T.bincount(), ValueError, r"bincount of \(2, 2\) float32: whole numbers in a row"),
]  # fmt: skip


@pytest.mark.parametrize("mistake, kind, message", BAD)
def test_errors_show_the_shape_and_what_is_possible(mistake, kind, message):
    with pytest.raises(kind, match=message) as caught:
        mistake()
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 200
