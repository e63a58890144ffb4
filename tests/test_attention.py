"""Attention against PyTorch's: masks, heads that are shared, dropout, memory, causality."""

import tracemalloc
from inspect import signature

import numpy as np
import pytest
from helpers import DEVICES, assert_close, import_torch, on_device, plain

from hello_dl import Tensor, manual_seed, nn, no_grad
from hello_dl import functional as F
from hello_dl.ops import attention
from hello_dl.ops.rotary import rotate_pairs_composed

each_device = pytest.mark.parametrize("device", DEVICES)
rng = np.random.default_rng(7)


def leaf(x, device="cpu"):
    return Tensor(on_device(x, device), requires_grad=True)


BOOLS = rng.random((2, 1, 7, 6)) < 0.6
CASES = {
    "causal": ((2, 3, 7, 4), (2, 3, 7, 4), (2, 3, 7, 5), {"is_causal": True}, None),
    "one": ((7, 4), (9, 4), (9, 4), {}, None),
    "shared heads": ((2, 6, 7, 4), (2, 2, 5, 4), (2, 2, 5, 4), {"enable_gqa": True}, None),
    "causal and long": ((1, 2, 130, 4), (1, 2, 140, 4), (1, 2, 140, 3), {"is_causal": True}, None),
    "added": ((2, 3, 7, 4), (2, 3, 6, 4), (2, 3, 6, 5), {}, rng.normal(size=(7, 6))),
    "row": (
        (2, 3, 7, 4),
        (2, 3, 6, 4),
        (2, 3, 6, 5),
        {"scale": 0.3},
        rng.normal(size=(2, 1, 1, 6)),
    ),
    "bools": ((2, 3, 7, 4), (2, 3, 6, 4), (2, 3, 6, 5), {}, BOOLS),
    "broadcast": ((2, 1, 7, 4), (1, 3, 6, 4), (2, 3, 6, 4), {}, None),
}


@each_device
@pytest.mark.parametrize("limit", [2**18, 50])
@pytest.mark.parametrize("name", CASES)
def test_attention_is_that_of_pytorch(name, limit, device, monkeypatch):
    """Whole, and in blocks that are small enough to cut it everywhere."""
    torch = import_torch()
    monkeypatch.setitem(attention.BLOCK, device, limit)
    *shapes, options, mask = CASES[name]
    blocks = [rng.normal(size=shape) for shape in shapes]
    ours, theirs = (
        [leaf(x, device) for x in blocks],
        [torch.tensor(x, requires_grad=True) for x in blocks],
    )
    given = None if mask is None else Tensor(on_device(mask, device))
    given_torch = None if mask is None else torch.tensor(mask)
    y = F.scaled_dot_product_attention(*ours, given, **options)
    y_torch = torch.nn.functional.scaled_dot_product_attention(*theirs, given_torch, **options)
    assert_close(y, y_torch.detach().numpy())
    upstream = rng.normal(size=y.shape)
    y.backward(on_device(upstream, device))
    y_torch.backward(torch.tensor(upstream))
    for a, b in zip(ours, theirs, strict=True):
        assert_close(a.grad, b.grad.numpy())


@each_device
def test_a_mask_can_be_learned(device):
    torch = import_torch()
    blocks = [rng.normal(size=(2, 3, 4)) for _ in range(3)] + [rng.normal(size=(3, 3))]
    ours = [leaf(x, device) for x in blocks]
    theirs = [torch.tensor(x, requires_grad=True) for x in blocks]
    F.scaled_dot_product_attention(*ours).sum().backward()
    torch.nn.functional.scaled_dot_product_attention(*theirs).sum().backward()
    for a, b in zip(ours, theirs, strict=True):
        assert_close(a.grad, b.grad.numpy())


@each_device
@pytest.mark.parametrize("limit", [2**18, 50])
def test_dropout_is_the_same_on_the_way_back(limit, device, monkeypatch):
    """The gradient of value is the transposed map: it shows which shares were left out."""
    monkeypatch.setitem(attention.BLOCK, device, limit)
    manual_seed(3)
    q, k = (leaf(rng.normal(size=(1, 9, 4)), device) for _ in range(2))
    v = leaf(np.eye(9)[None], device)  # the result is the matrix of shares itself
    y = F.scaled_dot_product_attention(q, k, v, dropout_p=0.5)
    left_out = (plain(y) == 0).mean()
    assert 0.3 < left_out < 0.7
    upstream = rng.normal(size=y.shape)
    y.backward(on_device(upstream, device))
    assert_close(v.grad, plain(y).swapaxes(1, 2) @ upstream)
    whole = plain(F.scaled_dot_product_attention(q, k, v))
    kept = plain(y) != 0
    assert_close(plain(y)[kept], 2 * whole[kept])
    # and for query and key: with the same choices the gradient is that of nudging
    direction, step = rng.normal(size=(1, 9, 4)), 1e-6

    def loss_at(far):
        manual_seed(3)
        moved = Tensor(on_device(plain(q) + far * direction, device))
        return (plain(F.scaled_dot_product_attention(moved, k, v, dropout_p=0.5)) * upstream).sum()

    slope = (loss_at(step) - loss_at(-step)) / (2 * step)
    assert abs(slope - (plain(q.grad) * direction).sum()) < 1e-6


def test_the_matrix_of_scores_is_not_kept():
    tokens = 2048
    q, k, v = (leaf(rng.normal(size=(1, tokens, 8)).astype(np.float32)) for _ in range(3))
    F.scaled_dot_product_attention(q, k, v, is_causal=True)  # what is imported then is not counted
    tracemalloc.start()
    y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    kept, peak = tracemalloc.get_traced_memory()
    y.sum().backward()
    peak = max(peak, tracemalloc.get_traced_memory()[1])
    tracemalloc.stop()
    scores = tokens * tokens * 4
    assert kept < scores / 20 and peak < scores / 2


@each_device
def test_a_later_token_changes_nothing_before_it(device):
    """Not by a bit, be it as large as it may."""
    layer = nn.TransformerEncoderLayer(16, 4, 32, 0.0, "gelu", batch_first=True).to(device)
    x = rng.normal(size=(2, 300, 16)).astype(np.float32)
    other = x.copy()
    other[:, 150:] = 1e4 * rng.normal(size=other[:, 150:].shape)
    with no_grad():
        a, b = (plain(layer(Tensor(on_device(one, device)), is_causal=True)) for one in (x, other))
    assert (a[:, :150] == b[:, :150]).all() and (a[:, 150:] != b[:, 150:]).any()


MASKS = [None, "bool", "float", "causal", "heads"]


@each_device
@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("kdim, vdim", [(None, None), (6, 5)])
def test_multihead_attention_is_that_of_pytorch(mask, batch_first, kdim, vdim, device):
    torch = import_torch()
    options = {"kdim": kdim, "vdim": vdim, "batch_first": batch_first}
    ours = nn.MultiheadAttention(8, 2, dtype="float64", **options).to(device)
    theirs = torch.nn.MultiheadAttention(8, 2, dtype=torch.float64, **options)
    theirs.load_state_dict({k: torch.tensor(plain(x)) for k, x in ours.state_dict().items()})
    given = {
        "bool": rng.random((5, 7)) < 0.3,
        "float": rng.normal(size=(5, 7)),
        "causal": np.triu(np.ones((5, 7), bool), 1),
        "heads": rng.normal(size=(6, 5, 7)),
    }.get(mask)
    padding = np.zeros((3, 7), bool)
    padding[1:, -2:] = True
    shapes = [(3, 5, 8), (3, 7, kdim or 8), (3, 7, vdim or 8)]
    blocks = [rng.normal(size=s if batch_first else (s[1], s[0], s[2])) for s in shapes]
    for pads, weights, average in ((False, True, True), (True, False, True), (True, True, False)):
        pad = padding if pads else None
        pad_torch = np.where(padding, -np.inf, 0.0) if mask in ("float", "heads") else padding
        a = [leaf(x, device) for x in blocks]
        b = [torch.tensor(x, requires_grad=True) for x in blocks]
        y, shares = ours(
            *a,
            key_padding_mask=None if pad is None else Tensor(on_device(pad, device)),
            need_weights=weights,
            attn_mask=None if given is None else Tensor(on_device(given, device)),
            average_attn_weights=average,
        )
        y_torch, shares_torch = theirs(
            *b,
            key_padding_mask=torch.tensor(pad_torch) if pads else None,
            need_weights=weights,
            attn_mask=None if given is None else torch.tensor(given),
            average_attn_weights=average,
        )
        assert (shares is None) == (not weights)
        if weights:
            assert_close(shares, shares_torch.detach().numpy())
        assert_close(y, y_torch.detach().numpy())
        ours.zero_grad(), theirs.zero_grad()
        upstream = rng.normal(size=y.shape)
        y.backward(on_device(upstream, device))
        y_torch.backward(torch.tensor(upstream))
        pairs = [*zip(a, b), *zip(ours.parameters(), theirs.parameters())]
        for one, other in pairs:
            assert_close(one.grad, other.grad.numpy())


@each_device
@pytest.mark.parametrize("bias_kv, zeros", [(True, False), (False, True), (True, True)])
@pytest.mark.parametrize("alone", [False, True])
def test_tokens_that_everybody_may_look_at_are_those_of_pytorch(bias_kv, zeros, alone, device):
    torch = import_torch()
    extra = {"add_bias_kv": bias_kv, "add_zero_attn": zeros}
    ours = nn.MultiheadAttention(8, 2, dtype="float64", **extra).to(device)
    theirs = torch.nn.MultiheadAttention(8, 2, dtype=torch.float64, **extra)
    theirs.load_state_dict({k: torch.tensor(plain(x)) for k, x in ours.state_dict().items()})
    n = () if alone else (3,)
    blocks = [rng.normal(size=(size, *n, 8)) for size in (5, 7, 7)]
    see, pad = rng.random((5, 7)) < 0.3, rng.random((*n, 7)) < 0.3
    for masks in ({}, {"attn_mask": see}, {"attn_mask": see, "key_padding_mask": pad}):
        for weights in (True, False):
            a = [leaf(x, device) for x in blocks]
            b = [torch.tensor(x, requires_grad=True) for x in blocks]
            on = {name: Tensor(on_device(x, device)) for name, x in masks.items()}
            on_torch = {name: torch.tensor(x) for name, x in masks.items()}
            y, shares = ours(*a, need_weights=weights, **on)
            y_torch, shares_torch = theirs(*b, need_weights=weights, **on_torch)
            assert_close(y, y_torch.detach().numpy())
            if weights:
                assert_close(shares, shares_torch.detach().numpy())
            ours.zero_grad(), theirs.zero_grad()
            (y * y).sum().backward()
            (y_torch * y_torch).sum().backward()
            names = dict(theirs.named_parameters())
            for name, p in ours.named_parameters():
                assert_close(p.grad, names[name].grad.numpy(), what=name)
            for one, other in zip(a, b):
                assert_close(one.grad, other.grad.numpy())


@each_device
@pytest.mark.parametrize("weights", [False, True])
@pytest.mark.parametrize("extra", [{}, {"add_bias_kv": True, "add_zero_attn": True}])
def test_is_causal_holds_beside_padding_and_more_tokens(weights, extra, device):
    layer = nn.MultiheadAttention(8, 2, batch_first=True, dtype="float64", **extra).to(device)
    x = Tensor(on_device(rng.normal(size=(2, 5, 8)), device))
    future = Tensor(on_device(np.triu(np.ones((5, 5), bool), 1), device))
    padding = Tensor(on_device(np.array([[False] * 5, [False] * 3 + [True] * 2]), device))
    for pad in (None, padding):
        options = {"key_padding_mask": pad, "need_weights": weights}
        a, _ = layer(x, x, x, is_causal=True, **options)
        b, _ = layer(x, x, x, attn_mask=future, **options)
        assert_close(a, plain(b))


@each_device
@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_the_encoder_is_that_of_pytorch(norm_first, activation, device):
    torch = import_torch()
    sizes, options = (8, 2, 16, 0.0, activation), {"norm_first": norm_first, "batch_first": True}
    ours = nn.TransformerEncoder(
        nn.TransformerEncoderLayer(*sizes, **options, dtype="float64"),
        2,
        nn.LayerNorm(8, dtype="float64"),
        enable_nested_tensor=False,
    ).to(device)
    theirs = torch.nn.TransformerEncoder(
        torch.nn.TransformerEncoderLayer(*sizes, **options, dtype=torch.float64),
        2,
        torch.nn.LayerNorm(8, dtype=torch.float64),
        enable_nested_tensor=False,
    )
    theirs.load_state_dict({k: torch.tensor(plain(x)) for k, x in ours.state_dict().items()})
    x = rng.normal(size=(4, 5, 8))
    future = np.triu(np.ones((5, 5), bool), 1)
    expected = theirs(torch.tensor(x), torch.tensor(future)).detach().numpy()
    for masks in ({"is_causal": True}, {"mask": Tensor(on_device(future, device))}):
        assert_close(ours(Tensor(on_device(x, device)), **masks), expected)


@each_device
def test_rotary_products_know_distances_only(device):
    turn = nn.RotaryPositions(8, 64).to(device)
    q, k = (Tensor(on_device(rng.normal(size=(1, 8)), device)) for _ in range(2))
    products = [float((turn(q, i) * turn(k, i + 5)).sum().item()) for i in (0, 7, 50)]
    assert_close(np.array(products), np.full(3, products[0]), rtol=1e-5)
    assert abs((turn(q, 0) * turn(k, 6)).sum().item() - products[0]) > 1e-3
    x = Tensor(on_device(rng.normal(size=(2, 3, 8)), device))
    cos, sin = (Tensor(table.data[4:7]).to("float64") for table in (turn.cos, turn.sin))
    assert_close(turn(x, 4), rotate_pairs_composed(x, cos=cos, sin=sin))


@each_device
def test_sinusoidal_positions_are_those_of_the_paper(device):
    layer = nn.SinusoidalPositions(6, 20).to(device)
    y = plain(layer(Tensor(on_device(np.zeros((1, 4, 6), np.float32), device)), 3))[0]
    for p in range(4):
        for i in range(3):
            angle = (p + 3) / 10_000 ** (2 * i / 6)
            assert abs(y[p, 2 * i] - np.sin(angle)) < 1e-6
            assert abs(y[p, 2 * i + 1] - np.cos(angle)) < 1e-6
    assert not layer.state_dict(), "they are computed, so no file needs them"


@pytest.mark.parametrize("fast", ["0", "1"])
def test_a_later_key_that_is_no_number_changes_nothing_before_it(fast, monkeypatch):
    monkeypatch.setenv("HELLO_DL_FAST", fast)
    query, key, value = (rng.normal(size=(4, 128, 64)) for _ in range(3))
    before = F.scaled_dot_product_attention(*map(Tensor, (query, key, value)), is_causal=True)
    key[:, 100] = np.nan
    y = F.scaled_dot_product_attention(*map(Tensor, (query, key, value)), is_causal=True)
    assert np.array_equal(y.data[:, :100], before.data[:, :100])
    assert np.isnan(y.data[:, 100:]).all()


def test_a_mask_is_a_block():
    with pytest.raises(TypeError, match="attn_mask is a Tensor or an array, not a list"):
        attend((2, 3), (2, 3), (2, 3), attn_mask=[[True, True]] * 2)


@each_device
def test_nothing_to_compare_and_nothing_to_look_at(device):
    query, key, value = (
        Tensor(rng.normal(size=s), device=device) for s in ((2, 3, 0), (2, 5, 0), (2, 5, 4))
    )
    y = F.scaled_dot_product_attention(query, key, value)  # without features all are equal
    assert_close(y, np.broadcast_to(plain(value).mean(1, keepdims=True), (2, 3, 4)))
    layer = nn.MultiheadAttention(4, 2, device=device)
    query, nothing = Tensor(np.ones((3, 2, 4)), device=device), value[:, :0].transpose(0, 1)
    for need_weights in (True, False):
        y, shares = layer(query, nothing, nothing, need_weights=need_weights)
        assert_close(y, np.broadcast_to(plain(layer.out_proj.bias), (3, 2, 4)))
        assert shares is None or shares.shape == (2, 3, 0)


def test_arguments_stand_in_the_order_of_pytorch():
    torch = import_torch()
    for name in ("MultiheadAttention", "TransformerEncoderLayer", "TransformerEncoder"):
        ours, theirs = (getattr(library, name) for library in (nn, torch.nn))
        for method in ("__init__", "forward"):
            a, b = (signature(getattr(kind, method)).parameters for kind in (ours, theirs))
            assert list(a) == list(b), f"{name}.{method}"
            given = [name for name in a if name not in ("self", "activation", "device", "dtype")]
            assert all(a[name].default == b[name].default for name in given)


def look(*, query=(5, 3, 8), key=(7, 3, 8), value=(7, 3, 8), **masks):
    blocks = [Tensor(np.ones(shape)) for shape in (query, key, value)]
    masks = {name: Tensor(mask) for name, mask in masks.items()}
    return nn.MultiheadAttention(8, 2, dtype="float64")(*blocks, **masks)


def ones(dtype, *shape):
    return Tensor(np.ones(shape, dtype))


def attend(*shapes, **options):
    return F.scaled_dot_product_attention(*(Tensor(np.ones(s)) for s in shapes), **options)


@pytest.mark.parametrize(
    "call, says",
    [
        (lambda: attend((2, 3), (2, 4), (2, 4)), "equal features"),
        (lambda: attend((2, 3), (4, 3), (5, 3)), "equally many tokens"),
        (lambda: attend((2, 3), (2, 3), (2, 3), (2, 2), is_causal=True), "is_causal is a mask"),
        (lambda: attend((2, 3), (2, 3), (2, 3), dropout_p=2), "dropout_p is a probability"),
        (
            lambda: attend((3, 2, 3), (2, 2, 3), (2, 2, 3), enable_gqa=True),
            "3 heads of the query cannot share 2",
        ),
        (
            lambda: attend((3, 2, 3), (0, 2, 3), (0, 2, 3), enable_gqa=True),
            "3 heads of the query cannot share 0",
        ),
        (lambda: attend((2, 3), (4, 3), (4, 3), attn_mask=ones("int64", 2, 4)), "not of int64"),
        (
            lambda: attend((5, 2, 3), (5, 4, 3), (5, 4, 3), attn_mask=ones("bool", 4, 2)),
            r"attn_mask \(4, 2\) does not stretch to the scores \(5, 2, 4\)",
        ),
        (
            lambda: attend((5, 2, 3), (5, 4, 3), (5, 4, 3), attn_mask=ones("float32", 3, 2, 4)),
            r"attn_mask \(3, 2, 4\) does not stretch to the scores \(5, 2, 4\)",
        ),
        (
            lambda: attend((2, 3), (4, 3), (4, 3), attn_mask=ones("float32", 1, 2, 4)),
            r"attn_mask \(1, 2, 4\) does not stretch to the scores \(2, 4\)",
        ),
        (lambda: nn.MultiheadAttention(8, 3), "embed_dim 8 does not fall into 3 heads"),
        (lambda: nn.MultiheadAttention(0, 3), "embed_dim 0 does not fall into 3 heads"),
        (lambda: look(query=(5, 3, 6)), r"takes \(8, 8, 8\) features"),
        (lambda: look(query=(5, 8)), "has no n"),
        (lambda: look(value=(6, 3, 8)), "the same tokens"),
        (lambda: look(query=(5, 2, 8)), "axis 1 here, differs"),
        (lambda: look(key_padding_mask=np.ones((7, 3), bool)), r"\(3, 7\) here, not \(7, 3\)"),
        (lambda: look(key_padding_mask=np.ones((3, 7), int)), "not of int64"),
        (lambda: look(attn_mask=np.ones((7, 5), bool)), r"\(5, 7\) or \(6, 5, 7\) here"),
        (lambda: nn.TransformerEncoderLayer(8, 2, activation="sine"), "not 'sine'"),
        (lambda: nn.RotaryPositions(7), "features=7 is odd"),
        (lambda: nn.LearnedPositions(4, 8)(Tensor(np.ones((1, 9, 4)))), "max_length=8"),
        (lambda: nn.LearnedPositions(4, 8)(Tensor(np.ones((1, 2, 4))), -3), "to stand at -3"),
    ],
)
def test_bad_input_is_one_clear_line(call, says):
    with pytest.raises(ValueError, match=says) as error:
        call()
    assert "\n" not in str(error.value)
