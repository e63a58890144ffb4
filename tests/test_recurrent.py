"""Recurrent layers against PyTorch's: layers, directions, packed sequences, states, cells."""

import itertools

import numpy as np
import pytest
from helpers import DEVICES, assert_close, import_torch, on_device, plain

from hello_dl import Tensor, manual_seed, nn
from hello_dl.nn.utils.rnn import (
    PackedSequence,
    invert_permutation,
    pack_padded_sequence,
    pack_sequence,
    pad_packed_sequence,
    pad_sequence,
    unpack_sequence,
    unpad_sequence,
)
from hello_dl.ops import recurrent

KINDS = "RNN", "GRU", "LSTM"
each_device = pytest.mark.parametrize("device", DEVICES)
each_kind = pytest.mark.parametrize("kind", KINDS)


def leaf(x, device="cpu"):
    return Tensor(on_device(x, device), requires_grad=True)


def both(kind, device, *sizes, **options):
    """Our layer and PyTorch's with the same weights, in float64."""
    torch = import_torch()
    ours = getattr(nn, kind)(*sizes, dtype="float64", **options).to(device)
    theirs = getattr(torch.nn, kind)(*sizes, dtype=torch.float64, **options)
    state = {name: torch.tensor(plain(x)) for name, x in ours.state_dict().items()}
    theirs.load_state_dict(state)  # strict: the names are the same
    return ours, theirs


def listed(state):
    return state if isinstance(state, tuple) else (state,)


LAYOUTS = ["batch", "alone", "packed", "unsorted"]


@each_device
@each_kind
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("layers, bidirectional", [(1, False), (2, False), (2, True)])
def test_values_and_gradients_are_those_of_pytorch(kind, layout, layers, bidirectional, device):
    torch, rng = import_torch(), np.random.default_rng(0)
    for batch_first, bias in itertools.product((False, True), repeat=2):
        options = {"num_layers": layers, "bidirectional": bidirectional, "bias": bias}
        ours, theirs = both(kind, device, 3, 5, batch_first=batch_first, **options)
        alone = layout == "alone"
        x = rng.normal(size=(6, 3) if alone else (4, 6, 3) if batch_first else (6, 4, 3))
        shape = (layers * (1 + bidirectional), *(() if alone else (4,)), 5)
        begin = [rng.normal(size=shape) for _ in range(2 if kind == "LSTM" else 1)]
        mine = [leaf(a, device) for a in (x, *begin)]
        other = [torch.tensor(a, requires_grad=True) for a in (x, *begin)]
        given, given_torch = mine[0], other[0]
        if "pack" in layout or layout == "unsorted":
            lengths = [6, 4, 4, 2] if layout == "packed" else [2, 6, 1, 5]
            how = {"batch_first": batch_first, "enforce_sorted": layout == "packed"}
            given = pack_padded_sequence(given, lengths, **how)
            given_torch = torch.nn.utils.rnn.pack_padded_sequence(given_torch, lengths, **how)
        hx = [tuple(s[1:]) if kind == "LSTM" else s[1] for s in (mine, other)]
        y, last = ours(given, hx[0])
        y_torch, last_torch = theirs(given_torch, hx[1])
        if isinstance(y, PackedSequence):
            assert y.batch_sizes.tolist() == y_torch.batch_sizes.tolist()
            y, y_torch = y.data, y_torch.data
        loss, loss_torch = 0, 0
        for a, b in zip((y, *listed(last)), (y_torch, *listed(last_torch)), strict=True):
            assert_close(a, b.detach().numpy())
            upstream = rng.normal(size=a.shape)
            loss = loss + (a * Tensor(on_device(upstream, device))).sum()
            loss_torch = loss_torch + (b * torch.tensor(upstream)).sum()
        loss.backward()
        loss_torch.backward()
        named = zip(ours.named_parameters(), theirs.named_parameters(), strict=True)
        for (name, a), (name_torch, b) in named:
            assert name == name_torch
            assert_close(a.grad, b.grad.numpy(), what=name)
        for a, b in zip(mine, other, strict=True):
            assert_close(a.grad, b.grad.numpy())


@each_device
def test_rnn_with_relu_is_that_of_pytorch(device):
    torch = import_torch()
    ours, theirs = both("RNN", device, 3, 5, nonlinearity="relu")
    x = np.random.default_rng(0).normal(size=(4, 2, 3))
    assert_close(ours(leaf(x, device))[0], theirs(torch.tensor(x))[0].detach().numpy())


@each_device
@pytest.mark.parametrize("kind", ["RNNCell", "GRUCell", "LSTMCell"])
@pytest.mark.parametrize("shape", [(4, 3), (3,)])
@pytest.mark.parametrize("bias", [True, False])
def test_cells_are_those_of_pytorch(kind, shape, bias, device):
    torch, rng = import_torch(), np.random.default_rng(0)
    ours, theirs = both(kind, device, 3, 5, bias=bias)
    x, state = rng.normal(size=shape), rng.normal(size=(*shape[:-1], 5))
    for begin in (None, state):
        hx = begin if begin is None else leaf(begin, device)
        hx_torch = begin if begin is None else torch.tensor(begin)
        if kind == "LSTMCell" and begin is not None:
            hx, hx_torch = (hx, hx), (hx_torch, hx_torch)
        a, b = ours(leaf(x, device), hx), theirs(torch.tensor(x), hx_torch)
        for one, other in zip(listed(a), listed(b), strict=True):
            assert_close(one, other.detach().numpy())


@each_device
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("layers, bidirectional", [(1, False), (2, True)])
def test_projected_states_are_those_of_pytorch(layout, layers, bidirectional, device):
    torch, rng = import_torch(), np.random.default_rng(0)
    options = {"num_layers": layers, "bidirectional": bidirectional, "proj_size": 2}
    ours, theirs = both("LSTM", device, 3, 5, **options)
    n = () if layout == "alone" else (4,)
    x = rng.normal(size=(6, *n, 3))
    begin = [rng.normal(size=(layers * (1 + bidirectional), *n, width)) for width in (2, 5)]
    mine = [leaf(a, device) for a in (x, *begin)]
    other = [torch.tensor(a, requires_grad=True) for a in (x, *begin)]
    given, given_torch = mine[0], other[0]
    if layout in ("packed", "unsorted"):
        lengths = [6, 4, 4, 2] if layout == "packed" else [2, 6, 1, 5]
        how = {"enforce_sorted": layout == "packed"}
        given = pack_padded_sequence(given, lengths, **how)
        given_torch = torch.nn.utils.rnn.pack_padded_sequence(given_torch, lengths, **how)
    y, last = ours(given, tuple(mine[1:]))
    y_torch, last_torch = theirs(given_torch, tuple(other[1:]))
    if n and layout != "batch":
        y, y_torch = y.data, y_torch.data
    for a, b in zip((y, *last), (y_torch, *last_torch), strict=True):
        assert_close(a, b.detach().numpy())
    ((y * y).sum() + (last[0] * last[1][..., :2]).sum()).backward()
    ((y_torch * y_torch).sum() + (last_torch[0] * last_torch[1][..., :2]).sum()).backward()
    named = zip(ours.named_parameters(), theirs.named_parameters(), strict=True)
    for (name, a), (name_torch, b) in named:
        assert name == name_torch
        assert_close(a.grad, b.grad.numpy(), what=name)
    for a, b in zip(mine, other, strict=True):
        assert_close(a.grad, b.grad.numpy())
    assert repr(ours) == repr(theirs)
    nothing = leaf(np.ones((6, 0, 3)), device)
    assert ours(nothing)[0].shape == (6, 0, 2 * (1 + bidirectional))


@each_device
@each_kind
def test_a_batch_of_no_sequences(kind, device):
    layer = getattr(nn, kind)(3, 5, 2, bidirectional=True).to(device)
    y, last = layer(leaf(np.ones((4, 0, 3), np.float32), device))
    assert y.shape == (4, 0, 10) and all(x.shape == (4, 0, 5) for x in listed(last))
    y.sum().backward()


@pytest.mark.parametrize("kind, option", [("LSTM", "bidirectional"), ("GRU", "batch_first")])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_weights_go_both_ways_through_safetensors(kind, option, dtype, tmp_path):
    """Exactly: what is saved as float64 comes back as float64."""
    torch = import_torch()
    import safetensors.numpy
    import safetensors.torch

    kinds = (getattr(library, kind) for library in (nn, torch.nn))
    ours, theirs = (kind(3, 5, 2, **{option: True}) for kind in kinds)
    ours, theirs = ours.to(dtype), theirs.to(getattr(torch, dtype))
    safetensors.torch.save_file(theirs.state_dict(), tmp_path / "theirs")
    ours.load_state_dict(safetensors.numpy.load_file(tmp_path / "theirs"))
    same_weights(ours, theirs)
    ours.reset_parameters()
    ours.load_state_dict(theirs.state_dict())  # and without a file
    same_weights(ours, theirs)
    ours.reset_parameters()
    safetensors.numpy.save_file(ours.state_dict(), tmp_path / "ours")
    theirs.load_state_dict(safetensors.torch.load_file(tmp_path / "ours"))
    same_weights(ours, theirs)
    x = np.random.default_rng(0).normal(size=(4, 2, 3)).astype(dtype)
    assert_close(ours(leaf(x))[0], theirs(torch.tensor(x))[0].detach().numpy(), 1e-5, 1e-6)


def same_weights(ours, theirs):
    named = zip(ours.named_parameters(), theirs.named_parameters(), strict=True)
    for (name, a), (name_torch, b) in named:
        assert name == name_torch
        np.testing.assert_array_equal(a.data, b.detach().numpy())


@each_device
@each_kind
def test_a_layer_is_its_cell_step_by_step(kind, device):
    layer = getattr(nn, kind)(3, 5, dtype="float64").to(device)
    cell = getattr(nn, kind + "Cell")(3, 5, dtype="float64").to(device)
    cell.load_state_dict({name.removesuffix("_l0"): x for name, x in layer.state_dict().items()})
    x = leaf(np.random.default_rng(0).normal(size=(6, 2, 3)), device)
    state, seen = None, []
    for step in x:
        state = cell(step, state)
        seen.append(plain(listed(state)[0]))
    y, last = layer(x)
    assert_close(y, np.stack(seen))
    for a, b in zip(listed(last), listed(state)):
        assert_close(a[0], plain(b))


@each_kind
def test_padding_changes_nothing(kind):
    """A packed batch gives each sequence what it gets alone, and its gradient stops there."""
    manual_seed(0)
    layer = getattr(nn, kind)(3, 5, bidirectional=True, num_layers=2, dtype="float64")
    rng, lengths = np.random.default_rng(0), [3, 1, 4]
    x = leaf(rng.normal(size=(4, 3, 3)))
    packed = pack_padded_sequence(x, lengths, enforce_sorted=False)
    y, last = layer(packed)
    y, back = pad_packed_sequence(y)
    assert back.tolist() == lengths
    for i, length in enumerate(lengths):
        alone, end = layer(Tensor(x.data[:length, i]))
        assert_close(y.data[:length, i], alone.data)
        assert not y.data[length:, i].any()
        for a, b in zip(listed(last), listed(end)):
            assert_close(a[:, i], b)
    y.sum().backward()
    for i, length in enumerate(lengths):
        assert x.grad[:length, i].all() and not x.grad[length:, i].any()


def test_truncation_ends_the_gradient():
    """With the state detached, what was read before gets no gradient; without, it does."""
    layer = nn.GRU(3, 5, dtype="float64")
    first, second = (leaf(np.ones((4, 1, 3))) for _ in range(2))
    _, state = layer(first)
    layer(second, state.detach())[0].sum().backward()
    assert first.grad is None and second.grad.any()
    _, state = layer(first)
    layer(second, state)[0].sum().backward()
    assert first.grad.any()


def test_dropout_is_between_layers_and_for_training_only():
    manual_seed(0)
    layer = nn.GRU(3, 50, num_layers=2, dropout=0.5)
    x = Tensor(np.ones((2, 1, 3), np.float32))
    once, again = (layer(x)[1].data for _ in range(2))
    assert (once[0] == again[0]).all(), "the first layer reads the input whole"
    assert (once[1] != again[1]).any()
    layer.eval()
    assert (layer(x)[0].data == layer(x)[0].data).all()
    with pytest.warns(UserWarning, match="there is one"):
        nn.GRU(3, 5, dropout=0.5)


def test_what_is_computed_for_all_steps_at_once(monkeypatch):
    """One product for what the inputs say, and one for each step of the walk."""
    calls, product = [], recurrent.matmul
    monkeypatch.setattr(recurrent, "matmul", lambda *a, **o: calls.append(1) or product(*a, **o))
    y, _ = nn.GRU(3, 5)(Tensor(np.ones((7, 2, 3), np.float32), requires_grad=True))
    assert len(calls) == 7
    calls.clear()
    y.sum().backward()
    assert len(calls) == 7 + 1, "one for each step back, and one for the weight"


def test_padding_and_packing_are_those_of_pytorch():
    torch, rng = import_torch(), np.random.default_rng(0)
    rows = [rng.normal(size=(n, 2)) for n in (2, 4, 1)]
    ours, theirs = [leaf(x) for x in rows], [torch.tensor(x) for x in rows]
    rnn = torch.nn.utils.rnn
    for options in ({}, {"batch_first": True, "padding_value": 7.0}, {"padding_side": "left"}):
        assert_close(pad_sequence(ours, **options), rnn.pad_sequence(theirs, **options).numpy())
    a = pack_sequence(ours, enforce_sorted=False)
    b = rnn.pack_sequence(theirs, enforce_sorted=False)
    assert_close(a.data, b.data.numpy())
    assert a.batch_sizes.tolist() == b.batch_sizes.tolist() and a.batch_sizes.dtype == "int64"
    assert a.sorted_indices.tolist() == b.sorted_indices.tolist()
    assert a.unsorted_indices.tolist() == b.unsorted_indices.tolist()
    for options in ({}, {"batch_first": True}, {"total_length": 6, "padding_value": -1.0}):
        (x, n), (x_torch, n_torch) = (
            pad_packed_sequence(a, **options),
            rnn.pad_packed_sequence(b, **options),
        )
        assert_close(x, x_torch.numpy())
        assert n.tolist() == n_torch.tolist()
    for batch_first in (False, True):
        padded = pad_sequence(ours, batch_first)
        for given in ([2, 4, 1], Tensor([2, 4, 1])):
            for one, row in zip(unpad_sequence(padded, given, batch_first), rows, strict=True):
                assert_close(one, row)
    for one, row in zip(unpack_sequence(a), rows, strict=True):
        assert_close(one, row)
    assert invert_permutation(Tensor([2, 0, 1])).tolist() == [1, 2, 0]
    assert invert_permutation(None) is None
    assert a.to("float32").data.dtype == "float32" and not a.cpu().is_cuda
    unpack_sequence(a)[1].sum().backward()
    assert [x.grad is not None and bool(x.grad.any()) for x in ours] == [False, True, False]


@pytest.mark.parametrize(
    "call, says",
    [
        (
            lambda: nn.GRU(3, 5)(Tensor(np.ones((2, 1, 4)))),
            "4 features arrive, and input_size is 3",
        ),
        (lambda: nn.GRU(3, 5)(Tensor(np.ones(3))), r"\(steps, n, 3\)"),
        (
            lambda: nn.GRU(3, 5)(Tensor(np.ones((2, 1, 3))), Tensor(np.ones((1, 2, 5)))),
            r"\(1, 1, 5\) here, not \(1, 2, 5\)",
        ),
        (
            lambda: nn.LSTM(3, 5)(Tensor(np.ones((2, 1, 3))), (Tensor(np.ones((1, 1, 5))),)),
            "2 blocks",
        ),
        (
            lambda: nn.GRU(3, 5)(Tensor(np.ones((2, 3))), Tensor(np.ones((1, 1, 5)))),
            r"\(1, 5\) here, not \(1, 1, 5\)",
        ),
        (lambda: nn.GRU(3, 5)(Tensor(np.ones((0, 1, 3)))), "one step at least"),
        (
            lambda: nn.GRUCell(3, 5)(Tensor(np.ones((2, 3))), Tensor(np.ones((1, 10)))),
            r"\(2, 5\) here, not \(1, 10\)",
        ),
        (
            lambda: nn.LSTMCell(3, 5)(Tensor(np.ones(3)), (Tensor(np.ones((1, 5))),) * 2),
            r"\(5,\) here, not \(1, 5\)",
        ),
        (lambda: nn.GRU(3, 0), "hidden_size must be 1 or more"),
        (lambda: nn.LSTM(3, 5, proj_size=5), "proj_size=5 is not below hidden_size=5"),
        (lambda: nn.GRU(0, 3), "input_size must be 1 or more"),
        (lambda: nn.LSTMCell(3, -1), "hidden_size must be 1 or more"),
        (lambda: nn.GRU(3, 5, num_layers=2, dropout=2), "dropout is a probability"),
        (lambda: nn.RNN(3, 5, nonlinearity="sine"), "'tanh' or 'relu', not 'sine'"),
        (lambda: pack_padded_sequence(Tensor(np.ones((3, 2, 1))), [1, 3]), "enforce_sorted=False"),
        (
            lambda: pack_padded_sequence(Tensor(np.ones((3, 2, 1))), [3, 0]),
            "length 0 is not between",
        ),
        (
            lambda: pack_padded_sequence(Tensor(np.ones((3, 2, 1))), [4, 1]),
            "length 4 is not between",
        ),
        (lambda: pack_padded_sequence(Tensor(np.ones((3, 2, 1))), [3]), "2 whole numbers"),
        (lambda: pack_padded_sequence(Tensor(np.ones((3, 0, 1))), []), "steps and sequences"),
        (lambda: pad_sequence([]), "one sequence at least"),
        (lambda: unpad_sequence(Tensor(np.ones((3, 2))), [1]), "2 sequences were padded"),
    ],
)
def test_bad_input_is_one_clear_line(call, says):
    with pytest.raises(ValueError, match=says) as error:
        call()
    assert "\n" not in str(error.value)
