"""Modules: PyTorch's names, numbers and files, errors that change nothing, and scopes."""

import copy

import numpy as np
import pytest
from helpers import DEVICES, assert_close, import_torch, on_device

from hello_dl import Tensor, graph, manual_seed, nn, no_grad
from hello_dl import functional as F

rng = np.random.default_rng(6)


def small_net():
    return nn.Sequential(
        nn.Flatten(), nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 4, bias=False), nn.Tanh(),
        nn.Sequential(nn.Linear(4, 3), nn.Sigmoid()),
    )  # fmt: skip


def torch_net(torch):
    t = torch.nn
    return t.Sequential(
        t.Flatten(), t.Linear(6, 5), t.ReLU(), t.Linear(5, 4, bias=False), t.Tanh(),
        t.Sequential(t.Linear(4, 3), t.Sigmoid()),
    ).double()  # fmt: skip


def in_float64(net, device="cpu"):
    for p in net.parameters():
        p.data = on_device(p.data.astype("float64"), device)
    return net


# ---------------------------------------------------------------------------------- against PyTorch


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("loss", ["CrossEntropyLoss", "MSELoss"])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_a_net_with_pytorchs_weights_has_pytorchs_gradients(loss, reduction, device):
    torch = import_torch()
    theirs, ours = torch_net(torch), in_float64(small_net(), device)
    ours.load_state_dict({name: p.numpy() for name, p in theirs.state_dict().items()})
    x = rng.standard_normal((4, 2, 3))
    y = np.array([2, 0, 1, 1]) if loss == "CrossEntropyLoss" else rng.standard_normal((4, 3))

    expected = getattr(torch.nn, loss)(reduction=reduction)(
        theirs(torch.tensor(x)), torch.tensor(y)
    )
    inputs = (Tensor(on_device(part, device)) for part in (x, y))
    result = getattr(nn, loss)(reduction)(*(ours(next(inputs)), next(inputs)))
    assert_close(result, expected.detach().numpy())

    upstream = rng.standard_normal(result.shape)
    expected.backward(torch.tensor(upstream))
    result.backward(upstream)
    for (name, p), (their_name, q) in zip(
        ours.named_parameters(), theirs.named_parameters(), strict=True
    ):
        assert name == their_name and p.device == device
        assert_close(p.grad, q.grad.numpy(), what=name)


def test_state_dict_has_pytorchs_names_and_shapes():
    torch = import_torch()
    theirs = {name: tuple(p.shape) for name, p in torch_net(torch).state_dict().items()}
    assert {name: p.shape for name, p in small_net().state_dict().items()} == theirs


def test_a_new_linear_layer_starts_as_pytorchs_does():
    manual_seed(3)
    layer = nn.Linear(400, 300)
    for p in layer.parameters():
        assert p.dtype == np.float32 and abs(p.data).max() <= 1 / 20
        assert p.data.std() == pytest.approx(1 / 20 / np.sqrt(3), rel=0.1)
    manual_seed(3)
    assert (nn.Linear(400, 300).weight.data == layer.weight.data).all()
    assert (nn.Linear(400, 300).weight.data != layer.weight.data).any()


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


# ---------------------------------------------------------------------------------- moving


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
        with pytest.raises(TypeError, match=f"Module.layers is a {type(hidden).__name__}.*Seq"):
            net.layers = hidden
    net.sizes, net.layers = [2, 3], []
    assert list(net.parameters()) == []
    net.layers.append(nn.Linear(1, 1))
    with pytest.raises(TypeError, match="Module.layers is a list.*Sequential"):
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


def test_sequential_is_a_sequence():
    net = small_net()
    assert len(net) == 6 and isinstance(net[1], nn.Linear) and net[-1] is list(net)[5]
    assert nn.Sequential()(3) == 3
    twice = nn.Sequential(relu := nn.ReLU(), nn.Linear(2, 2), relu)
    assert len(twice) == 3 and twice[2] is relu


def test_a_part_of_a_sequential_has_pytorchs_names():
    net, torch = small_net(), import_torch()
    for part in (slice(2), slice(3, None), slice(-1, None), slice(None, None, 2)):
        ours = net[part]
        assert isinstance(ours, nn.Sequential)
        assert list(ours.state_dict()) == list(torch_net(torch)[part].state_dict())
    x = Tensor(np.ones((2, 6), "float32"))
    assert (net[2:](net[:2](x)).data == net(x).data).all() and net[:2][1] is net[1]


@pytest.mark.parametrize(
    "parts, message",
    [
        ((nn.Linear(2, 2), F.relu), r"argument 1 is <function relu.*nn.ReLU\(\)"),
        ((nn.ReLU,), "argument 0 is <class"),
        (([nn.ReLU()],), r"argument 0 is \[ReLU\(\)\]: put a \* before"),
        ((None,), "argument 0 is None"),
    ],
)
def test_a_sequential_of_anything_else_is_refused(parts, message):
    with pytest.raises(TypeError, match=message):
        nn.Sequential(*parts)


def test_repr():
    assert repr(small_net()) == (
        "Sequential(\n"
        "  (0): Flatten()\n"
        "  (1): Linear(in_features=6, out_features=5)\n"
        "  (2): ReLU()\n"
        "  (3): Linear(in_features=5, out_features=4, bias=False)\n"
        "  (4): Tanh()\n"
        "  (5): Sequential(\n"
        "    (0): Linear(in_features=4, out_features=3)\n"
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


@pytest.mark.parametrize("start, end", [(1, -1), (0, -1), (2, 3), (1, 2)])
def test_flatten_of_some_axes(start, end):
    x = np.arange(120.0).reshape(2, 3, 4, 5)
    torch = import_torch()
    expected = torch.tensor(x).flatten(start, end).numpy()
    assert_close(nn.Flatten(start, end)(Tensor(x)), expected)


def test_losses_are_those_of_functional():
    logits, y = Tensor([[1.0, 2.0], [0.0, 0.5]]), [0, 1]
    assert nn.CrossEntropyLoss("sum")(logits, y).item() == pytest.approx(
        F.cross_entropy(logits, y).item() * 2
    )
    assert nn.MSELoss()(logits, Tensor([[1.0, 2.0], [0.0, 1.5]])).item() == 0.25


def test_a_call_takes_names():
    net, x = Counting(), Tensor([[1.0, 2.0]])
    assert (net(x, twice=True).data == 2 * net(x).data).all()
    logits = Tensor([[1.0, 2.0], [0.0, 0.5]])
    assert nn.CrossEntropyLoss()(logits, targets=[0, 1]).item() > 0


@pytest.mark.parametrize("module", [nn.ReLU(), nn.Tanh(), nn.Sigmoid(), nn.Flatten()])
def test_a_module_takes_a_plain_array_as_operations_do(module):
    x = rng.standard_normal((2, 3))
    assert_close(module(x), module(Tensor(x)))


@pytest.mark.gpu
def test_a_net_moves_to_the_gpu_and_back():
    net = small_net()
    x = Tensor(rng.standard_normal((4, 6)).astype("float32"))
    before = net(x)
    assert_close(net.to("cuda")(x.to("cuda")), before, rtol=1e-4, atol=1e-5)
    assert {p.device for p in net.parameters()} == {"cuda"}
    assert_close(net.to("cpu")(x), before)
