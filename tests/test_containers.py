"""Containers: rows and dicts of modules and parameters, as PyTorch has them."""

from collections import OrderedDict

import numpy as np
import pytest
from helpers import import_torch

from hello_dl import Tensor, nn
from hello_dl import functional as F


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


def rows(n):
    """The same operations on a row of modules, in ours and in PyTorch's."""
    net = n.ModuleList([n.Linear(1, i + 1) for i in range(3)])
    net.append(n.ReLU()).extend([n.Tanh(), n.Linear(1, 9)]).insert(1, n.Sigmoid())
    popped = net.pop(2)
    net[-1] = n.Linear(1, 7)
    del net[0]
    return net, popped


def test_a_row_is_changed_as_in_pytorch():
    (ours, popped), (theirs, other) = rows(nn), rows(import_torch().nn)
    assert repr(popped) == repr(other) and [repr(m) for m in ours] == [repr(m) for m in theirs]
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert len(ours) == len(theirs) == 5 and ours[1] in ours and nn.ReLU() not in ours
    assert isinstance(ours[1:], nn.ModuleList) and [*ours[1:]] == [*ours][1:]
    assert list(ours[2:].state_dict()) == list(theirs[2:].state_dict())
    with pytest.raises(TypeError, match="ModuleList has no forward"):
        ours(1)
    with pytest.raises(IndexError):
        ours[9]


def test_sequential_by_names_and_changed():
    torch = import_torch()

    def built(n):
        net = n.Sequential(OrderedDict([("up", n.Linear(1, 2)), ("bend", n.ReLU())]))
        net.add_module("down", n.Linear(2, 1))
        net.append(n.Tanh())
        return net

    ours, theirs = built(nn), built(torch.nn)
    assert repr(ours) == repr(theirs) and list(ours.state_dict()) == list(theirs.state_dict())
    assert ours.up is ours[0] and ours[:2].up is ours.up and ours.down in ours
    del ours[1], theirs[1]
    assert repr(ours) == repr(theirs) and list(ours.state_dict()) == list(theirs.state_dict())
    x = Tensor([[1.0]])
    assert ours(x).item() == np.tanh(ours[1](ours[0](x)).data).item()


def test_modules_by_name():
    torch = import_torch()

    def built(n):
        net = n.ModuleDict({"a": n.Linear(1, 1), "b": n.ReLU()})
        net["c"] = n.Tanh()
        net.update([("d", n.Linear(2, 2)), ("a", n.Linear(3, 3))])
        popped = net.pop("b")
        del net["c"]
        return net, popped

    (ours, popped), (theirs, other) = built(nn), built(torch.nn)
    assert repr(popped) == repr(other) and repr(ours) == repr(theirs)
    assert list(ours) == list(ours.keys()) == list(theirs) and len(ours) == 2 and "a" in ours
    assert [name for name, _ in ours.items()] == ["a", "d"] and list(ours.values())[0] is ours["a"]
    assert list(ours.state_dict()) == list(theirs.state_dict())
    with pytest.raises(KeyError):
        ours["b"]
    with pytest.raises(ValueError, match="'keys': the name is taken"):
        ours["keys"] = nn.ReLU()
    with pytest.raises(TypeError, match="'e' takes a module"):
        ours["e"] = F.relu
    ours.clear()
    assert len(ours) == 0 and not list(ours.parameters())


def test_parameters_in_rows_and_by_name():
    torch = import_torch()

    def built(n, block):
        net = n.Module()
        net.row = n.ParameterList([block([1.0, 2.0]), n.Parameter(block([3.0]))])
        net.row.append(block([[4.0]]))
        net.names = n.ParameterDict({"a": block([5.0]), "b": n.Parameter(block([6.0]))})
        net.names["c"] = net.row[0]
        return net

    ours, theirs = built(nn, Tensor), built(torch.nn, torch.tensor)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert isinstance(one, nn.Parameter) and one.tolist() == other.tolist()
    assert len(ours.row) == 3 and ours.row[-1].tolist() == [[4]] and ours.names["c"] is ours.row[0]
    assert [len(p) for p in ours.row[:2]] == [2, 1] and set(ours.names.keys()) == {"a", "b", "c"}
    assert "(0): Parameter (2,) float32" in repr(ours)
    (sum(p.sum() for p in ours.row) + ours.names["a"].sum()).backward()
    assert ours.row[2].grad.tolist() == [[1]] and ours.names["b"].grad is None
