"""What a Tensor does all day: converts, changes in place, is looked into, copied, hooked."""

import copy
import gc
import operator
import pickle

import numpy as np
import pytest
from helpers import DEVICES, assert_close, import_torch, live
from same import REFUSALS, assert_same_as_pytorch

import hello_dl
from hello_dl import Tensor, nn, optim

each_device = pytest.mark.parametrize("device", DEVICES)
X = np.arange(6.0).reshape(2, 3) - 2.5


def lines(text):
    return [line.strip() for line in text.strip().replace("|", "\n").split("\n")]


# ---------------------------------------------------------------------------------- conversions

CONVERSIONS = """
float() | double() | half() | int() | long() | bool() | byte() | to(t.float32) | to("cpu")
to(None) | to() | to("cpu", t.float64) | to(t.float64, copy=True) | to(dtype=t.int64)
to(device="cpu") | to("gpu") | to("float31") | to(device="cpu", dtype=t.float16) | to(t.zeros(1))
to(t.zeros(1, dtype=t.int64)) | to(t.float32, non_blocking=True)
type_as(t.zeros(1, dtype=t.float64)) | cpu() | detach() | requires_grad_()
requires_grad_(False) | item() | tolist() | dim() | nelement() | numel() | element_size()
stride() | T.stride() | stride(-1) | is_contiguous() | T.is_contiguous()
T.contiguous().stride() | size(0) | size(-1) | size(5) | ndim | is_leaf | requires_grad
is_floating_point() | is_cuda | sum().item() | ndimension() | T.ndim | detach().is_leaf
"""


@pytest.mark.parametrize("method", lines(CONVERSIONS))
@pytest.mark.parametrize(
    "dtype", ["float64", "float32", "float16", "int64", "int32", "uint8", "bool"]
)
def test_a_method_is_that_of_pytorch(method, dtype):
    assert_same_as_pytorch(f"x.{method}", (np.arange(6) - 2).reshape(2, 3).astype(dtype))


PYTHON = """
bool(x[0, 0]) | bool(x) | len(x) | len(x[0, 0]) | 2.5 in x | 9 in x | x[0] in x | float(x[0, 0])
float(x) | range(5)[x.long()[1, 2]] | [1, 2, 3][x.long()[0, 1]] | range(5)[x[1, 2]]
list(range(x.long()[1, 2])) | "%.1f" % x[0, 0] | f"{x[0, 0]:.2f}" | max(x[0]).item() | sum(x)
[*x] | tuple(x[:, 0]) | int(x[0, 0]) | x.item() | x[:1, :1].item() | sorted(x[0].tolist())
x.shape[0] | tuple(x.shape) | divmod(5, len(x))
"""


@pytest.mark.parametrize("line", lines(PYTHON))
def test_a_tensor_among_python_values(line):
    assert_same_as_pytorch(line, X)


@each_device
def test_to_goes_everywhere_and_the_gradient_comes_back(device):
    x = Tensor(X, requires_grad=True)
    other = hello_dl.zeros(1, dtype="float32", device=device)
    for y in (x.to(device, "float32"), x.to(other), x.to(device=device, dtype=hello_dl.float32)):
        assert (y.device, y.dtype) == (device, "float32")
        x.zero_grad()
        (y * 2).sum().backward()
        assert x.grad.dtype == np.float64 and (x.grad == 2).all()
    assert x.to("cpu") is x is x.to("float64") is x.to(x) is x.double()
    copied = x.to("float64", copy=True)
    assert copied is not x and not np.shares_memory(copied.data, x.data) and copied.requires_grad
    with hello_dl.device(device) as place:
        assert x.to(place).device == device


@pytest.mark.gpu
def test_cuda_and_back():
    x = Tensor(X).cuda()
    assert x.is_cuda and x.device == "cuda" and not x.cpu().is_cuda and x.cuda() is x
    assert hello_dl.cuda.is_available() and hello_dl.cuda.device_count() >= 1
    hello_dl.cuda.synchronize()


def test_without_a_gpu_cuda_says_so(monkeypatch):
    monkeypatch.setattr(hello_dl.backend, "cuda_trouble", lambda: "no driver")
    assert not hello_dl.cuda.is_available() and hello_dl.cuda.device_count() == 0
    hello_dl.cuda.synchronize()
    with pytest.warns(UserWarning, match="no device 'cuda', numpy on the CPU is used: no driver"):
        assert Tensor(X).cuda().device == "cpu"


def test_large_blocks_are_shown_in_short():
    text = repr(hello_dl.arange(10_000.0).reshape(100, 100))
    assert "..." in text and len(text.splitlines()) < 20 and text.startswith("Tensor([[")


# ---------------------------------------------------------------------------------- in place

IN_PLACE = """
zero_() | fill_(3) | fill_(2.5) | copy_(t.ones(3)) | copy_(t.arange(3)) | copy_(t.ones(4))
add_(1) | add_(t.ones(3)) | add_(t.ones(2, 2, 3)) | mul_(2) | mul_(0.5) | div_(2) | pow_(2)
neg_() | exp_() | abs_() | sub_(t.ones(2, 3)) | sqrt_() | tanh_() | sigmoid_() | relu_()
masked_fill_(x > 0, 9) | tril_() | triu_(1) | scatter_(1, t.tensor([[0, 1]]), 5)
scatter_add_(1, t.tensor([[0, 0]]), t.ones(1, 2, dtype=x.dtype))
index_add_(0, t.tensor([0, 0]), t.ones(2, 3, dtype=x.dtype)) | clamp_(-1, 1) | clamp_(min=0)
clamp_(max=0) | round_() | floor_() | ceil_() | sign_() | reciprocal_() | square_() | rsqrt_()
fill_diagonal_(7) | lerp_(t.zeros(2, 3, dtype=x.dtype), 0.5) | addcmul_(x, x, value=2)
addcdiv_(x, x, value=2) | normal_().mul_(0) | uniform_().mul_(0) | bernoulli_(0.5).mul_(0)
random_(5).mul_(0) | random_().mul_(0) | exponential_().mul_(0) | add_(x) | mul_(x) | detach_()
requires_grad_() | fill_(t.tensor(4.0))
"""


def in_place(library, line, numbers, grad):
    x = library.tensor(numbers, requires_grad=grad)
    same = eval(f"x.{line}", {"t": library, "x": x})
    assert same is x
    return x


@pytest.mark.parametrize("line", lines(IN_PLACE))
@pytest.mark.parametrize("dtype", ["float64", "float32", "int64"])
@pytest.mark.parametrize("mode", ["no gradients", "a leaf", "a leaf under no_grad"])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_what_ends_in_an_underscore_changes_its_tensor(line, dtype, mode):
    torch = import_torch()
    numbers, grad = (X * 2).astype(dtype), mode != "no gradients"
    if grad and dtype == "int64":
        return
    with torch.set_grad_enabled(mode == "a leaf"), hello_dl.set_grad_enabled(mode == "a leaf"):
        try:
            expected = in_place(torch, line, numbers, grad)
        except Exception:
            with pytest.raises(REFUSALS) as caught:
                in_place(hello_dl, line, numbers, grad)
            assert "\n" not in str(caught.value)
            return
        result = in_place(hello_dl, line, numbers, grad)
    assert result.requires_grad == expected.requires_grad
    assert str(expected.dtype) == f"torch.{result.dtype}"
    assert_close(result, expected.detach().numpy(), 1e-6)


def test_a_change_in_place_is_noticed_by_the_graph():
    w = Tensor(X, requires_grad=True)
    loss = (w * w).sum()
    with hello_dl.no_grad():
        w.mul_(2)
    with pytest.raises(
        ValueError, match="was changed in place after the operation 'mul' had used it"
    ):
        loss.backward()
    result = (w * w).exp()
    with pytest.raises(ValueError, match="the result of exp.* do not go through a change in place"):
        result.add_(1)


def test_views_of_a_tensor_write_into_it():
    x = hello_dl.zeros(2, 3)
    x[0].fill_(1)
    x.T[2].add_(5)
    x.view(-1)[3:5].copy_(hello_dl.tensor([7.0, 8.0]))
    assert x.tolist() == [[1, 1, 6], [7, 8, 5]]


def test_augmented_assignment_changes_what_carries_no_gradient():
    """As in PyTorch: a row of x, another name, and what was computed before it was a leaf."""
    for lib in (import_torch(), hello_dl):
        x = lib.zeros(2, 3)
        row = x[0]
        row += 1
        x.T[2] -= 5
        entry = x[1, 0]
        entry *= 0
        entry += 7
        assert x.tolist() == [[1, 1, -4], [7, 0, -5]]
        w = (lib.arange(3.0) * 0.5).requires_grad_()
        (w * 2).sum().backward()
        with lib.no_grad():
            same = w
            same -= 0.25 * w.grad
        assert same is w and w.requires_grad and w.tolist() == [-0.5, 0, 0.5]
        with pytest.raises((ValueError, RuntimeError)):
            w += 1
        y = w * 1
        kept = y
        y = y + 1 if lib is not hello_dl else operator.iadd(y, 1)  # PyTorch changes `kept` too
        assert kept.tolist() == w.tolist() and y.requires_grad


SEPARATE = """
flip(0) | fliplr() | rot90() | rot90(4) | diag() | roll(1) | repeat_interleave(1, 0) | clone()
repeat(1, 1) | tile(1) | sum(0).cumsum(0)[0].cumsum(0) | tril(5) | clamp(min=-9) | abs() | round()
masked_fill(x > 9, 0.0) | gather(1, (x * 0).long()) | x[:1].repeat_interleave(2, 0) | x[[0, 1]]
"""


@each_device
@pytest.mark.parametrize("line", lines(SEPARATE))
def test_a_change_of_a_result_leaves_its_source_alone(line, device):
    x = Tensor(X, device=device)
    y = eval(line if line.startswith("x") else f"x.{line}", {"x": x})
    y += 100
    assert_close(x, X)


@each_device
def test_a_stretched_block_cannot_be_written_into(device):
    x = hello_dl.ones(1, 3, device=device).expand(2, 3)
    for change in (lambda: x.add_(1), lambda: x.__setitem__(0, 5.0), lambda: operator.iadd(x, 1)):
        with pytest.raises(ValueError, match=r"expand, shape \(2, 3\) is stretched.*\.clone\(\)"):
            change()


HALVES = """
F.relu(x) | F.embedding(t.tensor([0, 1, 1]), x) | x.unique() | F.leaky_relu(x) | x.max(1)[0]
x[t.tensor([0, 0])] | x.index_select(1, t.tensor([2, 2])) | F.softmax(x, 1) | x.tril() | x.cumsum(0)
F.cross_entropy(x, t.tensor([0, 2])) | F.layer_norm(x, (3,)) | F.linear(x, x) | x @ x.T | F.gelu(x)
"""


@each_device
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("line", lines(HALVES))
def test_halves_and_their_gradients(line, dtype, device):
    """As in float64, to the digits that there are: the sum of 3,000 ones is 3,000, too."""
    pytest.importorskip("ml_dtypes")
    results = []
    for kind, where in ((dtype, device), ("float64", "cpu")):
        with hello_dl.device(where):
            x = hello_dl.tensor(X, dtype=kind).requires_grad_()
            y = eval(line, {"t": hello_dl, "F": hello_dl.functional, "x": x})
            if y.requires_grad:
                y.backward(hello_dl.arange(float(y.numel())).view(y.shape))
            grad = x.grad if x.grad is not None else x.data
            results.append((y.cpu().double(), Tensor(grad).cpu().double(), y.dtype, x.dtype))
    (y, grad, dtype_of_y, _), (wanted, wanted_grad, *_) = results
    assert dtype_of_y == dtype
    assert_close(y, wanted, 0.02, 0.02)
    assert_close(grad, wanted_grad, 0.03, 0.03)


@each_device
def test_a_row_picked_often_gets_all_gradients_in_halves(device):
    table = hello_dl.zeros(2, 1, dtype="float16", device=device, requires_grad=True)
    picks = hello_dl.zeros(3000, dtype="int64", device=device)
    hello_dl.functional.embedding(picks, table).sum().backward()
    assert table.grad.tolist() == [[3000], [0]]


@each_device
def test_an_index_is_a_whole_number(device):
    x = Tensor(X, device=device)
    for index in (1.5, Tensor([0.0, 1.0], device=device), [0.5]):
        with pytest.raises(IndexError, match="whole numbers"):
            x[index]


NAMES = """
+x | t.positive(x) | x.greater(0) | t.less_equal(x, 0.5) | x.not_equal(x) | t.cat([x, x], axis=1)
(x > 0).square() | (x > 0) ** 2 | t.stack((x, x), axis=-1) | t.equal(x, x * 1) | x[:0].flip(0)
F.pad(x[:0], (-1, 1)) | F.pad(x[:, :0], (0, 2)) | f"{x.sum()} {x.sum():.2f} {x.long().sum()}"
F.cross_entropy(x, x.softmax(1), ignore_index=1) | F.hinge_embedding_loss(x, x.sign())
"""


@pytest.mark.parametrize("line", lines(NAMES))
def test_more_lines_of_pytorch(line):
    assert_same_as_pytorch(line, X)


def test_blocks_of_other_shapes_and_kinds_are_said_in_one_line():
    x = Tensor(X, requires_grad=True)
    assert not hello_dl.equal(x, 2.5) and hello_dl.equal(x, X.tolist())
    with pytest.raises(ValueError, match=r"hinge_embedding_loss of \(2, 3\) .*same shape"):
        hello_dl.functional.hinge_embedding_loss(x, hello_dl.ones(3))


# ---------------------------------------------------------------------------------- hooks


def hooked(library, program):
    """Run a program on a leaf; return all it has seen, and the gradient of the leaf."""
    x = library.tensor([1.0, 2.0], requires_grad=True)
    seen = program(x)
    return seen, x.grad.tolist()


def scaled_leaf(x):
    handle = x.register_hook(lambda g: g * 2)
    for _ in range(2):
        (x * 3).sum().backward()
    handle.remove()
    handle.remove()
    (x * 3).sum().backward()


def seen_and_changed(x):
    seen = []
    y = x * 3
    y.retain_grad()
    y.register_hook(lambda g: seen.append(g.tolist()))
    y.register_hook(lambda g: g * 10)
    ((y * y).sum() + y.sum()).backward()
    return [*seen, y.grad.tolist()]


def twice_over(x):
    y = x * 3
    y.register_hook(lambda g: g * 10)
    y.sum().backward(retain_graph=True)
    y.sum().backward()


def two_hooks(x):
    handles = [x.register_hook(lambda g, k=k: g + k) for k in (2, 3)]
    (x * x).sum().backward()
    with handles[0] if hasattr(handles[0], "__enter__") else handles[0]:
        (x * x).sum().backward()
    (x * x).sum().backward()


def from_the_leaf_itself(x):
    x.register_hook(lambda g: -g)
    x.sum().backward()
    (x.detach() * x).sum().backward()


PROGRAMS = [scaled_leaf, seen_and_changed, twice_over, two_hooks, from_the_leaf_itself]


@pytest.mark.parametrize("program", PROGRAMS)
def test_hooks_see_and_change_what_they_do_in_pytorch(program):
    assert hooked(hello_dl, program) == hooked(import_torch(), program)


@each_device
def test_a_hook_works_with_a_fused_optimizer(device):
    """Its gradients lie in a block of their own, which a backward pass writes over."""
    layer = nn.Linear(2, 1, bias=False).to(device)
    optimizer = optim.SGD(layer.parameters(), lr=1.0)
    layer.weight.register_hook(lambda g: g * 2)
    x = hello_dl.tensor([[1.0, 2.0]], device=device)
    for expected in ([[2, 4]], [[4, 8]]):  # it adds up
        layer(x).sum().backward()
        assert layer.weight.grad.tolist() == expected
    optimizer.zero_grad()
    before = layer.weight.detach().clone()
    layer(x).sum().backward()
    optimizer.step()
    assert_close(layer.weight, before.data - layer.weight.grad, 1e-6)
    assert layer.weight.grad.tolist() == [[2, 4]]


def test_hooks_on_every_kind_of_node():
    x = hello_dl.tensor([[1.0, 2.0, 3.0, 4.0]], requires_grad=True)
    a, b = x.chunk(2, 1)  # pieces of one whole
    y = hello_dl.cat([a * b, b])  # one pull for all
    for node in (a, b, y):
        node.register_hook(lambda g: g * 10)
    y.sum().backward()
    plain = hello_dl.tensor([[1.0, 2.0, 3.0, 4.0]], requires_grad=True)
    a, b = plain.chunk(2, 1)
    (hello_dl.cat([a * b, b]).sum() * 100).backward()
    assert_close(x.grad, plain.grad)


def test_hooks_that_cannot_be():
    x = hello_dl.tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(ValueError, match="gets no gradient: only one with requires_grad has hooks"):
        x.detach().register_hook(print)
    x.register_hook(lambda g: g.sum())
    with pytest.raises(
        ValueError, match=r"a hook of .* returned a gradient of shape \(\) instead of"
    ):
        (x * 2).sum().backward()


def test_pictures_do_not_call_hooks():
    x = hello_dl.tensor([1.0, 2.0], requires_grad=True)
    y, calls = x * 3, []
    y.register_hook(lambda g: calls.append(1) or g * 2)
    y.sum().backward(retain_graph=True)
    (edge, _) = list(y.edges())
    assert edge[2].tolist() == [6, 6] and calls == [1]


# ---------------------------------------------------------------------------------- copies


@pytest.mark.parametrize(
    "again", [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))]
)
def test_a_copy_has_the_numbers_and_not_the_graph(again):
    leaf = hello_dl.tensor([1.0, 2.0], requires_grad=True)
    leaf.name = "w"
    parameter = nn.Linear(2, 1).weight
    parameter.register_hook(lambda g: g * 2)
    for x in (leaf, leaf * 2, parameter, hello_dl.arange(3), hello_dl.zeros(2, dtype="float16")):
        other = again(x)
        assert type(other) is type(x) and other.name == x.name and other.parents == ()
        assert other.dtype == x.dtype and other.requires_grad == x.requires_grad
        assert other.tolist() == x.tolist()
        if x.requires_grad:
            (other * 3).sum().backward()
            assert (other.grad == 3).all() and x.grad is None


def test_a_long_chain_can_be_copied():
    x = hello_dl.tensor([1.0], requires_grad=True)
    for _ in range(20_000):
        x = x + 1.0
    assert pickle.loads(pickle.dumps(x)).item() == copy.deepcopy(x).item() == 20_001


def test_nothing_is_kept_alive_by_hooks_and_pieces():
    x = hello_dl.tensor(np.ones((4, 6)), requires_grad=True)
    gc.collect()
    before = live(Tensor)
    for _ in range(20):
        a, b, c = x.chunk(3, 1)
        a.register_hook(lambda g: g * 2)
        (a * b + c).sum().backward()
        del a, b, c
    assert live(Tensor) == before


# ---------------------------------------------------------------------------------- grad modes


def test_recording_can_be_switched():
    x = hello_dl.tensor([1.0], requires_grad=True)
    assert hello_dl.is_grad_enabled()
    with hello_dl.no_grad():
        assert not hello_dl.is_grad_enabled() and not (x * 2).requires_grad
        with hello_dl.enable_grad():
            assert (x * 2).requires_grad
        with hello_dl.set_grad_enabled(True):
            assert (x * 2).requires_grad
        assert not hello_dl.is_grad_enabled()
    with hello_dl.inference_mode(), hello_dl.scope("layer"):
        assert not (x * 2).requires_grad
    hello_dl.set_grad_enabled(False)
    assert not (x * 2).requires_grad
    hello_dl.set_grad_enabled(True)
    with hello_dl.scope("layer"), hello_dl.enable_grad():
        assert (x * 2).scope == "layer"
