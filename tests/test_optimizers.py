"""Every optimizer against PyTorch's: trajectories, groups, state. And what is special to each."""

import copy
import json

import numpy as np
import pytest
from helpers import DEVICES, assert_close, import_torch, on_device, plain, tensor_leaf

from hello_dl import Tensor, nn, optim
from hello_dl.optim import SGD, Adagrad, Adam, AdamW, Lion, Muon, RMSprop

SETTINGS = {
    SGD: [
        dict(),
        dict(lr=0.05, momentum=0.9),
        dict(lr=0.05, momentum=0.9, dampening=0.3, weight_decay=0.1),
        dict(lr=0.05, momentum=0.9, nesterov=True, maximize=True),
        dict(lr=0.05, weight_decay=0.1, maximize=True),
        dict(lr=0.05, momentum=0.9, dampening=1.0),
        dict(lr=0.0, momentum=0.9, weight_decay=0.1),
    ],
    Adam: [
        dict(),
        dict(lr=0.1, betas=(0.8, 0.95), eps=1e-4),
        dict(lr=0.1, weight_decay=0.1),
        dict(lr=0.1, amsgrad=True, betas=(0.5, 0.6)),
        dict(lr=0.1, amsgrad=True, weight_decay=0.1, maximize=True),
        dict(lr=0.1, weight_decay=0.1, decoupled_weight_decay=True),
        dict(lr=0.1, betas=(0.0, 0.0)),
        dict(lr=0.1, betas=(0.9, 0.1), eps=0.5),
    ],
    AdamW: [
        dict(),
        dict(lr=0.1, weight_decay=0.1, betas=(0.8, 0.95)),
        dict(lr=0.1, weight_decay=0.1, amsgrad=True, maximize=True),
        dict(lr=0.1, weight_decay=0),
    ],
    RMSprop: [
        dict(),
        dict(lr=0.05, alpha=0.9, eps=1e-4),
        dict(lr=0.05, momentum=0.9),
        dict(lr=0.05, centered=True),
        dict(lr=0.05, momentum=0.5, centered=True, weight_decay=0.1),
        dict(lr=0.05, momentum=0.5, weight_decay=0.1, maximize=True),
        dict(lr=0.05, alpha=0.0),
    ],
    Adagrad: [
        dict(),
        dict(lr=0.1, lr_decay=0.1),
        dict(lr=0.1, initial_accumulator_value=0.5, eps=1e-3),
        dict(lr=0.1, weight_decay=0.1, maximize=True, lr_decay=0.01),
    ],
    Muon: [
        dict(),
        dict(lr=0.05, weight_decay=0.0, momentum=0.8, nesterov=False),
        dict(lr=0.05, adjust_lr_fn="match_rms_adamw"),
        dict(lr=0.05, adjust_lr_fn="original", ns_steps=3, eps=0.1),
        dict(lr=0.05, ns_coefficients=(1.5, -0.5, 0.0), ns_steps=0),
    ],
}
CASES = [(kind, settings) for kind, choices in SETTINGS.items() for settings in choices]
IDS = [f"{kind.__name__}-{settings}".replace(" ", "") for kind, settings in CASES]
each_case = pytest.mark.parametrize("kind, settings", CASES, ids=IDS)
each_kind = pytest.mark.parametrize("kind", [*SETTINGS, Lion], ids=lambda kind: kind.__name__)

SHAPES = [(3, 4), (), (5,), (2, 2), (1, 3), (0, 2), (4, 2)]
MATRICES = [(3, 4), (5, 1), (4, 4), (2, 2), (6, 2)]


def shapes_for(kind):
    return MATRICES if kind is Muon else SHAPES


def leaves(kind=None, device="cpu", dtype="float64", seed=0):
    rng = np.random.default_rng(seed)
    numbers = [np.asarray(rng.standard_normal(shape)) for shape in shapes_for(kind)]
    return [Tensor(on_device(x.astype(dtype), device), requires_grad=True) for x in numbers]


def gradients(parameters, step, seed=1):
    """Numbers for the gradients of one step; in some steps some parameters get none."""
    rng = np.random.default_rng([seed, step])
    drawn = [rng.standard_normal(np.shape(plain(p.data))) for p in parameters]
    left_out = {1: step % 3 == 0, 2: step < 4, 4: step % 2 == 1, len(parameters) - 1: True}
    return [None if left_out.get(i) else np.asarray(g) for i, g in enumerate(drawn)]


def give(parameters, arrays, device="cpu"):
    for p, g in zip(parameters, arrays):
        p.grad = None if g is None else on_device(g.astype(p.dtype), device)


def groups_of(parameters):
    """Three groups: one with settings of its own, one with one of them, one without."""
    return [
        {"params": parameters[:2], "lr": 0.03, "weight_decay": 0.2},
        {"params": parameters[2:4], "lr": 0.01},
        {"params": parameters[4:]},
    ]


@pytest.fixture
def torch(monkeypatch):
    """PyTorch; its Muon computes in the dtype of the parameter, as ours does, not in bfloat16."""
    torch = import_torch()
    monkeypatch.setattr(torch.Tensor, "bfloat16", lambda x: x.clone())
    return torch


def twins(torch, kind, device="cpu", grouped=False, **settings):
    """The same parameters here and in PyTorch, and an optimizer for each."""
    ours = leaves(kind, device)
    theirs = [torch.tensor(plain(p.data).copy(), requires_grad=True) for p in ours]
    made = []
    for module, parameters in ((optim, ours), (torch.optim, theirs)):
        params = groups_of(parameters) if grouped else parameters
        made.append(getattr(module, kind.__name__)(params, **settings))
    return ours, theirs, *made


def step_both(torch, ours, theirs, mine, reference, step, device="cpu"):
    drawn = gradients(ours, step)
    give(ours, drawn, device)
    for q, g in zip(theirs, drawn):
        q.grad = None if g is None else torch.tensor(g)
    mine.step()
    reference.step()
    for i, (p, q) in enumerate(zip(ours, theirs)):
        assert_close(p, q.detach().numpy(), rtol=1e-11, what=f"step {step}, parameter {i}")


# ---------------------------------------------------------------------------------- against PyTorch


@pytest.mark.parametrize("grouped", [False, True], ids=["one-group", "groups"])
@pytest.mark.parametrize("device", DEVICES)
@each_case
def test_50_steps_are_those_of_pytorch(torch, kind, settings, device, grouped):
    pair = twins(torch, kind, device, grouped, **settings)
    before = plain(pair[0][-1].data).copy()
    for step in range(50):
        step_both(torch, *pair, step, device)
    assert_close(pair[0][-1], before, rtol=0, atol=0, what="what has no gradient stays")


@pytest.mark.parametrize("kind", [SGD, Adam, AdamW, RMSprop, Adagrad], ids=lambda k: k.__name__)
def test_settings_that_change_between_steps_take_effect(torch, kind):
    pair = twins(torch, kind, grouped=True, lr=0.1)
    changes = {3: ("lr", 0.5), 5: ("weight_decay", 0.3), 7: ("maximize", True), 9: ("lr", 0.0)}
    if kind is SGD:
        changes |= {11: ("momentum", 0.9), 13: ("dampening", 0.2), 15: ("momentum", 0)}
        changes |= {17: ("momentum", 0.5), 18: ("lr", 0.2)}
    if kind in (Adam, AdamW):
        changes |= {11: ("betas", (0.5, 0.9)), 13: ("lr", np.float64(0.2)), 14: ("eps", 0.1)}
    for step in range(20):
        if step in changes:
            name, value = changes[step]
            for optimizer in pair[2:]:
                optimizer.param_groups[1][name] = value
        step_both(torch, *pair, step)


def test_a_group_that_is_added_later(torch):
    ours, theirs, mine, reference = twins(torch, Adam, lr=0.1)
    mine, reference = Adam(ours[:3], lr=0.1), torch.optim.Adam(theirs[:3], lr=0.1)
    for step in range(12):
        if step == 5:
            mine.add_param_group({"params": (p for p in ours[3:]), "lr": 0.01, "name": "head"})
            reference.add_param_group({"params": theirs[3:], "lr": 0.01, "name": "head"})
        step_both(torch, ours, theirs, mine, reference, step)
    assert mine.param_groups[1]["name"] == "head" and len(mine.parameters) == len(ours)


def test_muon_in_bfloat16_goes_the_same_way():
    """PyTorch's own products have 3 digits: about as much of the path must agree."""
    torch = import_torch()
    ours, theirs, *made = twins(torch, Muon, lr=0.02)
    start = [plain(p.data).copy() for p in ours]
    for step in range(50):
        drawn = gradients(ours, step)
        give(ours, drawn)
        for q, g in zip(theirs, drawn):
            q.grad = None if g is None else torch.tensor(g)
        for optimizer in made:
            optimizer.step()
    for p, q, before in zip(ours[:-1], theirs, start):
        distance = np.linalg.norm(p.data - q.detach().numpy())
        assert distance < 0.05 * np.linalg.norm(p.data - before)


@pytest.mark.parametrize("shape", [(4, 4), (3, 7), (7, 3), (1, 5), (5, 1)])
def test_muon_makes_singular_values_alike(shape):
    from hello_dl.optim.muon import orthogonalized

    rng = np.random.default_rng(0)
    x = rng.standard_normal(shape) * 100
    y = orthogonalized(x, (3.4445, -4.7750, 2.0315), 5, 1e-7)
    assert y.shape == shape and (x == np.random.default_rng(0).standard_normal(shape) * 100).all()
    values = np.linalg.svd(y, compute_uv=False)
    assert 0.6 < values.min() and values.max() < 1.3
    u, _, vt = np.linalg.svd(x, full_matrices=False)
    assert_close(y, u * np.diag(u.T @ y @ vt.T) @ vt, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("settings", [dict(), dict(lr=0.01, betas=(0.5, 0.7), weight_decay=0.1)])
def test_lion_does_what_its_paper_says(settings, device):
    """Algorithm 2 of Chen et al. 2023, entry by entry in float64."""
    ours = leaves(Lion, device)
    optimizer = Lion(ours, **settings)
    lr, wd = settings.get("lr", 1e-4), settings.get("weight_decay", 0.0)
    beta1, beta2 = settings.get("betas", (0.9, 0.99))
    expected = [plain(p.data).copy() for p in ours]
    means = [np.zeros_like(x) for x in expected]
    for step in range(50):
        drawn = gradients(ours, step)
        give(ours, drawn, device)
        optimizer.step()
        for i, g in enumerate(drawn):
            if g is not None:
                direction = np.sign(beta1 * means[i] + (1 - beta1) * g)
                expected[i] = expected[i] - lr * (direction + wd * expected[i])
                means[i] = beta2 * means[i] + (1 - beta2) * g
        for p, x in zip(ours, expected):
            assert_close(p, x, rtol=1e-12)


# ---------------------------------------------------------------------------------- halves


@pytest.mark.parametrize("device", DEVICES)
@each_kind
def test_float16_is_updated_in_float32(kind, device):
    """Gradients whose squares float16 cannot hold, above and below, do no harm to the state."""
    large, small = 500.0, 1e-4
    settings = {} if kind is Lion else {"maximize": False} if kind is not Muon else {}
    if kind is SGD:
        settings["momentum"] = 0.9
    start = np.ones((2, 2), "float16")
    half = Tensor(on_device(start, device), requires_grad=True)
    exact = Tensor(on_device(start.astype("float32"), device), requires_grad=True)
    optimizers = kind([half], lr=1e-3, **settings), kind([exact], lr=1e-3, **settings)
    for _ in range(20):
        for p, optimizer in zip((half, exact), optimizers):
            gradient = np.array([[large, small], [-large, -small]], "float16")
            p.grad = on_device(gradient.astype(p.dtype), device)
            optimizer.step()
    (state,) = optimizers[0].state.values()
    arrays = [plain(x) for name, x in state.items() if name != "step"]
    assert arrays and all(x.dtype == np.float32 and np.isfinite(x).all() for x in arrays)
    assert half.dtype == np.float16 and exact.dtype == np.float32
    assert_close(plain(half.data).astype("float32"), exact, rtol=0.01, atol=0.02)
    assert (plain(half.data) != start).any()


# ---------------------------------------------------------------------------------- groups


def test_groups_are_as_in_pytorch(torch):
    ours, theirs, mine, reference = twins(torch, Adam, grouped=True, lr=0.5, eps=0.1)
    ignored = {"params", "foreach", "fused", "capturable", "differentiable"}
    for group, other in zip(mine.param_groups, reference.param_groups, strict=True):
        assert {k: v for k, v in group.items() if k not in ignored} == {
            k: v for k, v in other.items() if k not in ignored
        }
        assert isinstance(group["params"], list)
    assert mine.param_groups[0]["params"][1] is ours[1]
    kept = {k: v for k, v in reference.defaults.items() if k not in ignored}
    assert mine.defaults == kept
    assert [id(p) for p in mine.parameters] == [id(p) for p in ours]


def test_the_rate_of_all_groups_at_once():
    optimizer = SGD(groups_of(leaves()), lr=0.5)
    assert optimizer.lr == 0.03, "that of the first group"
    optimizer.lr = 0.25
    assert [group["lr"] for group in optimizer.param_groups] == [0.25] * 3


def test_what_a_group_may_look_like():
    a, b, c, d = leaves()[:4]
    mine = {"params": (p for p in [b, b]), "lr": 0.5, "name": "head", "lr_scale": 3}
    optimizer = SGD([{"params": a}, mine, {"params": (c, d)}])
    first, second, third = optimizer.param_groups
    assert first["params"] == [a] and third["params"] == [c, d]
    assert len(second["params"]) == 1 and second["params"][0] is b
    assert (second["name"], second["lr_scale"], second["lr"]) == ("head", 3, 0.5)
    listed = nn.ParameterList([nn.Parameter([1.0]), nn.Parameter([2.0])])
    assert len(SGD(listed).parameters) == len(SGD([{"params": listed}]).parameters) == 2
    assert second is not mine and not isinstance(mine["params"], list), "what is given stays"


def test_named_parameters():
    net = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    optimizer = AdamW(net.named_parameters())
    names = ["0.weight", "0.bias", "1.weight", "1.bias"]
    assert optimizer.param_groups[0]["param_names"] == names
    assert optimizer.parameters == list(net.parameters())
    assert optimizer.state_dict()["param_groups"][0]["param_names"] == names
    weights = [pair for pair in net.named_parameters() if pair[0].endswith("weight")]
    biases = [pair for pair in net.named_parameters() if pair[0].endswith("bias")]
    optimizer = SGD([{"params": weights, "weight_decay": 0.1}, {"params": biases}])
    assert optimizer.param_groups[1]["param_names"] == ["0.bias", "1.bias"]
    with pytest.raises(ValueError, match="either all parameters .* have names, or none"):
        optimizer.add_param_group({"params": leaves()[0]})
    with pytest.raises(ValueError, match="either all parameters .* have names, or none"):
        SGD([weights[0], leaves()[0]])


def test_every_group_has_a_block_of_its_own_for_each_kind():
    singles = [Tensor(np.ones(n, "float32"), requires_grad=True) for n in (2, 3, 4)]
    doubles = leaves()[:2]
    optimizer = Adam([{"params": [singles[0], doubles[0], singles[1]]}, {"params": [singles[2]]}])
    optimizer.add_param_group({"params": doubles[1], "lr": 0.0})
    sizes = [(b.group, b.data.dtype.name, b.data.size) for b in optimizer.blocks]
    assert sizes == [(0, "float32", 5), (0, "float64", 12), (1, "float32", 4), (2, "float64", 1)]
    for p in (*singles, *doubles):
        p.grad = np.ones(p.shape, p.dtype)
    optimizer.step()
    assert (doubles[1].data == leaves()[1].data).all(), "a rate of 0"
    assert all((p.data < 1).all() and p.dtype == np.float32 for p in singles)
    for block in optimizer.blocks:
        for p, *_ in block.pieces:
            assert np.shares_memory(p.data, block.data) and np.shares_memory(p.grad, block.grad)


def test_copies_of_an_optimizer_with_groups_go_on_by_themselves():
    ours = leaves()
    optimizer = Adam(groups_of(ours), amsgrad=True)
    for step in range(5):
        give(ours, gradients(ours, step))
        optimizer.step()
    theirs, twin = copy.deepcopy((ours, optimizer))
    twin.param_groups[1]["lr"] = optimizer.param_groups[1]["lr"]
    assert twin.param_groups[1] is not optimizer.param_groups[1]
    for step in range(5, 9):
        for parameters, each in ((ours, optimizer), (theirs, twin)):
            give(parameters, gradients(parameters, step))
            each.step()
    for p, q in zip(ours, theirs):
        assert (p.data == q.data).all() and not np.shares_memory(p.data, q.data)
    twin.param_groups[0]["lr"] = 0.0
    assert optimizer.param_groups[0]["lr"] == 0.03


def test_a_closure_computes_the_gradients_first(torch):
    ours, theirs, mine, reference = twins(torch, SGD, lr=0.1)

    def closure_of(parameters, optimizer):
        def closure():
            optimizer.zero_grad()
            loss = sum((p * p).sum() for p in parameters)
            loss.backward()
            return loss

        return closure

    for _ in range(3):
        loss = mine.step(closure_of(ours, mine))
        assert loss.item() == pytest.approx(reference.step(closure_of(theirs, reference)).item())
    assert_close(ours[0], theirs[0].detach().numpy())
    assert mine.step() is None


def test_it_shows_its_groups(torch):
    *_, mine, reference = twins(torch, RMSprop, grouped=True)
    ignored = ("foreach", "differentiable", "capturable")
    lines = [x for x in repr(reference).splitlines() if not x.strip().startswith(ignored)]
    ours = [line.removesuffix(".0") for line in repr(mine).splitlines()]
    assert ours == lines and ours[0] == "RMSprop ("


# ---------------------------------------------------------------------------------- state


def torch_arrays(state_dict):
    """PyTorch's state_dict with numpy's arrays in it."""
    state = {
        i: {k: x.numpy().copy() for k, x in entry.items() if x is not None}
        for i, entry in state_dict["state"].items()
    }
    return {"state": state, "param_groups": state_dict["param_groups"]}


@each_case
def test_the_state_is_laid_out_as_that_of_pytorch(torch, kind, settings):
    ours, theirs, mine, reference = twins(torch, kind, grouped=True, **settings)
    for steps in (0, 3):
        for step in range(steps):
            step_both(torch, ours, theirs, mine, reference, step)
        got, expected = mine.state_dict(), torch_arrays(reference.state_dict())
        assert got["state"].keys() == expected["state"].keys()
        for i, entry in expected["state"].items():
            assert got["state"][i].keys() == entry.keys()
            for name, array in entry.items():
                assert_close(got["state"][i][name], array, rtol=1e-11)
                assert name != "step" or got["state"][i][name].dtype == array.dtype
        for group, other in zip(got["param_groups"], expected["param_groups"], strict=True):
            assert group["params"] == other["params"]
            assert group.items() <= other.items()


@each_case
def test_a_state_of_pytorch_is_gone_on_from(torch, kind, settings):
    ours, theirs, _, reference = twins(torch, kind, grouped=True, **settings)
    for step in range(7):
        for q, g in zip(theirs, gradients(ours, step)):
            q.grad = None if g is None else torch.tensor(g)
        reference.step()
    for p, q in zip(ours, theirs):
        p.data = q.detach().numpy().copy()
    mine = kind(groups_of(ours), lr=99.0)  # settings come with the state
    if settings.get("decoupled_weight_decay"):
        mine = kind(groups_of(ours), lr=99.0, decoupled_weight_decay=True)
    mine.load_state_dict(torch_arrays(reference.state_dict()))
    for step in range(7, 20):
        step_both(torch, ours, theirs, mine, reference, step)


@each_case
def test_pytorch_goes_on_from_a_state_of_ours(torch, kind, settings):
    ours, theirs, mine, reference = twins(torch, kind, **settings)
    for step in range(7):
        give(ours, gradients(ours, step))
        mine.step()
    state = mine.state_dict()
    for q, p in zip(theirs, ours):
        q.data = torch.tensor(p.data)
    as_tensors = {
        i: {k: torch.tensor(x) for k, x in entry.items()} for i, entry in state["state"].items()
    }
    extra = {k: reference.param_groups[0][k] for k in reference.param_groups[0]}
    groups = [{**extra, **group} for group in state["param_groups"]]
    reference.load_state_dict({"state": as_tensors, "param_groups": groups})
    for step in range(7, 20):
        step_both(torch, ours, theirs, mine, reference, step)


@pytest.mark.parametrize("device", DEVICES)
@each_kind
def test_training_goes_on_bit_for_bit_through_a_file(kind, device, tmp_path):
    """The arrays in safetensors, the rest in JSON, as a checkpoint has it."""
    from safetensors.numpy import load_file, save_file

    settings = {SGD: {"momentum": 0.9}, RMSprop: {"centered": True}}.get(kind, {})
    ours = leaves(kind, device, "float32")
    first = kind(groups_of(ours), **settings)
    for step in range(6):
        give(ours, gradients(ours, step), device)
        first.step()
    state = first.state_dict()
    arrays = {
        f"{i}.{name}": plain(x) for i, entry in state["state"].items() for name, x in entry.items()
    }
    save_file(arrays, tmp_path / "state.safetensors")
    (tmp_path / "groups.json").write_text(json.dumps(state["param_groups"]), encoding="utf-8")

    theirs = [Tensor(p.data.copy(), requires_grad=True) for p in ours]
    second = kind(groups_of(theirs), **settings)
    give(theirs, gradients(theirs, 99), device)
    if kind is not Muon:
        second.step()  # whatever it remembers is replaced
    for p, q in zip(ours, theirs):
        q.data = p.data.copy()
    found = {}
    for key, array in load_file(tmp_path / "state.safetensors").items():
        i, _, name = key.partition(".")
        found.setdefault(i, {})[name] = array
    groups = json.loads((tmp_path / "groups.json").read_text(encoding="utf-8"))
    second.load_state_dict({"state": found, "param_groups": groups})
    assert second.state_dict()["param_groups"] == state["param_groups"]
    for step in range(6, 12):
        for parameters, optimizer in ((ours, first), (theirs, second)):
            give(parameters, gradients(parameters, step), device)
            optimizer.step()
        for p, q in zip(ours, theirs):
            assert (plain(p.data) == plain(q.data)).all(), f"step {step}"


def test_a_state_is_a_snapshot_and_is_copied_when_loaded():
    (p, q) = leaves(seed=1)[0], leaves(seed=2)[0]
    one, two = Adam([p]), Adam([q])
    for optimizer, each in ((one, p), (two, q)):
        each.grad = np.ones(each.shape)
        optimizer.step()
    state = one.state_dict()
    before = {name: x.copy() for name, x in state["state"][0].items()}
    two.load_state_dict(state)
    for optimizer, each in ((one, p), (two, q)):
        each.grad = np.full(each.shape, 7.0)
        optimizer.step()
    for name, x in state["state"][0].items():
        assert (x == before[name]).all(), name


def test_what_is_remembered_can_be_looked_at():
    a, b, *_ = leaves()
    optimizer = Adam([a, b])
    a.grad = np.ones(a.shape)
    optimizer.step()
    assert list(optimizer.state) == [a] and optimizer.state[b] == {}
    assert optimizer.state[a]["step"] == 1
    assert_close(optimizer.state[a]["exp_avg"], np.full(a.shape, 0.1))
    optimizer.state[a]["exp_avg"][...] = 0  # a view
    assert not optimizer.blocks[0].state["exp_avg"].any()
    assert SGD([b]).state == {}


def test_a_fresh_state_forgets_what_there_was():
    (a, *_) = leaves()
    optimizer, fresh = Adam([a]), Adam([leaves()[0]]).state_dict()
    start = a.data.copy()
    for _ in range(2):
        a.grad = np.ones(a.shape)
        optimizer.step()
        after, a.data = a.data.copy(), start.copy()
        optimizer.load_state_dict(fresh)
    assert optimizer.state == {} and fresh["state"] == {}
    a.grad = np.ones(a.shape)
    optimizer.step()
    assert (a.data == after).all()


def trained(kind, **settings):
    parameters = leaves(kind)[:2]
    optimizer = kind(parameters, **settings)
    give(parameters, gradients(parameters, 1))
    optimizer.step()
    return optimizer


def changed(optimizer, entry=0, group=None, **arrays):
    """Its state, with some of it exchanged; None leaves it out."""
    state = optimizer.state_dict()
    state["state"].setdefault(entry, {}).update(arrays)
    state["state"][entry] = {k: x for k, x in state["state"][entry].items() if x is not None}
    state["param_groups"][0].update(group or {})
    return state


def two_groups(kind):
    a, b = leaves(kind)[:2]
    return kind([{"params": a}, {"params": b}]).state_dict()


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: [], r"state_dict is \{'state': .*, not \[\]"),
        (lambda: {"state": {}}, "state_dict is .*'param_groups'"),
        (lambda: {"state": {}, "param_groups": [3]}, r"param_groups\[0\] has no list 'params'"),
        (lambda: two_groups(Adam), "it has 2 parameter groups, and the optimizer has 1"),
        (
            lambda: Adam(leaves()[:3]).state_dict(),
            r"param_groups\[0\] has 3 parameters, and the optimizer's has 2",
        ),
        (lambda: trained(SGD).state_dict(), r"param_groups\[0\] has no 'betas', which Adam needs"),
        (lambda: trained(AdamW).state_dict(), "it is of AdamW, and this is Adam"),
        (lambda: changed(Adam(leaves()[:2]), 5, a=1), r"state\[5\] belongs to no parameter"),
        (lambda: changed(trained(Adam), sum=np.ones(3)), r"state\[0\] has 'sum', and Adam keeps"),
        (lambda: changed(trained(Adam), exp_avg=None), r"state\[0\] has no 'exp_avg', which Adam"),
        (lambda: changed(trained(Adam), step=None), r"state\[0\] has no 'step', which Adam keeps"),
        (
            lambda: changed(trained(Adam), exp_avg_sq=np.ones((4, 3))),
            r"state\[0\]\['exp_avg_sq'\] has shape \(4, 3\), and 'w' .* has \(3, 4\)",
        ),
        (lambda: changed(trained(Adam), exp_avg="x"), r"state\[0\]\['exp_avg'\] is no array: 'x'"),
        (
            lambda: changed(trained(Adam), step=1.5),
            r"state\[0\]\['step'\] counts steps, and is 1.5",
        ),
        (lambda: changed(trained(Adam), step=np.ones(2)), r"\['step'\] counts steps"),
        (lambda: changed(trained(Adam), step=-1), r"\['step'\] counts steps, and is -1"),
        (lambda: {**trained(Adam).state_dict(), "state": {0: 7}}, r"state\[0\] holds arrays by na"),
        (lambda: changed(trained(Adam), group={"lr": -1}), r"param_groups\[0\]: lr must be 0 or m"),
        (lambda: changed(trained(Adam), group={"betas": [1]}), "betas must be two numbers"),
        (
            lambda: changed(trained(Adam), group={"amsgrad": True}),
            r"state\[0\] has no 'max_exp_avg_sq', which Adam keeps",
        ),
    ],
)
def test_the_state_of_another_optimizer_or_model_is_refused(make, message):
    parameters = leaves()[:2]
    parameters[0].name = "w"
    optimizer = Adam(parameters)
    give(parameters, gradients(parameters, 3))
    optimizer.step()
    before = copy.deepcopy(optimizer.state_dict())
    with pytest.raises(ValueError, match=message) as error:
        optimizer.load_state_dict(make())
    assert "\n" not in str(error.value)
    after = optimizer.state_dict()
    assert after["param_groups"] == before["param_groups"]
    for name, x in before["state"][0].items():
        assert (after["state"][0][name] == x).all(), "nothing is changed"


@pytest.mark.parametrize("kind", [*SETTINGS, Lion], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("other", [*SETTINGS, Lion], ids=lambda kind: kind.__name__)
def test_no_optimizer_takes_the_state_of_another(kind, other):
    settings = {"momentum": 0.9} if other is SGD else {}
    state = trained(other, **settings).state_dict()
    mine = kind(leaves(kind)[:2], **({"momentum": 0.9} if kind is SGD else {}))
    if kind is other:
        mine.load_state_dict(state)
    else:
        with pytest.raises(ValueError, match="^state of another optimizer: "):
            mine.load_state_dict(state)


# ---------------------------------------------------------------------------------- on a GPU


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "bfloat16"])
@each_case
def test_the_fused_kernel_is_the_array_version(kind, settings, dtype):
    from hello_dl.backend import dtype_of

    if not kind.formula:
        pytest.skip("matrix products, no kernel")
    if dtype == "bfloat16":
        pytest.importorskip("ml_dtypes")

    class Plain(kind):
        formula = ""

    made = []
    for version in (kind, Plain):
        parameters = leaves(kind, "cuda", dtype_of(dtype))
        made.append((parameters, version(groups_of(parameters), **settings)))
    for step in range(20):
        for parameters, optimizer in made:
            give(parameters, gradients(parameters, step), "cuda")
            optimizer.step()
    rtol = {"float64": 1e-11, "float32": 1e-4}.get(dtype, 0.05)
    for p, q in zip(made[0][0], made[1][0]):
        assert_close(plain(p.data).astype("float64"), plain(q.data).astype("float64"), rtol, rtol)


@pytest.mark.gpu
@each_kind
def test_a_step_on_a_gpu_does_not_wait(kind):
    """No copy to the CPU and no look at a number: CUDA graphs can record a step."""
    import cupy

    if kind is Muon:
        pytest.skip("cuBLAS is not recorded")
    parameters = leaves(kind, "cuda", "float32")
    optimizer = kind(parameters)
    give(parameters, gradients(parameters, 1), "cuda")
    optimizer.step()  # compiles
    before = [plain(p.data).copy() for p in parameters]
    stream = cupy.cuda.Stream(non_blocking=True)
    with stream:
        stream.begin_capture()
        optimizer.step()
        graph = stream.end_capture()
        graph.launch(stream)
    stream.synchronize()
    assert (plain(parameters[0].data) != before[0]).all()


# ---------------------------------------------------------------------------------- bad input

W = tensor_leaf([[1.0, 2.0]])
V = tensor_leaf([1.0])


@pytest.mark.parametrize(
    "make, kind, message",
    [
        (lambda: Adam([W], lr=-1), ValueError, "lr must be 0 or more, got -1"),
        (lambda: Adam([W], eps=-1e-8), ValueError, "eps must be 0 or more, got -1e-08"),
        (lambda: Adam([W], betas=(0.9, 1)), ValueError, r"below 1, got \(0.9, 1\)"),
        (lambda: Adam([W], betas=(-0.1, 0.9)), ValueError, "betas must be at least 0"),
        (lambda: Adam([W], betas=0.9), TypeError, r"two numbers such as \(0.9, 0.999\), got 0.9"),
        (lambda: Adam([W], betas=("a", 1)), TypeError, "betas must be two numbers"),
        (lambda: AdamW([W], weight_decay=None), TypeError, "weight_decay must be a number, got N"),
        (lambda: RMSprop([W], alpha=-1), ValueError, "alpha must be 0 or more"),
        (lambda: RMSprop([W], momentum=-1), ValueError, "momentum must be 0 or more"),
        (lambda: Adagrad([W], lr_decay=-1), ValueError, "lr_decay must be 0 or more"),
        (
            lambda: Adagrad([W], initial_accumulator_value=-1),
            ValueError,
            "initial_accumulator_value must be 0 or more",
        ),
        (lambda: Lion([W], betas=(0.9, 1.5)), ValueError, "betas must be at least 0 and below 1"),
        (
            lambda: SGD([W], momentum=0.9, nesterov=True, dampening=0.1),
            ValueError,
            "dampening of 0",
        ),
        (lambda: SGD([W], lr=0.1, momentun=0.9), TypeError, "momentun"),
        (
            lambda: Muon([V]),
            ValueError,
            r"Muon is for matrices, not a leaf .* with 1 axes: .* AdamW",
        ),
        (lambda: Muon([W], ns_steps=100), ValueError, "ns_steps must be whole and below 100"),
        (lambda: Muon([W], ns_coefficients=(1, 2)), ValueError, "ns_coefficients must be three"),
        (
            lambda: Muon([W], adjust_lr_fn="x"),
            ValueError,
            "unknown adjust_lr_fn 'x': use one of original, match_rms_adamw",
        ),
        (lambda: SGD([{"params": []}]), ValueError, "a parameter group needs parameters"),
        (lambda: SGD([{"lr": 0.1}]), ValueError, r"a parameter group is a dict .* not \{'lr': 0.1"),
        (lambda: SGD([{"params": [W]}, W]), TypeError, "parameter groups are dicts .* not Tensor"),
        (lambda: SGD({"params": [W]}), TypeError, r"such as \[w\], not \{'params'"),
        (lambda: SGD({W}), TypeError, "parameters need an order, which a set has not"),
        (lambda: SGD([{"params": {W}}]), TypeError, "parameters need an order"),
        (lambda: SGD([{"params": 3}]), TypeError, r"'params' of a group are .*, not 3"),
        (lambda: SGD([{"params": [3]}]), TypeError, "an optimizer changes Tensors, not 3"),
        (lambda: SGD(3), TypeError, r"takes the parameters, such as \[w\], not 3"),
        (lambda: SGD("abc"), TypeError, r"such as \[w\], not 'abc'"),
        (lambda: SGD([{"params": W, "lr": -1}]), ValueError, "lr must be 0 or more, got -1"),
        (
            lambda: SGD([{"params": W, "weight_deacy": 1}]),
            ValueError,
            "unknown setting 'weight_deacy': is it 'weight_decay'",
        ),
        (
            lambda: SGD([{"params": [W]}, {"params": [V, W]}]),
            ValueError,
            r"\(input, shape \(1, 2\)\).*in two parameter groups|in two parameter groups",
        ),
        (lambda: SGD([W]).add_param_group({"params": W}), ValueError, "in two parameter groups"),
        (lambda: SGD([W]).add_param_group([V]), ValueError, "a parameter group is a dict"),
        (lambda: SGD([W * 2]), ValueError, "leaves of floating numbers, not the result of mul"),
    ],
)
def test_bad_settings(make, kind, message):
    with pytest.raises(kind, match=message) as error:
        make()
    assert "\n" not in str(error.value)


def test_parameters_put_into_a_group_by_hand():
    """An update would leave them out without a word."""
    for change in (
        lambda o: o.param_groups[0]["params"].append(V),
        lambda o: o.param_groups.append({"params": [V], "lr": 0.1}),
    ):
        optimizer = SGD([W])
        change(optimizer)
        with pytest.raises(ValueError, match="by hand: use add_param_group"):
            optimizer.step()


def test_a_gradient_that_does_not_fit_changes_nothing():
    single, double = Tensor([1.0, 2.0], requires_grad=True), tensor_leaf([3.0])
    optimizer = Adam([single, double], lr=0.5)
    single.grad, double.grad = np.ones(2, "float32"), np.ones(2)
    with pytest.raises(
        ValueError, match=r"gradient of a leaf .* has shape \(2,\), float64: it mus"
    ):
        optimizer.step()
    assert single.data.tolist() == [1, 2] and optimizer.state == {}


def test_a_group_that_is_refused_is_not_added():
    optimizer = SGD([W])
    for wrong in ({"params": W}, {"params": [V], "lr": -1}, {"params": [V, 3]}):
        with pytest.raises((ValueError, TypeError)):
            optimizer.add_param_group(wrong)
    assert len(optimizer.param_groups) == len(optimizer.blocks) == 1
    optimizer.add_param_group({"params": V})


def test_a_result_whose_graph_is_gone_is_no_leaf():
    x = W * 2
    x.sum().backward()
    with pytest.raises(ValueError, match="leaves of floating numbers"):
        SGD([x])


def test_every_optimizer_is_found_where_pytorch_has_it():
    torch = import_torch()
    ours = {name for name in optim.__all__ if name != "Lion"}
    assert all(hasattr(torch.optim, name) for name in ours)
