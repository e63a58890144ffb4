"""One line of code, run by PyTorch and by hello_dl: values, dtypes, gradients, refusals agree."""

import warnings

import numpy as np
from helpers import assert_close, import_torch, plain

import hello_dl

REFUSALS = (ValueError, TypeError, IndexError)


def run(source, library, *blocks):
    """Evaluate a line in which `t` is the library, F its functions, and x, y, z are blocks."""
    functional = hello_dl.functional if library is hello_dl else library.nn.functional
    names = dict(zip("xyz", blocks)) | {"F": functional}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what PyTorch deprecates, and of nan in numpy
        return eval(source, {"np": np}, {"t": library, **names})


def assert_same_as_pytorch(source, *arrays, device="cpu"):
    """Hold what a line gives in hello_dl to what it gives in PyTorch, backward pass included.

    Where PyTorch refuses, hello_dl must too, in one line.
    """
    torch = import_torch()
    floating = [x.dtype.kind == "f" for x in arrays]
    theirs = [torch.tensor(x, requires_grad=f) for x, f in zip(arrays, floating)]
    with hello_dl.device(device):
        ours = [hello_dl.tensor(x, requires_grad=f) for x, f in zip(arrays, floating)]
        try:
            expected = run(source, torch, *theirs)
        except Exception:
            refused(source, ours)
            return
        result = run(source, hello_dl, *ours)
    both = list(zip(as_tuple(result), as_tuple(expected), strict=True))
    for one, other in both:
        compare(one, other, source)
    pairs = [(one, other) for one, other in both if getattr(other, "requires_grad", False)]
    rng = np.random.default_rng(1)
    upstream = [rng.standard_normal(one.shape) for one, _ in pairs]
    if pairs and all(not other.is_leaf for _, other in pairs):
        add_up(torch, [other for _, other in pairs], upstream).backward()
        add_up(hello_dl, [one for one, _ in pairs], upstream, device).backward()
        for one, other in zip(ours, theirs):
            if one.grad is None:  # as good as zeros
                assert other.grad is None or not other.grad.any(), source
            else:
                assert one.grad.dtype == one.dtype
                wanted = torch.zeros_like(other) if other.grad is None else other.grad
                assert_close(one.grad, wanted.numpy(), 1e-5 if one.dtype != "float64" else 1e-10)


def add_up(library, results, upstream, device="cpu"):
    """Make one number of several results, so that each gets its upstream gradient."""
    total = 0.0
    for y, g in zip(results, upstream):
        total = total + (y * library.tensor(g, dtype=y.dtype, device=device)).sum()
    return total


def refused(source, ours):
    """What PyTorch refuses, hello_dl refuses in one clear line."""
    try:
        result = run(source, hello_dl, *ours)
    except REFUSALS as error:
        assert "\n" not in str(error) and 0 < len(str(error)) < 200, error
    else:
        raise AssertionError(f"PyTorch refuses {source}, and hello_dl gives {result!r:.200}")


def as_tuple(result):
    return result if isinstance(result, tuple | list) else (result,)


def compare(one, other, source):
    if not hasattr(other, "detach"):
        assert one == other and type(one) is type(other), f"{source}: {one!r}, not {other!r}"
        return
    assert isinstance(one, hello_dl.Tensor), source
    assert str(other.dtype) == f"torch.{one.dtype}", source
    assert one.requires_grad == other.requires_grad, source
    loose = one.dtype.itemsize < 8 and one.is_floating_point()
    expected = other.detach().to(dtype=None if one.dtype.kind != "V" else one.dtype).numpy()
    assert_close(plain(one), expected, 1e-5 if loose else 1e-10, 1e-6 if loose else 1e-12, source)
