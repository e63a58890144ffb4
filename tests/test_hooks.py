"""Hooks on modules: they see and change what PyTorch's do, and cost nothing when there are none."""

import copy
import pickle

import numpy as np
import pytest
from helpers import DEVICES, assert_close, import_torch, live, on_device

from hello_dl import Tensor, nn, no_grad

rng = np.random.default_rng(8)
X, W, V = (rng.standard_normal(shape) for shape in ((3, 2), (4, 2), (4,)))


def two_inputs(n):
    """A module that takes two blocks and gives two, in ours and in PyTorch's."""

    class Two(n.Module):
        def forward(self, a, b, *, scale=1.0):
            return a * b * scale, a + 2 * b

    return Two()


def run(n, make, hooks, needs=(True, True), ends=(1, 1)):
    """Send two blocks through, and come back with random gradients; return all that was seen."""
    module, seen = two_inputs(n), []
    hooks(module, seen)
    a, b = (make(x, need) for x, need in zip((X, X[::-1].copy()), needs))
    outputs = module(a, b)
    total = sum((y * (i + 1)).sum() for i, y in enumerate(outputs) if ends[i])
    if total.requires_grad:
        total.backward()
    return seen, [x.grad for x in (a, b)], [y.detach() for y in outputs]


def both(hooks, **options):
    """The same in ours and in PyTorch, as nested tuples of numpy arrays."""
    torch = import_torch()

    def theirs(x, need):
        return torch.tensor(x, requires_grad=need)

    def plain(x):
        if isinstance(x, list | tuple):
            return [plain(part) for part in x]
        return x if x is None or isinstance(x, dict | str) else np.asarray(x)

    ours = run(nn, lambda x, need: Tensor(x, need), hooks, **options)
    return plain(ours), plain(run(torch.nn, theirs, hooks, **options))


def assert_same(one, other):
    assert type(one) is type(other)
    if isinstance(one, list):
        assert len(one) == len(other)
        for a, b in zip(one, other):
            assert_same(a, b)
    elif isinstance(one, np.ndarray):
        assert_close(one, other)
    else:
        assert one == other


def watching(module, seen):
    def look(name):
        def hook(m, *things):
            assert m is module
            seen.append([name, *[t if isinstance(t, dict | tuple) else (t,) for t in things]])

        return hook

    module.register_forward_pre_hook(look("before"))
    module.register_forward_pre_hook(look("first"), prepend=True)
    module.register_forward_hook(look("after"))
    module.register_forward_hook(look("with kwargs"), with_kwargs=True)
    module.register_forward_pre_hook(look("pre with kwargs"), with_kwargs=True)


@pytest.mark.parametrize("ends", [(1, 1), (1, 0), (0, 1)])
@pytest.mark.parametrize("needs", [(True, True), (True, False), (False, True)])
def test_backward_hooks_see_what_pytorchs_see(needs, ends):
    def hooks(module, seen):
        module.register_full_backward_hook(lambda m, gi, go: seen.append([gi, go]))

    ours, theirs = both(hooks, needs=needs, ends=ends)
    for i, need in enumerate(needs):
        if not need:  # PyTorch says zeros there
            assert not theirs[0][0][0][i].any()
            theirs[0][0][0][i] = None
    assert_same(ours, theirs)


@pytest.mark.parametrize("ends", [(1, 1), (1, 0)])
def test_backward_hooks_change_what_pytorchs_change(ends):
    def hooks(module, seen):
        module.register_full_backward_hook(lambda m, gi, go: tuple(g * 3 for g in gi))
        module.register_full_backward_hook(lambda m, gi, go: seen.append(gi))
        module.register_full_backward_hook(lambda m, gi, go: (gi[0] + 1, gi[1]), prepend=True)

    assert_same(*both(hooks, ends=ends))


def test_forward_hooks_change_what_pytorchs_change():
    def hooks(module, seen):
        module.register_forward_pre_hook(lambda m, args: (args[0] * 2, args[1]))
        module.register_forward_pre_hook(
            lambda m, args, kwargs: (args, {**kwargs, "scale": 5.0}), with_kwargs=True
        )
        module.register_forward_hook(lambda m, args, out: (out[0] + args[0], out[1]))
        module.register_forward_hook(
            lambda m, args, kwargs, out: (out[0] * kwargs["scale"], out[1]), with_kwargs=True
        )

    assert_same(*both(hooks))


def test_hooks_come_in_order_and_are_told_everything():
    seen = []
    module = nn.Linear(2, 1)
    watching(module, seen)
    x = Tensor([[1.0, 2.0]])
    y = module(x)
    assert [what for what, *_ in seen] == ["first", "before", "pre with kwargs", "after",
                                           "with kwargs"]  # fmt: skip
    assert seen[0][1] == (x,) and seen[2][1:] == [(x,), {}]
    assert seen[3][1:] == [(x,), (y,)] and seen[4][1:] == [(x,), {}, (y,)]


def test_a_single_answer_stands_for_a_tuple():
    module = nn.Identity()
    module.register_forward_pre_hook(lambda m, args: args[0] + 1)
    assert module(Tensor(1.0)).item() == 2
    module.register_full_backward_hook(lambda m, gi, go: gi[0] * 10)
    x = Tensor(1.0, requires_grad=True)
    module(x).backward()
    assert x.grad.item() == 10


@pytest.mark.filterwarnings("ignore:Full backward hook")
def test_a_module_that_needs_no_input_gradient_is_seen_too():
    """The first layer: its input asks for no gradient, its weights do."""
    torch, seen = import_torch(), []
    layer, other = nn.Linear(2, 4).to("float64"), torch.nn.Linear(2, 4).double()
    layer.load_state_dict({k: v.numpy() for k, v in other.state_dict().items()})
    for module, x in ((layer, Tensor(X)), (other, torch.tensor(X))):
        module.register_full_backward_hook(lambda m, gi, go: seen.append((gi, go)))
        (module(x) ** 2).sum().backward()
    assert seen[0][0] == seen[1][0] == (None,)
    assert_close(seen[0][1][0], seen[1][1][0].numpy())
    assert_close(layer.weight.grad, other.weight.grad.numpy())


def test_several_outputs_are_one_call_where_no_input_needs_a_gradient():
    class Fork(nn.Module):
        def __init__(self):
            self.w = nn.Parameter([1.0, 2.0])

        def forward(self, x):
            return self.w * x, self.w + x, self.w * 1

    seen, fork = [], Fork()
    fork.register_full_backward_hook(lambda m, gi, go: seen.append(go))
    a, b, _ = fork(Tensor([3.0, 4.0]))
    loss = (a + 2 * b).sum()
    for _ in range(2):
        loss.backward(retain_graph=True)
    assert len(seen) == 2
    for go in seen:
        assert [None if g is None else g.tolist() for g in go] == [[1, 1], [2, 2], None]


def test_every_backward_pass_is_seen_by_itself():
    seen = []
    module = two_inputs(nn)
    module.register_full_backward_hook(
        lambda m, gi, go: seen.append([None if g is None else g.item() for g in (*gi, *go)])
    )
    a, b = Tensor(2.0, requires_grad=True), Tensor(3.0, requires_grad=True)
    product, total = module(a, b)
    product.backward(retain_graph=True)
    total.backward(retain_graph=True)
    (product + total).backward()
    assert seen == [[3, 2, 1, None], [1, 2, None, 1], [4, 4, 1, 1]]
    assert a.grad.item() == 8 and b.grad.item() == 8


def test_a_hook_that_gives_the_wrong_number_of_gradients():
    module = two_inputs(nn)
    module.register_full_backward_hook(lambda m, gi, go: gi[:1])
    y, _ = module(Tensor(2.0, requires_grad=True), Tensor(3.0, requires_grad=True))
    with pytest.raises(ValueError, match="returned 1 gradients for the 2 inputs of Two"):
        y.backward()
    other = nn.Identity()
    other.register_full_backward_hook(lambda m, gi, go: (gi[0][:1],))
    with pytest.raises(ValueError, match=r"shape \(1,\) instead of \(2,\)"):
        other(Tensor([1.0, 2.0], requires_grad=True)).sum().backward()
    third = nn.Identity()
    third.register_forward_pre_hook(lambda m, args, kwargs: args, with_kwargs=True)
    with pytest.raises(TypeError, match=r"None or \(args, kwargs\)"):
        third(1)


def test_handles_take_hooks_away():
    seen, layer = [], nn.Linear(2, 1)
    first = layer.register_forward_hook(lambda *_: seen.append(1))
    with layer.register_forward_hook(lambda *_: seen.append(2)) as second:
        layer(Tensor([[1.0, 2.0]]))
    first.remove()
    first.remove()
    second.remove()
    layer(Tensor([[1.0, 2.0]]))
    assert seen == [1, 2] and layer._hooks is None, "without hooks, a call is as quick as before"
    layer.register_full_backward_hook(lambda *_: seen.append(3))
    layer(Tensor([[1.0, 2.0]])).sum().backward()
    assert seen == [1, 2, 3]


def test_a_hook_may_take_itself_away():
    seen, layer = [], nn.Identity()

    def once(*_):
        seen.append(1)
        handle.remove()

    handle = layer.register_forward_hook(once)
    assert layer(1) == layer(1) == 1 and seen == [1]


def test_without_recording_there_is_no_gate():
    module = nn.Identity()
    module.register_full_backward_hook(lambda *_: None)
    x = Tensor([1.0], requires_grad=True)
    assert module(x).op == "reshape" and module(Tensor([1.0])).op == "input"
    with no_grad():
        assert module(x) is x
    assert module("no block") == "no block"


def test_a_copy_has_hooks_of_its_own():
    seen = []
    net = nn.Sequential(nn.Linear(2, 1))
    handle = net[0].register_forward_hook(print_nothing)
    other = copy.deepcopy(net)
    assert pickle.loads(pickle.dumps(net))[0]._hooks.after
    handle.remove()
    assert net[0]._hooks is None and other[0]._hooks.after
    other[0].register_forward_hook(lambda *_: seen.append(1))
    net(Tensor([[1.0, 2.0]])), other(Tensor([[1.0, 2.0]]))
    assert seen == [1]


def print_nothing(*_):
    """A hook that can be pickled."""


def test_hooks_leave_nothing_behind():
    net = nn.Sequential(nn.Linear(2, 2), nn.Tanh(), nn.Linear(2, 1))
    for module in net.modules():
        module.register_full_backward_hook(lambda m, gi, go: None)
    x = Tensor([[1.0, 2.0]])
    net(x).sum().backward()
    before = live(Tensor)
    for _ in range(20):
        net(x).sum().backward()
    assert live(Tensor) == before


@pytest.mark.parametrize("device", DEVICES)
def test_hooks_on_each_device(device):
    seen = []
    layer = nn.Linear(2, 4, device=device, dtype="float64")
    layer.register_forward_hook(lambda m, args, out: seen.append(out.device))
    layer.register_full_backward_hook(lambda m, gi, go: (gi[0] * 2,))
    x = Tensor(on_device(X, device), requires_grad=True)
    layer(x).sum().backward()
    assert seen == [device]
    assert_close(x.grad, np.tile(2 * on_device(layer.weight.data, "cpu").sum(0), (3, 1)))
