"""Every line of docs/differences-from-pytorch.md is true: one test for each.

Those on sequences are held in test_differences_sequences.py.
"""

import contextlib
import copy
import inspect
import os
import pickle
import string
import threading
import warnings

import numpy as np
import PIL.Image
import pytest
from differences import holding, lines_of_the_page
from helpers import import_torch

import hello_dl
from hello_dl import Tensor, check, data, nn, optim
from hello_dl import functional as F

HELD = {}  # the first cell of a line, and what holds it
LINES = sorted(lines_of_the_page(sequences=False))
line = holding(HELD)


def test_every_line_of_the_page_is_held_and_there_is_no_other():
    assert sorted(HELD) == LINES


@pytest.mark.parametrize("first_cell", LINES)
def test_a_line_of_the_page_is_true(first_cell):
    HELD[first_cell](import_torch())


def leaf(*numbers):
    return hello_dl.tensor([*map(float, numbers)], requires_grad=True)


@line("`x.data`, `x.grad`")
def plain_arrays(torch):
    x = leaf(1, 2)
    x.sum().backward()
    assert isinstance(x.data, np.ndarray) and isinstance(x.grad, np.ndarray)
    x.grad[...] = 0
    assert Tensor(x.grad).clamp(1).tolist() == [1, 1] and isinstance(x.detach(), Tensor)


@line("hooks")
def hooks_get_arrays(torch):
    x, seen = leaf(1, 2), []
    x.register_hook(lambda g: seen.append(g) or g.clip(0, 0.5))
    x.sum().backward()
    assert isinstance(seen[0], np.ndarray) and x.grad.tolist() == [0.5, 0.5]


@line("`Tensor(data)`")
def constructor(torch):
    assert Tensor(3).item() == 3 and torch.Tensor(3).shape == (3,)
    assert Tensor([1, 2]).dtype == "int64" and torch.Tensor([1, 2]).dtype == torch.float32
    array = np.zeros(2)
    assert Tensor(array).data is array and hello_dl.tensor(array).data is not array


@line('`device("cuda")`')
def default_device(torch):
    with hello_dl.device("cpu"):
        assert hello_dl.backend.current_device() == hello_dl.zeros(1).device == "cpu"
    assert hello_dl.zeros(1).to("cpu").device == "cpu"


@line("`x.device`")
def device_is_a_string(torch):
    assert type(hello_dl.zeros(1).device) is str and not hello_dl.zeros(1).is_cuda


@line("`x.dtype`")
def dtype_is_numpys(torch):
    x = hello_dl.zeros(1)
    assert isinstance(x.dtype, np.dtype) and str(x.dtype) == "float32"
    assert x.dtype == hello_dl.float32 == "float32"


@line("`x.shape`")
def shape_is_a_tuple(torch):
    assert type(hello_dl.zeros(2, 3).shape) is tuple and hello_dl.zeros(2, 3).numel() == 6


@line("`x.numpy()`")
def numpy_is_handed_out(torch):
    x = leaf(1, 2)
    y = (x * x).sum()
    x.numpy()[0] = 5
    y.backward()
    with pytest.raises(RuntimeError, match="requires grad"):
        torch.ones(1, requires_grad=True).numpy()


@line('`x.to("cuda")`')
def without_a_gpu(torch):
    if not hello_dl.cuda.is_available():
        with pytest.warns(UserWarning, match="numpy on the CPU is used"):
            assert hello_dl.zeros(1).to("cuda").device == "cpu"


@line("`w[0] = 5` on a leaf")
def writing_into_a_leaf(torch):
    w = leaf(1, 2)
    w[0] = 5
    y = (w * w).sum()
    w[1] = 5
    with pytest.raises(ValueError, match="was changed in place after"):
        y.backward()
    with pytest.raises(RuntimeError):
        torch.ones(1, requires_grad=True)[0] = 5


@line("`y += 1`")
def augmented_results(torch):
    for library, changes in ((torch, True), (hello_dl, False)):
        x = library.tensor([1.0, 2.0], requires_grad=True)
        y = kept = x * 1
        y += 1
        assert (kept is y) == changes and y.tolist() == [2, 3]
        y.sum().backward()
        z = same = x.detach() * 1
        z += 1
        assert z is same


@line("`x.view(...)`")
def view_copies(torch):
    assert hello_dl.arange(6).view(2, 3).T.view(6).tolist() == [0, 3, 1, 4, 2, 5]
    with pytest.raises(RuntimeError):
        torch.arange(6).view(2, 3).T.view(6)


@line("`x.expand(...)`")
def expanded_is_read_only(torch):
    x = hello_dl.zeros(1).expand(3)
    with pytest.raises(ValueError, match="clone"):
        x[0] = 1
    y = x.clone()
    y[0] = 1
    assert y.tolist() == [1, 0, 0]


@line("`retain_grad()`")
def gradients_are_kept(torch):
    y = leaf(1, 2) * 3
    (y * y).sum().backward()
    assert y.grad.tolist() == [6, 12]
    assert y.retain_grad() is None


@line("`compile`")
def compile_is_for_values(torch):
    assert hello_dl.compile.__module__.startswith("hello_dl.program")


@line("`copy.deepcopy(x)`, `pickle`")
def copies_of_results(torch):
    y = leaf(1, 2) * 3
    for other in (copy.deepcopy(y), pickle.loads(pickle.dumps(y))):
        assert other.is_leaf and other.requires_grad and other.tolist() == [3, 6]
    with pytest.raises(RuntimeError):
        copy.deepcopy(torch.ones(1, requires_grad=True) * 3)


@line("`manual_seed(0)`")
def other_random_numbers(torch):
    hello_dl.manual_seed(0)
    torch.manual_seed(0)
    assert hello_dl.rand(1).item() != torch.rand(1).item()


@line("`F.pad`")
def padding_any_axis(torch):
    x = np.arange(3.0)
    assert F.pad(Tensor(x), (1, 1), "reflect").tolist() == [1, 0, 1, 2, 1]
    with pytest.raises(NotImplementedError):
        torch.nn.functional.pad(torch.tensor(x), (1, 1), "reflect")


@line("`x[[[0, 1], [1, 0]]]`")
def a_list_of_lists(torch):
    x = hello_dl.arange(4).reshape(2, 2)
    assert x[[[0, 1], [1, 0]]].shape == (2, 2, 2) and x[[0, 1], [1, 0]].tolist() == [1, 2]


@line("`x[mask]` with `uint8`")
def numbers_are_no_mask(torch):
    mask = hello_dl.tensor([1, 0, 1], dtype="uint8")
    x = hello_dl.tensor([5, 6, 7])
    assert x[mask].tolist() == [6, 5, 6] and x[mask.bool()].tolist() == [5, 7]


@line("`mean` of whole numbers")
def mean_of_whole_numbers(torch):
    assert hello_dl.tensor([1, 2]).mean().item() == 1.5
    with pytest.raises(RuntimeError):
        torch.tensor([1, 2]).mean()


@line("Errors")
def kinds_of_errors(torch):
    with pytest.raises(ValueError):
        hello_dl.zeros(2) + hello_dl.zeros(3)
    with pytest.raises(RuntimeError):
        torch.zeros(2) + torch.zeros(3)


def test_more_is_allowed_than_in_pytorch():
    x = hello_dl.tensor([1.0, 2.0])
    assert (x + [1, 2]).tolist() == [2, 4] and (np.ones(2) + x).tolist() == [2, 3]
    assert x[::-1].tolist() == [2, 1] and x.sum(axis=0, keepdims=True).shape == (1,)
    assert (hello_dl.tensor([[1, 2]]) @ x).tolist() == [5]
    whole = hello_dl.tensor([1, 2])
    whole[...] = 2.5
    assert whole.tolist() == [2, 2]


# Modules and losses.


@line("`state_dict()`")
def plain_state(torch):
    net, other = nn.Linear(2, 1), torch.nn.Linear(2, 1)
    assert all(isinstance(array, np.ndarray) for array in net.state_dict().values())
    assert isinstance(net.state_dict(keep_vars=True)["weight"], Tensor)
    net.load_state_dict(other.state_dict())
    assert net.weight.tolist() == other.weight.tolist()


@line("`load_state_dict(...)`")
def loading_another_model(torch):
    net, state = nn.Linear(2, 1), nn.Linear(3, 1).state_dict()
    before = net.weight.tolist()
    for strict in (True, False):
        with pytest.raises(ValueError, match=r"weight.*\(1, 3\).*\(1, 2\)"):
            net.load_state_dict(state, strict=strict)
    assert net.weight.tolist() == before


@line("module hooks")
def module_hooks_get_arrays(torch):
    net, seen = nn.Linear(2, 1), []
    net.register_full_backward_hook(lambda module, grads, upstream: seen.append((grads, upstream)))
    net(hello_dl.ones(1, 2)).sum().backward()
    ((grads, upstream),) = seen
    assert grads == (None,) and isinstance(upstream[0], np.ndarray)


@line("a list of modules as an attribute")
def hidden_modules(torch):
    with pytest.raises(TypeError, match="ModuleList"):
        nn.Module().layers = [nn.Linear(1, 1)]
    nn.Module().layers = nn.ModuleList([nn.Linear(1, 1)])


@line("`super().__init__()`")
def no_super(torch):
    class Net(nn.Module):
        def __init__(self):
            self.layer = nn.Linear(2, 1)

    assert len(list(Net().parameters())) == 2


@line("`Module.to(...)`")
def optimizers_after_the_move(torch):
    net = nn.Linear(2, 1)
    optimizer = optim.SGD(net.parameters(), lr=0.1)
    net.to("float64")(hello_dl.ones(1, 2, dtype="float64")).sum().backward()
    with pytest.raises(ValueError, match="make a new optimizer"):
        optimizer.step()


@line("`inplace=True`")
def inplace_is_taken(torch):
    x = hello_dl.tensor([-1.0, 1.0])
    assert nn.ReLU(inplace=True)(x).tolist() == [0, 1] and x.tolist() == [-1, 1]


@line("`softmax(x)` without `dim`")
def softmax_of_the_last_axis(torch):
    x = hello_dl.zeros(2, 3, 4)
    assert F.softmax(x).sum(-1).tolist() == [[1] * 3] * 2


@line("`size_average=`, `reduce=`")
def options_that_are_gone(torch):
    with pytest.raises(TypeError):
        nn.CrossEntropyLoss(size_average=False)
    assert nn.CrossEntropyLoss(hello_dl.ones(2), ignore_index=0).ignore_index == 0


@line("`mse_loss` and the like")
def losses_of_one_shape(torch):
    with pytest.raises(ValueError, match="shape"):
        F.mse_loss(hello_dl.ones(2, 3), hello_dl.ones(3))
    y = hello_dl.ones(2, 3)
    assert F.mse_loss(y, hello_dl.zeros(3).expand_as(y)).item() == 1


@line("weights of losses")
def weights_are_settings(torch):
    weight = leaf(1, 2)
    loss = F.cross_entropy(leaf(1, 2)[None], hello_dl.tensor([0]), weight=weight)
    with pytest.raises(ValueError, match="gradient"):
        loss.backward()


@line("`Embedding`")
def plain_embedding(torch):
    for option in ("max_norm", "scale_grad_by_freq", "sparse"):
        with pytest.raises(TypeError):
            nn.Embedding(3, 2, **{option: 1})


@line("`summary(model, x)`")
def summary_is_here(torch):
    assert callable(hello_dl.summary) and not hasattr(torch.nn, "summary")


# Pictures.


@line("`conv2d` and its kind")
def convolution_of_whole_numbers(torch):
    x, w = (np.arange(n * n).reshape(1, 1, n, n) for n in (4, 3))
    y = F.conv2d(Tensor(x), Tensor(w))
    expected = torch.nn.functional.conv2d(torch.tensor(x), torch.tensor(w))
    assert y.dtype == "float32" and y.long().tolist() == expected.tolist()
    assert F.conv2d(Tensor(x.astype("float32")), Tensor(w.astype("float64"))).dtype == "float64"


@line("`conv2d(x, w).stride()`")
def order_in_memory(torch):
    y = F.conv2d(hello_dl.ones(4, 1, 5, 5), hello_dl.ones(2, 1, 3, 3))
    assert y.shape == (4, 2, 3, 3) and y.stride() == (1, 12, 24, 4)
    assert y.contiguous().stride() == (18, 9, 3, 1)


@line("results without entries")
def nothing_left(torch):
    x, w = hello_dl.ones(1, 1, 2, 2), hello_dl.ones(1, 1, 2, 2)
    for make in (
        lambda: F.adaptive_avg_pool2d(x, 0),
        lambda: F.interpolate(x, scale_factor=0.4, mode="area"),
        lambda: F.conv_transpose2d(x, w, padding=2),
    ):
        with pytest.raises(ValueError):
            make()
    assert torch.nn.functional.adaptive_avg_pool2d(torch.ones(1, 1, 2, 2), 0).numel() == 0


@line("`max_pool2d` with `dilation`")
def windows_on_padding(torch):
    options = {"kernel_size": 2, "stride": 2, "padding": 1, "dilation": 2}
    with pytest.raises(ValueError, match="wholly outside, on padding"):
        F.max_pool2d(hello_dl.ones(1, 1, 5, 1), **options)
    there = torch.nn.functional.max_pool2d(torch.ones(1, 1, 5, 1), **options)
    assert there.max() == -np.inf


@line("`interpolate`")
def interpolating_and_back(torch):
    x = np.random.default_rng(4).standard_normal((1, 1, 4, 5))
    for options in (
        {"scale_factor": 2.1},
        {"scale_factor": (2.5, 1.01), "mode": "bicubic", "antialias": True},
        {"size": (6, 1), "mode": "bilinear", "antialias": True},
    ):
        assert check.gradients(lambda x, o=options: F.interpolate(x, **o), x) < 1e-6
    wide = F.interpolate(Tensor(x[..., [0, 0]]), (6, 2), mode="bilinear", antialias=True)
    narrow = F.interpolate(Tensor(x[..., :1]), (6, 1), mode="bilinear", antialias=True)
    np.testing.assert_allclose(narrow.data, wide.data[..., :1])


@line("`output_padding`")
def output_padding_of_nothing(torch):
    for n, error in ((1, RuntimeError), (0, None)):
        x, w = np.ones((n, 1, 3, 3)), np.ones((1, 1, 2, 2))
        with pytest.raises(ValueError, match="output_padding=2 must be below"):
            F.conv_transpose2d(Tensor(x), Tensor(w), output_padding=2)
        with pytest.raises(error) if error else contextlib.nullcontext():
            options = {"output_padding": 2}
            torch.nn.functional.conv_transpose2d(torch.tensor(x), torch.tensor(w), **options)


@line("`InstanceNorm2d(3)` and its kind")
def another_number_of_channels(torch):
    options = {"affine": False, "track_running_stats": False}
    for ours, theirs in (
        (nn.InstanceNorm2d(3), torch.nn.InstanceNorm2d(3)),
        (nn.BatchNorm2d(3, **options), torch.nn.BatchNorm2d(3, **options)),
    ):
        with pytest.raises(ValueError, match="c=3"):
            ours(hello_dl.ones(2, 4, 2, 2))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert theirs(torch.ones(2, 4, 2, 2)).shape == (2, 4, 2, 2)


@line("`instance_norm` of an empty batch")
def instance_norm_of_nothing(torch):
    mean, var = hello_dl.zeros(2), hello_dl.ones(2)
    F.instance_norm(hello_dl.ones(0, 2, 3), mean, var)
    assert mean.tolist() == [0, 0] and var.tolist() == [1, 1]
    other = torch.zeros(2)
    torch.nn.functional.instance_norm(torch.ones(0, 2, 3), other, torch.ones(2))
    assert other.isnan().all()


@line("`group_norm` of single numbers")
def groups_of_one(torch):
    assert F.group_norm(hello_dl.ones(1, 2), 2).tolist() == [[0, 0]]
    with pytest.raises(ValueError):
        torch.nn.functional.group_norm(torch.ones(1, 2), 2)
    assert torch.nn.functional.group_norm(torch.ones(2, 2), 2).tolist() == [[0, 0]] * 2


@line("`kernel_size=(3,)`")
def one_number_in_a_tuple(torch):
    x = hello_dl.ones(1, 1, 3, 3)
    assert F.unfold(x, (3,)).shape == (1, 9, 1) and F.max_pool2d(x, (3,)).shape == (1, 1, 1, 1)
    with pytest.raises(RuntimeError):
        torch.nn.functional.unfold(torch.ones(1, 1, 3, 3), (3,))


# Data and optimizers.


@line("`hello_dl.data`")
def data_in_one_place(torch):
    assert {"DataLoader", "Subset", "MNIST", "ImageFolder", "transforms"} <= set(data.__all__)


class Telling(data.Dataset):
    """Sample i is who fetched it, what `rand` gives, and what the batch's generator does."""

    def __len__(self):
        return 6

    def __getitem__(self, i):
        drawn = hello_dl.rand(1), data.current_generator().random()
        return os.getpid(), threading.get_ident(), *drawn


@line("`DataLoader(num_workers=2)`")
def workers_are_threads(torch):
    pid, thread, *_ = next(iter(data.DataLoader(Telling(), 6, num_workers=2)))
    assert pid.tolist() == [os.getpid()] * 6 and threading.get_ident() not in thread.tolist()
    pid, *_ = next(iter(data.DataLoader(Telling(), 6, num_workers=2, worker="process")))
    assert os.getpid() not in pid.tolist()


@line("`DataLoader(generator=...)`")
def chance_does_not_depend_on_workers(torch):
    options = {}, {"num_workers": 2}, {"num_workers": 3, "worker": "process"}
    loaders = [data.DataLoader(Telling(), 2, generator=5, **some) for some in options]
    runs = [[(a.tolist(), b.tolist()) for *_, a, b in loader] for loader in loaders]
    assert runs[0] == runs[1] == runs[2]


@line("`loader.state_dict()`")
def position_of_a_loader(torch):
    loader, other = (data.DataLoader(range(9), 2, shuffle=True) for _ in range(2))
    batches = iter(loader)
    next(batches)
    other.load_state_dict(loader.state_dict())
    assert [b.tolist() for b in batches] == [b.tolist() for b in other]
    assert not hasattr(torch.utils.data.DataLoader, "state_dict")


@line('`DataLoader(device="cuda")`')
def loader_with_a_device(torch):
    batch = next(iter(data.DataLoader(range(4), 2, device="cpu")))
    assert batch.device == batch.to("cpu").device == "cpu"


class Counting(data.IterableDataset):
    def __iter__(self):
        return iter(range(4))


@line("`IterableDataset`")
def streams_come_once(torch):
    for kind in ("thread", "process"):
        loader = data.DataLoader(Counting(), 2, num_workers=2, worker=kind)
        assert [b.tolist() for b in loader] == [[0, 1], [2, 3]]


@line("a float of Python's in a sample")
def floats_in_a_batch(torch):
    assert data.default_collate([0.5]).dtype == hello_dl.tensor([0.5]).dtype == "float32"
    assert torch.utils.data.default_collate([0.5]).dtype == torch.float64


@line("`TensorDataset(x, y)`")
def arrays_in_a_data_set(torch):
    x = np.arange(4)
    doubled = data.TensorDataset(x, x, transform=data.transforms.Lambda(lambda x: 2 * x))
    assert doubled.tensors[0] is x and doubled[3] == (6, 3)


@line("`MNIST(...)` and the like")
def sets_without_a_root(torch):
    for name in ("MNIST", "FashionMNIST", "EMNIST", "CIFAR10"):
        arguments = inspect.signature(getattr(data, name)).parameters
        assert arguments["root"].default is None and arguments["download"].default is True
    digits = data.ImageSet(np.zeros((2, 28, 28), np.uint8), np.arange(2), "01")
    assert isinstance(digits[0][0], np.ndarray) and digits.data is digits.images
    pillow = PIL.Image.fromarray(digits[0][0])
    assert data.transforms.ToTensor()(pillow).shape == (1, 28, 28)
    assert data.transforms.ToTensor()(digits[0][0]).shape == (1, 28, 28)


@line("`EMNIST(...)`")
def emnist_put_right(torch):
    import hello_dl.data.emnist as emnist

    assert emnist.CLASSES["letters"] == string.ascii_lowercase
    assert "upright" in emnist.__doc__  # test_image_sets.py holds a golden picture


@line("`ImageFolder(root)`")
def folders_of_pictures(torch):
    arguments = inspect.signature(data.ImageFolder).parameters
    assert "mode" in arguments and not {"loader", "is_valid_file"} & set(arguments)


@line("transforms")
def transforms_get_batches(torch):
    sizes = []
    for batched in (True, False):
        look = data.transforms.Lambda(lambda x: sizes.append(x.shape) or x, batched=batched)
        next(iter(data.DataLoader(data.TensorDataset(np.zeros((3, 4, 5)), transform=look), 3)))
    assert sizes == [(3, 4, 5)] + [(4, 5)] * 3


@line("`foreach=`, `fused=`, `capturable=`, `differentiable=`")
def one_way_to_step(torch):
    for option in ("foreach", "fused", "capturable", "differentiable"):
        with pytest.raises(TypeError, match=option):
            optim.Adam([leaf(1)], **{option: True})


@line("`optimizer.state_dict()`")
def plain_state_of_optimizers(torch):
    ours, theirs = leaf(1, 2), torch.tensor([1.0, 2.0], requires_grad=True)
    (theirs * theirs).sum().backward()
    other = torch.optim.Adam([theirs])
    other.step()
    optimizer = optim.Adam([ours])
    optimizer.load_state_dict(other.state_dict())
    state = optimizer.state_dict()["state"][0]
    assert isinstance(state["exp_avg"], np.ndarray)
    np.testing.assert_array_equal(state["exp_avg"], other.state_dict()["state"][0]["exp_avg"])


@line("`optim.Lion`")
def lion(torch):
    assert not hasattr(torch.optim, "Lion") and callable(optim.Lion)


# What is not here: an error, or nothing of that name; and what to write instead.


@line("in-place changes with a gradient: `y.add_(1)`, `out[i] = y`")
def no_gradient_through_changes(torch):
    y, out = leaf(1) * 2, hello_dl.zeros(2)
    for change in (lambda: y.add_(1), lambda: out.__setitem__(slice(1), y)):
        with pytest.raises(ValueError, match="compute a new Tensor"):
            change()
    assert hello_dl.cat([y + 1, y]).tolist() == [3, 2]


@line("a write through a view or `detach()` is noticed by `backward`")
def writes_through_views(torch):
    w = leaf(1, 2)
    y = (w * w).sum()
    w.detach()[0] = 5
    y.backward()  # with a gradient that is neither the old nor the new one's
    z = (w * w).sum()
    w[0] = 6
    with pytest.raises(ValueError, match="changed in place"):
        z.backward()


@line("gradients of gradients: `backward(create_graph=True)`, `autograd.grad`")
def no_gradients_of_gradients(torch):
    with pytest.raises(TypeError, match="create_graph"):
        leaf(1).backward(create_graph=True)
    assert not hasattr(hello_dl, "autograd") and check.gradients(lambda x: x * x, np.ones(2)) < 1e-6


@line("`x.grad_fn`")
def open_graph(torch):
    y = leaf(1) * 2
    assert not hasattr(y, "grad_fn") and y.op == "mul" and len(y.parents) == 2


@line("`out=`")
def no_out(torch):
    x = hello_dl.zeros(2)
    with pytest.raises(TypeError, match="out"):
        hello_dl.exp(x, out=x)
    assert x.copy_(x.exp()).tolist() == [1, 1]


@line("`int8`, `int16`, complex numbers, sparse and quantized blocks")
def dtypes_that_are_not_here(torch):
    for name in ("int8", "int16", "complex64"):
        with pytest.raises(ValueError, match="unknown dtype"):
            hello_dl.zeros(1, dtype=name)
    assert not hasattr(Tensor, "to_sparse") and not hasattr(Tensor, "dequantize")


@line("`x.type(...)`, `x.data_ptr()`, `as_strided`, `set_default_dtype`")
def looking_into_memory(torch):
    for name in ("type", "data_ptr", "as_strided"):
        assert not hasattr(Tensor, name)
    assert not hasattr(hello_dl, "set_default_dtype")
    assert hello_dl.zeros(2, 3).T.stride() == (1, 3)


@line("`save`, `load`")
def no_save(torch):
    assert not hasattr(hello_dl, "save") and not hasattr(hello_dl, "load")
    assert pickle.loads(pickle.dumps(hello_dl.ones(2))).tolist() == [1, 1]


@line("`linalg`, `fft`, `special`, `distributions`")
def no_libraries_of_mathematics(torch):
    assert not any(
        hasattr(hello_dl, name) for name in ("linalg", "fft", "special", "distributions")
    )
    assert np.linalg.norm(hello_dl.tensor([3.0, 4.0]).numpy()) == 5


@line("einsum's lists of numbers, `einsum(x, [0, 1])`")
def einsum_by_letters(torch):
    with pytest.raises((ValueError, TypeError, AttributeError)):
        hello_dl.einsum(hello_dl.ones(2, 2), [0, 1])
    assert hello_dl.einsum("ij->", hello_dl.ones(2, 2)).item() == 4


@line("places out of range are noticed on a GPU")
def places_are_looked_at_on_the_cpu(torch):
    with pytest.raises(IndexError, match="index 9"):
        hello_dl.zeros(3).index_select(0, [9])
    assert "On a GPU only the dtype is checked" in inspect.getsource(hello_dl.ops.index)


@line("`StackDataset`, `ChainDataset`, `DistributedSampler`")
def rarer_data_sets(torch):
    for name in ("StackDataset", "ChainDataset", "DistributedSampler"):
        assert not hasattr(data, name) and hasattr(torch.utils.data, name)


@line("`CyclicLR`, `MultiplicativeLR`; Adadelta, Adamax, NAdam, RAdam, LBFGS and rarer ones")
def rarer_optimizers(torch):
    for name in ("Adadelta", "Adamax", "NAdam", "RAdam", "LBFGS", "Rprop", "ASGD", "Adafactor"):
        assert not hasattr(optim, name) and hasattr(torch.optim, name)
    for name in ("CyclicLR", "MultiplicativeLR"):
        assert not hasattr(optim.lr_scheduler, name)


@line("hooks of optimizers: `register_step_pre_hook`")
def no_hooks_of_optimizers(torch):
    assert not hasattr(optim.SGD, "register_step_pre_hook")


@line(
    "what works along three axes: `conv3d`, `MaxPool3d`, `BatchNorm3d`, `ReflectionPad3d` and so on"
)
def three_axes(torch):
    for name in dir(torch.nn):
        assert not name.endswith("3d") or not hasattr(nn, name)
    assert not hasattr(F, "conv3d") and hasattr(F, "conv2d") and hasattr(F, "conv1d")


@line("`lp_pool2d`, `fractional_max_pool2d`, `local_response_norm`, `grid_sample`, `AlphaDropout`")
def rarer_functions_of_pictures(torch):
    for name in ("lp_pool2d", "fractional_max_pool2d", "local_response_norm", "grid_sample"):
        assert hasattr(torch.nn.functional, name) and not hasattr(F, name)
    assert hasattr(torch.nn, "AlphaDropout") and not hasattr(nn, "AlphaDropout")


@line("`LazyConv2d` and its kind, `SyncBatchNorm`")
def no_lazy_modules(torch):
    assert not any(name.startswith("Lazy") or name == "SyncBatchNorm" for name in dir(nn))


@line("`Transformer`, `TransformerDecoder`, `TransformerDecoderLayer`")
def no_decoder(torch):
    for name in ("Transformer", "TransformerDecoder", "TransformerDecoderLayer"):
        assert hasattr(torch.nn, name) and not hasattr(nn, name)
    there = torch.nn.Transformer.generate_square_subsequent_mask(3) == -np.inf
    assert hello_dl.ones(3, 3).triu(1).bool().tolist() == there.tolist()
    x = hello_dl.rand(4, 2, 8)
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0)
    a, b = layer(x, is_causal=True), layer(x, hello_dl.ones(4, 4).triu(1).bool())
    np.testing.assert_allclose(a.data, b.data, atol=1e-6)


@line("`memory_format=torch.channels_last`")
def no_memory_format(torch):
    x = hello_dl.ones(1, 1, 2, 2)
    for change in (x.to, x.contiguous):
        with pytest.raises(TypeError, match="memory_format"):
            change(memory_format=torch.channels_last)
