"""Module: the tree that it is, moving it, calling it, and errors for what would get lost."""

import numpy as np
import pytest
from helpers import DEVICES, assert_close, import_torch

from hello_dl import Tensor, graph, nn, no_grad, optim
from hello_dl import functional as F

rng = np.random.default_rng(6)


def small_net():
    return nn.Sequential(
        nn.Flatten(), nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 4, bias=False), nn.Tanh(),
        nn.Sequential(nn.Linear(4, 3), nn.Sigmoid()),
    )  # fmt: skip


# ---------------------------------------------------------------------------------- moving


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


def test_a_net_moves_to_another_dtype_with_gradients_and_buffers():
    net = nn.Sequential(Counting(), nn.Linear(2, 1))
    net(Tensor([[1.0, 2.0]])).sum().backward()
    before = [p.grad.copy() for p in net.parameters()]
    assert net.to("float64") is net
    for p, grad in zip(net.parameters(), before):
        assert p.dtype == p.grad.dtype == np.float64 and (p.grad == grad).all()
    assert [b.dtype.name for b in net.buffers()] == ["float64", "int64", "float64"]
    net(Tensor(np.ones((1, 2)))).sum().backward()
    assert net[1].weight.grad.dtype == np.float64
    assert {p.dtype.name for p in net.to(np.float16).parameters()} == {"float16"}
    for wrong, message in (("int64", "floating numbers, not int64"), ("gpu", "'gpu'.*or a device")):
        with pytest.raises(ValueError, match=message):
            net.to(wrong)


@pytest.mark.parametrize("target", ["cpu", "float32"])
def test_a_move_to_where_it_is_changes_nothing(target):
    net = Counting()
    loss = net(Tensor([[1.0, 2.0]])).sum()
    loss.backward(retain_graph=True)
    data, grad = net.gain.data, net.gain.grad
    net.to(target)
    assert net.gain.data is data and net.gain.grad is grad
    loss.backward()  # to the graph, nothing was changed in place


def test_a_move_takes_everything_along(monkeypatch):
    """To a device that is not there: a copy stands for it."""
    moved = []

    def to_device(array, device):
        moved.append(device)
        return array.copy()

    monkeypatch.setattr("hello_dl.nn.module.to_device", to_device)
    net = Counting()
    net.gain.grad = net.gain.grad_store = np.ones(2, "float32")
    before = [net.gain.data, net.mean.data, net.gain.grad]
    net.to("cuda")
    assert moved == ["cuda"] * 5  # gain, its gradient, three buffers
    after = [net.gain.data, net.mean.data, net.gain.grad]
    assert not any(a is b for a, b in zip(after, before)) and net.gain.grad_store is None


# ---------------------------------------------------------------------------------- the tree


class Tied(nn.Module):
    """A parameter of its own, a module used twice, and one that needs no gradient."""

    def __init__(self):
        self.scale = nn.Parameter([2.0, 3.0])
        self.first = nn.Linear(2, 2)
        self.second = self.first
        self.frozen = nn.Parameter([1.0], requires_grad=False)
        self.size = 2

    def forward(self, x):
        return self.second(self.first(x)) * self.scale + self.frozen


def test_named_parameters_come_once_each():
    net = Tied()
    assert [name for name, _ in net.named_parameters()] == [
        "scale", "frozen", "first.weight", "first.bias",
    ]  # fmt: skip
    assert len(list(net.parameters())) == 4
    net(Tensor([[1.0, 1.0]])).sum().backward()
    assert net.first.weight.grad is not None and net.frozen.grad is None
    net.zero_grad(set_to_none=False)
    assert not net.first.weight.grad.any() and net.frozen.grad is None
    net.zero_grad()
    assert all(p.grad is None for p in net.parameters())


def test_a_module_that_knows_its_parent_is_walked_once():
    net = Tied()
    net.first.parent = net
    assert len(list(net.parameters())) == 4 and len(list(net.modules())) == 2
    assert len(net.state_dict()) == 6 and "..." in repr(net)


def test_modules_that_nothing_would_find_are_refused():
    net = nn.Module()
    for hidden in ([nn.ReLU()], (1, nn.Linear(1, 1)), {"a": nn.Parameter([1.0])}):
        kind = "nn.(Module|Parameter)(List|Dict)"
        with pytest.raises(TypeError, match=f"Module.layers is a {type(hidden).__name__}.*{kind}"):
            net.layers = hidden
    net.sizes, net.layers = [2, 3], []
    assert list(net.parameters()) == []
    net.layers.append(nn.Linear(1, 1))
    with pytest.raises(TypeError, match="Module.layers is a list.*nn.ModuleList"):
        list(net.parameters())


def test_parameters_are_named_after_their_attributes():
    net = Tied()
    assert (net.scale.name, net.first.weight.name, net.first.bias.name) == (
        "scale", "weight", "bias",
    )  # fmt: skip
    assert net.scale.op == "parameter" and net.scale.requires_grad
    assert isinstance(net.scale, Tensor) and not isinstance(net.scale * 1, nn.Parameter)
    assert nn.Parameter([1.0], name="own").name == "own"


def test_train_and_eval_reach_every_module():
    net = small_net()
    assert net.training and net.eval() is net
    assert [m.training for m in net.modules()] == [False] * 9
    assert net.train().training and all(m.training for m in net.modules())
    assert small_net().training, "a mode belongs to one net, not to the class"


def test_repr():
    assert repr(small_net()) == (
        "Sequential(\n"
        "  (0): Flatten(start_dim=1, end_dim=-1)\n"
        "  (1): Linear(in_features=6, out_features=5, bias=True)\n"
        "  (2): ReLU()\n"
        "  (3): Linear(in_features=5, out_features=4, bias=False)\n"
        "  (4): Tanh()\n"
        "  (5): Sequential(\n"
        "    (0): Linear(in_features=4, out_features=3, bias=True)\n"
        "    (1): Sigmoid()\n"
        "  )\n"
        ")"
    )


def test_nodes_know_the_module_that_made_them():
    net = Tied()
    places = {node.op: node.scope for node in graph.ancestors(net(Tensor([[1.0, 1.0]])))}
    assert places["linear"] == "Tied/second" and places["add"] == "Tied"
    net = small_net()
    out = net(Tensor(np.ones((1, 6), "float32")))
    places = {node.op: node.scope for node in graph.ancestors(out)}
    assert places["sigmoid"] == "Sequential/Sequential 5/Sigmoid 1"
    assert places["relu"] == "Sequential/ReLU 2"
    assert (out * 2).scope == "", "the scope ends with the call"
    with no_grad():
        assert net(Tensor(np.ones((1, 6), "float32"))).scope == ""


def test_the_scope_ends_with_an_error_too():
    with pytest.raises(ValueError, match="linear of"):
        small_net()(Tensor([[1.0]]))
    assert (Tensor([1.0], requires_grad=True) * 2).scope == ""


def test_a_module_without_forward_says_so():
    with pytest.raises(TypeError, match="Module has no forward"):
        nn.Module()(1)


def test_a_call_takes_names():
    net, x = Counting(), Tensor([[1.0, 2.0]])
    assert (net(x, twice=True).data == 2 * net(x).data).all()
    logits = Tensor([[1.0, 2.0], [0.0, 0.5]])
    assert nn.CrossEntropyLoss()(logits, target=[0, 1]).item() > 0


@pytest.mark.gpu
def test_a_net_moves_to_the_gpu_and_back():
    net = small_net()
    x = Tensor(rng.standard_normal((4, 6)).astype("float32"))
    before = net(x)
    assert_close(net.to("cuda")(x.to("cuda")), before, rtol=1e-4, atol=1e-5)
    assert {p.device for p in net.parameters()} == {"cuda"}
    assert_close(net.to("cpu")(x), before)


# ---------------------------------------------------------------------------------- as PyTorch does


def nested(n):
    """A module of modules, in ours or in PyTorch's; a buffer, and a module under two names."""

    class Inner(n.Module):
        def __init__(self):
            super().__init__()
            self.fc = n.Linear(2, 2)
            self.norm = n.BatchNorm1d(2)

    class Outer(n.Module):
        def __init__(self):
            super().__init__()
            self.first = Inner()
            self.same = self.first
            self.fc = n.Linear(2, 1)
            self.fc.weight = self.first.fc.weight

    return Outer()


@pytest.mark.parametrize(
    "names",
    [
        lambda net: [name for name, _ in net.named_parameters()],
        lambda net: [name for name, _ in net.named_parameters("net", recurse=False)],
        lambda net: [name for name, _ in net.first.named_parameters("a.b")],
        lambda net: [name for name, _ in net.named_parameters(remove_duplicate=False)],
        lambda net: [name for name, _ in net.named_modules()],
        lambda net: [name for name, _ in net.named_modules(prefix="net")],
        lambda net: [name for name, _ in net.named_modules(remove_duplicate=False)],
        lambda net: [name for name, _ in net.named_children()],
        lambda net: [name for name, _ in net.named_buffers()],
        lambda net: [name for name, _ in net.first.norm.named_buffers("x", recurse=False)],
        lambda net: list(net.state_dict()),
        lambda net: [len(list(found())) for found in (net.parameters, net.buffers, net.modules)],
        lambda net: [len(list(net.children())), len(list(net.parameters(recurse=False)))],
        lambda net: type(net.get_submodule("first.fc")).__name__,
        lambda net: net.get_submodule("") is net,
        lambda net: tuple(net.get_parameter("same.fc.weight").shape),
        lambda net: tuple(net.get_buffer("first.norm.running_mean").shape),
    ],
)
def test_names_are_those_of_pytorch(names):
    assert names(nested(nn)) == names(nested(import_torch().nn))


@pytest.mark.parametrize(
    "wrong, message",
    [
        (lambda net: net.get_submodule("first.fd"), "no module 'first.fd'.*'fd', but fc, norm"),
        (lambda net: net.get_parameter("fc.wait"), "no parameter 'fc.wait'.*but weight, bias"),
        (lambda net: net.get_buffer("first.norm.mean"), "but running_mean, running_var, num"),
        (lambda net: net.nothing, "'nothing'"),
    ],
)
def test_what_is_not_there_is_said(wrong, message):
    with pytest.raises(AttributeError, match=message):
        wrong(nested(nn))


def test_a_parameter_stays_one():
    net = Tied()
    with pytest.raises(TypeError, match=r"Tied.scale is a Parameter.*nn.Parameter.*scale.data"):
        net.scale = Tensor([1.0, 2.0])
    with pytest.raises(TypeError, match="Tied.first is a Linear .*another module or None"):
        net.first = np.ones(2)
    net.scale = nn.Parameter([5.0, 6.0])
    net.first = nn.Identity()
    net.frozen = None
    assert [name for name, _ in net.named_parameters()] == ["scale", "second.weight", "second.bias"]


def test_what_is_deleted_is_gone():
    net = Counting()
    del net.gain, net.mean
    assert list(net.state_dict()) == ["steps"] and not list(net.parameters())
    net.mean = 3  # no buffer any more
    with pytest.raises(AttributeError):
        del net.gain
    net.register_buffer("gain", [1.0])
    assert list(net.state_dict()) == ["steps", "gain"]


def test_registering_by_name():
    net = nn.Module()
    net.register_parameter("w", nn.Parameter([1.0]))
    net.register_parameter("b", None)
    net.add_module("0", nn.Linear(1, 1))
    net.register_module("later", None)
    assert [name for name, _ in net.named_parameters()] == ["w", "0.weight", "0.bias"]
    assert net.b is None and net.later is None
    for call, kind, message in (
        (lambda: net.register_parameter("forward", None), ValueError, "'forward': the name is tak"),
        (lambda: net.register_parameter("a.b", None), ValueError, "'a.b': .*without a dot"),
        (lambda: net.register_parameter("v", Tensor([1.0])), TypeError, "'v' is a nn.Parameter or"),
        (lambda: net.add_module("w", nn.ReLU()), ValueError, "'w': the name is taken"),
        (lambda: net.add_module("x", F.relu), TypeError, "'x' takes a module, not <function"),
        (lambda: net.add_module(0, nn.ReLU()), ValueError, "a module cannot be called 0"),
    ):
        with pytest.raises(kind, match=message):
            call()


def test_apply_and_requires_grad_reach_every_module():
    net, seen = nested(nn), []
    assert net.apply(lambda module: seen.append(type(module).__name__)) is net
    assert seen == ["Linear", "BatchNorm1d", "Inner", "Linear", "Outer"], "as PyTorch: inside first"
    assert net.requires_grad_(False) is net and not any(p.requires_grad for p in net.parameters())
    net.first.requires_grad_()
    assert [p.requires_grad for p in net.parameters()] == [True] * 4 + [False]


def test_the_base_needs_no_preparation():
    class With(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(1, 1)

    class Without(nn.Module):
        def __init__(self):
            self.fc = nn.Linear(1, 1)

    for kind in (With, Without):
        assert len(list(kind().parameters())) == 2 and kind().training


@pytest.mark.parametrize(
    "move, dtype",
    [
        (lambda net: net.double(), "float64"),
        (lambda net: net.half(), "float16"),
        (lambda net: net.double().float(), "float32"),
        (lambda net: net.type("float64"), "float64"),
        (lambda net: net.to(dtype="float64"), "float64"),
        (lambda net: net.to("cpu", "float64"), "float64"),
        (lambda net: net.to(Tensor([1.0], dtype="float16")), "float16"),
        (lambda net: net.to(device="cpu"), "float32"),
        (lambda net: net.cpu(), "float32"),
    ],
)
def test_ways_to_say_where_and_what(move, dtype):
    net = nn.Sequential(Counting(), nn.Linear(2, 1))
    assert move(net) is net
    assert {p.dtype.name for p in net.parameters()} == {dtype}
    assert [b.dtype.name for b in net.buffers()] == [dtype, "int64", dtype]


def test_an_optimizer_from_before_a_move_says_that_it_is_too_old():
    net = nn.Linear(2, 1)
    optimizer = optim.SGD(net.parameters(), lr=0.1)
    net.to("float32")(Tensor([[1.0, 2.0]])).sum().backward()  # nothing moved
    optimizer.step()
    net.double()(Tensor([[1.0, 2.0]], dtype="float64")).sum().backward()
    with pytest.raises(ValueError, match="make a new optimizer"):
        optimizer.step()


@pytest.mark.parametrize("device", DEVICES)
def test_new_layers_are_made_where_and_as_they_are_wanted(device):
    how = {"device": device, "dtype": "float64"}
    for layer in (
        nn.Linear(2, 3, **how), nn.Bilinear(2, 3, 4, **how), nn.Embedding(3, 2, **how),
        nn.LayerNorm(3, **how), nn.RMSNorm(3, **how), nn.GroupNorm(1, 2, **how),
        nn.BatchNorm1d(3, **how),
    ):  # fmt: skip
        assert {(p.device, p.dtype.name) for p in layer.parameters()} == {(device, "float64")}
        for name, buffer in layer.named_buffers():
            whole = name == "num_batches_tracked"
            assert (buffer.device, buffer.dtype.name) == (device, "int64" if whole else "float64")
    with pytest.raises(ValueError, match="float32"):
        nn.Linear(2, 3, dtype="int64")
