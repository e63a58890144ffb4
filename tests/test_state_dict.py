"""What a model's file holds: names and numbers as in PyTorch, errors that change nothing."""

import copy
import pickle
import subprocess
import sys

import numpy as np
import pytest
from helpers import DEVICES, assert_close, import_torch, on_device
from safetensors.numpy import load_file, save_file

from hello_dl import Tensor, nn

rng = np.random.default_rng(6)


def small_net():
    return nn.Sequential(
        nn.Flatten(), nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 4, bias=False), nn.Tanh(),
        nn.Sequential(nn.Linear(4, 3), nn.Sigmoid()),
    )  # fmt: skip


# ---------------------------------------------------------------------------------- state_dict


def test_a_state_goes_into_another_net():
    one, other = small_net(), small_net()
    x = Tensor(rng.standard_normal((2, 6)).astype("float32"))
    state = {name: array.copy() for name, array in one.state_dict().items()}
    other.load_state_dict(state)
    assert (one(x).data == other(x).data).all()
    other.load_state_dict({name: Tensor(array) for name, array in reversed(state.items())})
    assert list(other.state_dict()) == list(state)
    assert other.state_dict()["1.weight"] is not state["1.weight"]


def test_loading_keeps_dtype_and_memory_and_tells_the_graph():
    layer = nn.Linear(2, 1)
    memory = layer.weight.data
    loss = layer(Tensor([[1.0, 2.0]])).sum()
    layer.load_state_dict({"weight": np.array([[1.0, 2.0]]), "bias": np.array([3.0])})
    assert layer.weight.data is memory and memory.tolist() == [[1, 2]]
    assert layer.weight.dtype == np.float32
    with pytest.raises(ValueError, match="in place.*'linear'"):
        loss.backward()


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda s: s.pop("3.weight"), "'3.weight' is missing in the state"),
        (lambda s: s.update({"9.bias": np.ones(1)}), "'9.bias' is unknown to the model"),
        (lambda s: s.update({"3.weight": np.ones((4, 6))}), r"'3.weight' .*\(4, 6\).*\(4, 5\)"),
        (lambda s: s.update({"5.0.bias": np.ones((1, 3))}), r"'5.0.bias' .*\(1, 3\).*\(3,\)"),
    ],
)  # fmt: skip
def test_a_state_of_another_net_is_refused_and_nothing_is_changed(change, message):
    net = small_net()
    before = {name: array.copy() for name, array in net.state_dict().items()}
    state = {name: array + 1 for name, array in before.items()}
    change(state)
    with pytest.raises(ValueError, match=message):
        net.load_state_dict(state)
    assert all((array == before[name]).all() for name, array in net.state_dict().items())


@pytest.mark.parametrize(
    "state, kind, message",
    [
        ({"weight": [[1.0, "a"]], "bias": [1.0]}, TypeError, "'weight' is no array, but .*'a'"),
        ({"weight": None, "bias": [1.0]}, TypeError, "'weight' is no array, but None"),
        ({"weight": [[1.0]], "bias": [1.0]}, ValueError, r"'weight' has shape \(1, 1\).*\(1, 2\)"),
        ("weight, bias", TypeError, "this is no dict: 'weight, bias'"),
    ],
)
def test_a_state_that_is_none_is_refused(state, kind, message):
    layer = nn.Linear(2, 1)
    with pytest.raises(kind, match=message):
        layer.load_state_dict(state)
    layer.load_state_dict({"weight": [[1.0, 2.0]], "bias": [3]})
    assert layer.weight.data.tolist() == [[1, 2]] and layer.bias.dtype == np.float32


def test_a_state_holds_what_is_tied_under_every_name_as_in_pytorch():
    def tied(n):
        net = n.Module()
        net.first = net.second = n.Linear(2, 2)
        net.scale = net.first.bias
        return net

    net, torch = tied(nn), import_torch()
    assert (
        list(net.state_dict()) == list(tied(torch.nn).state_dict()) and len(net.state_dict()) == 5
    )
    other = tied(nn)
    other.load_state_dict({name: p.numpy() for name, p in tied(torch.nn).state_dict().items()})
    assert other.first is other.second and other.scale is other.first.bias
    assert [name for name, _ in net.named_modules()] == ["", "first"]
    assert [name for name, _ in net.named_parameters()] == ["scale", "first.weight"]


# ---------------------------------------------------------------------------------- buffers


class Counting(nn.Module):
    """What batch norm will be like: something learned, and something only counted."""

    def __init__(self):
        self.gain = nn.Parameter([1.0, 2.0])
        self.register_buffer("mean", [0.5, 0.25])
        self.register_buffer("steps", Tensor(3))
        self.register_buffer("scratch", np.zeros(2, "float32"), persistent=False)
        self.register_buffer("nothing", None)

    def forward(self, x, *, twice=False):
        return (x - self.mean) * self.gain * (2.0 if twice else 1.0)


def test_buffers_belong_to_the_state_and_are_not_trained():
    net = nn.Sequential(Counting(), nn.Linear(2, 1))
    assert [name for name, _ in net.named_buffers()] == ["0.mean", "0.steps", "0.scratch"]
    assert len(list(net.parameters())) == 3 and not any(b.requires_grad for b in net.buffers())
    assert list(net.state_dict()) == ["0.gain", "0.mean", "0.steps", "1.weight", "1.bias"]
    net[0].mean = net[0].mean * 2
    net[0].steps.data += 1
    other = nn.Sequential(Counting(), nn.Linear(2, 1))
    other.load_state_dict(copy.deepcopy(net.state_dict()))
    assert other[0].mean.data.tolist() == [1, 0.5] and other[0].steps.item() == 4
    assert Counting().state_dict().keys() == copy.deepcopy(net)[0].state_dict().keys()
    state = net.state_dict()
    del state["0.steps"]
    with pytest.raises(ValueError, match="'0.steps' is missing"):
        other.load_state_dict(state)


def test_names_and_values_that_no_buffer_can_have():
    net = Counting()
    for name in ("gain", "forward", "a.b", ""):
        with pytest.raises(ValueError, match=f"cannot be called '{name}'"):
            net.register_buffer(name, [1.0])
    with pytest.raises(TypeError, match="buffer 'mean' can be a Tensor or None, not array"):
        net.mean = np.zeros(2)
    net.register_buffer("mean", [2.0, 2.0])
    assert net.mean.data.tolist() == [2, 2] and "mean" not in nn.Linear(1, 1)._buffers


# ---------------------------------------------------------------------------------- files


def everything(n, **how):
    """A net with all layers that hold numbers, written once for ours and for PyTorch's modules."""

    class Net(n.Module):
        def __init__(self):
            super().__init__()
            self.letters = n.Embedding(7, 6, padding_idx=0, **how)
            self.pair = n.Bilinear(6, 6, 8, **how)
            self.stack = n.Sequential(
                n.Linear(8, 8, bias=False, **how), n.LayerNorm(8, **how), n.GELU(),
                n.Sequential(n.BatchNorm1d(8, **how), n.RMSNorm(8, **how), n.Dropout(0.0)),
                n.GroupNorm(2, 8, **how), n.LayerNorm((8,), bias=False, **how),
            )  # fmt: skip
            self.twins = n.ModuleList([n.Linear(8, 8, **how), n.PReLU(**how)])
            self.by_name = n.ModuleDict(
                {"out": n.Linear(8, 3, **how), "norm": n.BatchNorm1d(3, momentum=None, **how)}
            )
            self.scales = n.ParameterList([self.twins[0].bias])
            self.shifts = n.ParameterDict({"last": self.by_name["out"].bias})
            self.loss = n.CrossEntropyLoss(self.by_name["norm"].running_var.detach() + 0.5)

        def forward(self, letters):
            x = self.letters(letters)
            x = self.stack(self.pair(x[:, 0], x[:, 1]))
            for layer in self.twins:
                x = layer(x) * self.scales[0]
            return self.by_name["norm"](self.by_name["out"](x)) + self.shifts["last"]

    return Net()


LETTERS = rng.integers(0, 7, (9, 2))
LABELS = rng.integers(0, 3, 9)


def outputs(net, make, modes=(False, True)):
    """What a net computes in evaluation, and in training: its loss as well."""
    found = []
    for training in modes:
        y = net.train(training)(make(LETTERS))
        found += [y.detach().numpy(), net.loss(y, make(LABELS)).detach().numpy()]
    return found


@pytest.mark.parametrize("device", DEVICES)
def test_pytorchs_files_are_ours(tmp_path, device):
    torch = import_torch()
    from safetensors.torch import save_file as save_theirs

    theirs = everything(torch.nn, dtype=torch.float64)
    outputs(theirs, torch.tensor, (True, True, True))  # batch norm follows
    save_theirs({k: v.clone() for k, v in theirs.state_dict().items()}, tmp_path / "net")
    ours = everything(nn, dtype="float64").to(device)
    state = load_file(tmp_path / "net")
    assert {k: (v.shape, v.dtype) for k, v in state.items()} == {
        k: (v.shape, v.dtype) for k, v in ours.state_dict().items()
    }
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert repr(ours.load_state_dict(state)) == "<All keys matched successfully>"
    made = outputs(ours, lambda x: Tensor(on_device(x, device)))
    for result, expected in zip(made, outputs(theirs, torch.tensor), strict=True):
        assert_close(result, expected)
    after = {name: v.numpy() for name, v in theirs.state_dict().items()}
    for name, array in ours.state_dict().items():  # running statistics, after one more batch
        assert_close(array, after[name], what=name)


@pytest.mark.parametrize("device", DEVICES)
def test_our_files_are_pytorchs(tmp_path, device):
    torch = import_torch()
    from safetensors.torch import load_file as load_theirs

    ours = everything(nn, dtype="float64", device=device)
    outputs(ours, lambda x: Tensor(on_device(x, device)), (True, True))
    state = {name: on_device(array, "cpu") for name, array in ours.state_dict().items()}
    save_file(state, tmp_path / "net")
    theirs = everything(torch.nn, dtype=torch.float64)
    theirs.load_state_dict(load_theirs(tmp_path / "net"))
    made = outputs(ours, lambda x: Tensor(on_device(x, device)))
    for result, expected in zip(made, outputs(theirs, torch.tensor), strict=True):
        assert_close(result, expected)


def test_without_strict_keys_may_differ_and_shapes_may_not():
    net = nn.Sequential(nn.Linear(2, 1), nn.Linear(1, 1))
    result = net.load_state_dict({"0.bias": [5.0], "2.bias": [1.0]}, strict=False)
    assert net[0].bias.data.tolist() == [5]
    assert result.missing_keys == ["0.weight", "1.weight", "1.bias"]
    assert result.unexpected_keys == ["2.bias"] and "0.weight" in repr(result)
    with pytest.raises(ValueError, match=r"'0.weight' has shape \(1, 3\).*needs \(1, 2\)"):
        net.load_state_dict({"0.bias": [7.0], "0.weight": np.ones((1, 3))}, strict=False)
    assert net[0].bias.data.tolist() == [5], "all of it or nothing"


def test_a_prefix_and_the_tensors_themselves():
    layer = nn.Linear(2, 1)
    assert list(layer.state_dict(prefix="head.")) == ["head.weight", "head.bias"]
    assert layer.state_dict(keep_vars=True)["weight"] is layer.weight
    assert layer.state_dict()["weight"] is layer.weight.data, "no copy"


def test_whole_numbers_in_a_state_stay_whole():
    norm = nn.BatchNorm1d(2)
    norm.load_state_dict({**norm.state_dict(), "num_batches_tracked": np.array(7)})
    norm(Tensor(rng.standard_normal((3, 2)).astype("float32")))
    assert norm.num_batches_tracked.item() == 8
    assert norm.num_batches_tracked.dtype == np.int64 and norm.num_batches_tracked.shape == ()


# ---------------------------------------------------------------------------------- copies


@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))], ids=["copy", "pickle"]
)
def test_a_copy_of_a_net_is_a_net_of_its_own(copied):
    net = everything(nn) if copied is copy.deepcopy else small_net()
    x = Tensor(
        LETTERS if copied is copy.deepcopy else rng.standard_normal((2, 6)).astype("float32")
    )
    net(x).sum().backward()
    other = copied(net)
    assert all(p.grad is None for p in other.parameters()), "as in PyTorch"
    assert [name for name, _ in other.named_parameters()] == [n for n, _ in net.named_parameters()]
    assert not {id(p) for p in other.parameters()} & {id(p) for p in net.parameters()}
    assert_close(other.eval()(x), net.eval()(x))
    for p in other.parameters():
        assert isinstance(p, nn.Parameter) and p.requires_grad
        p.data += 1
    assert not np.array_equal(other(x).data, net(x).data)
    if copied is copy.deepcopy:
        assert other.scales[0] is other.twins[0].bias, "what is tied stays tied"


def test_a_net_from_another_process_takes_part_in_a_graph(tmp_path):
    """There the clock of the nodes may have been far ahead of ours."""
    for _ in range(10_000):
        Tensor(1.0)
    dumped = pickle.dumps(nn.Linear(2, 1))
    code = f"""
import pickle
from hello_dl import Tensor
layer = pickle.loads({dumped!r})
layer(Tensor([[1.0, 2.0]])).sum().backward()
print(layer.weight.grad.tolist())
"""
    out = subprocess.check_output([sys.executable, "-c", code], text=True)
    assert out.strip() == "[[1.0, 2.0]]"
