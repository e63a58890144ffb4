"""Every line on sequences in docs/differences-from-pytorch.md is true: one test for each."""

import warnings

import numpy as np
import pytest
from differences import holding, lines_of_the_page
from helpers import assert_close, import_torch

import hello_dl
from hello_dl import Tensor, nn
from hello_dl import functional as F
from hello_dl.nn.utils.rnn import pack_padded_sequence

HELD = {}  # the first cell of a line, and what holds it
LINES = sorted(lines_of_the_page(sequences=True))
line = holding(HELD)


def test_every_line_of_the_page_is_held_and_there_is_no_other():
    assert sorted(HELD) == LINES


@pytest.mark.parametrize("first_cell", LINES)
def test_a_line_of_the_page_is_true(first_cell):
    HELD[first_cell](import_torch())


@line("`pack_padded_sequence(x, lengths)`")
def lengths_that_fit(torch):
    x, there = hello_dl.ones(4, 2, 3), torch.ones(4, 2, 3)
    for lengths, rows in (([5, 1], 5), ([4], 4), ([4.0, 2.0], 6)):
        with pytest.raises(ValueError, match="length"):
            pack_padded_sequence(x, lengths, enforce_sorted=False)
        packed = torch.nn.utils.rnn.pack_padded_sequence(there, lengths, enforce_sorted=False)
        assert len(packed.data) == rows
    clamped = hello_dl.tensor([5, 1]).clamp(max=4)
    assert pack_padded_sequence(x, clamped).batch_sizes.tolist() == [2, 1, 1, 1]


@line("`PackedSequence`")
def packed_sequences_move(torch):
    packed = pack_padded_sequence(hello_dl.ones(4, 2, 3), [2, 4], enforce_sorted=False)
    assert packed.to("float64").data.dtype == "float64" and not packed.cpu().is_cuda
    assert packed.unsorted_indices.device == "cpu"
    assert not hasattr(packed, "double") and hasattr(torch.nn.utils.rnn.PackedSequence, "double")


@line("the state for a `PackedSequence`")
def state_of_as_many(torch):
    there = torch.nn.utils.rnn.pack_padded_sequence
    for library, pack, refuses in ((nn, pack_padded_sequence, True), (torch.nn, there, False)):
        whole = hello_dl if refuses else torch
        packed = pack(whole.ones(4, 2, 3), [2, 4], enforce_sorted=False)
        gru, state = library.GRU(3, 5), whole.zeros(1, 3, 5)
        if refuses:
            with pytest.raises(ValueError, match=r"\(1, 2, 5\) here, not \(1, 3, 5\)"):
                gru(packed, state)
        assert gru(packed, state[:, :2] if refuses else state)[1].shape == (1, 2, 5)


@line("`flatten_parameters()`")
def nothing_to_flatten(torch):
    assert nn.LSTM(3, 5).flatten_parameters() is None


@line("an input of another dtype than the weights")
def wider_dtypes(torch):
    x, there = hello_dl.ones(4, 2, 8), torch.ones(4, 2, 8)
    options = {"dtype": "float64"}, {"dtype": torch.float64}
    for kind in ("LSTM", "GRU"):
        assert getattr(nn, kind)(8, 8, **options[0])(x)[0].dtype == "float64"
        with pytest.raises((RuntimeError, ValueError)):
            getattr(torch.nn, kind)(8, 8, **options[1])(there)
    assert nn.MultiheadAttention(8, 2, **options[0])(x, x, x)[0].dtype == "float64"
    with pytest.raises(RuntimeError):
        torch.nn.MultiheadAttention(8, 2, **options[1])(there, there, there)


@line("`is_causal=True` of `MultiheadAttention` and the encoder")
def causal_without_a_mask(torch):
    x, there = hello_dl.rand(4, 2, 8), torch.rand(4, 2, 8)
    future = hello_dl.ones(4, 4).triu(1).bool()
    layer, encoder = nn.MultiheadAttention(8, 2), nn.TransformerEncoderLayer(8, 2, 16).eval()
    expected = layer(x, x, x, attn_mask=future)[0]
    for mask in (None, future):
        assert_close(layer(x, x, x, attn_mask=mask, is_causal=True)[0], expected, 1e-5, 1e-6)
    open_mask = hello_dl.zeros(4, 4)
    assert_close(
        layer(x, x, x, attn_mask=open_mask, is_causal=True)[0], layer(x, x, x)[0], 1e-5, 1e-6
    )
    assert_close(encoder(x, is_causal=True), encoder(x, future), 1e-5, 1e-6)
    for module in (torch.nn.MultiheadAttention(8, 2), torch.nn.TransformerEncoderLayer(8, 2)):
        inputs = (there,) * (3 if hasattr(module, "in_proj_weight") else 1)
        with pytest.raises(RuntimeError, match="Need attn_mask"):
            module(*inputs, is_causal=True)


@line("tokens that may look at nothing")
def looking_at_nothing(torch):
    ours, theirs = nn.MultiheadAttention(8, 2), torch.nn.MultiheadAttention(8, 2)
    x, there = hello_dl.rand(3, 2, 8), torch.rand(3, 2, 8)
    for weights in (True, False):
        options = {"need_weights": weights}
        y, shares = ours(x, x, x, hello_dl.ones(2, 3).bool(), **options)
        assert not y.any() and (shares is None or not shares.any())
        z, _ = theirs(there, there, there, torch.ones(2, 3).bool(), **options)
        assert z.isnan().any() == weights
    blind = hello_dl.zeros(3, 3).bool()
    assert not F.scaled_dot_product_attention(*[hello_dl.rand(3, 4)] * 3, blind).any()


@line("`attn_mask` of `MultiheadAttention`")
def mask_of_another_dtype(torch):
    x, there = hello_dl.rand(3, 2, 8), torch.rand(3, 2, 8)
    y, _ = nn.MultiheadAttention(8, 2)(x, x, x, attn_mask=hello_dl.zeros(3, 3, dtype="float64"))
    assert y.dtype == "float32"
    with pytest.raises(RuntimeError):
        mask = torch.zeros(3, 3, dtype=torch.float64)
        torch.nn.MultiheadAttention(8, 2)(there, there, there, attn_mask=mask)


@line("`attn_mask` of `scaled_dot_product_attention`")
def small_masks(torch):
    x, there = hello_dl.rand(1, 1, 3, 4), torch.rand(1, 1, 3, 4)
    row = [True, False, True]
    y = F.scaled_dot_product_attention(x, x, x, hello_dl.tensor(row))
    z = F.scaled_dot_product_attention(x, x, x, hello_dl.tensor([row] * 3))
    assert_close(y, z, 1e-6)
    with pytest.raises(IndexError):
        torch.nn.functional.scaled_dot_product_attention(there, there, there, torch.tensor(row))


@line("`TransformerEncoder(enable_nested_tensor=, mask_check=)`")
def padding_is_computed(torch):
    ours, theirs = (
        library.TransformerEncoder(
            library.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2, None, True, True
        ).eval()
        for library in (nn, torch.nn)
    )
    ours.load_state_dict(theirs.state_dict())
    x = np.random.default_rng(0).normal(size=(2, 4, 8)).astype("float32")
    padding = np.array([[False] * 4, [False] * 3 + [True]])
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch's own, on nested tensors
        there = theirs(torch.tensor(x), src_key_padding_mask=torch.tensor(padding)).numpy()
    y = ours(Tensor(x), src_key_padding_mask=Tensor(padding))
    assert not there[1, 3].any() and y[1, 3].any()
    assert_close(y.masked_fill(Tensor(padding)[..., None], 0), there, 1e-4, 1e-5)


@line("`SinusoidalPositions`, `LearnedPositions`, `RotaryPositions`")
def positions_are_here(torch):
    for name in ("SinusoidalPositions", "LearnedPositions", "RotaryPositions"):
        assert hasattr(nn, name) and not hasattr(torch.nn, name)


@line("`hello_dl.text`")
def text_is_here(torch):
    import hello_dl.text as text

    assert {"BPETokenizer", "open_tokens", "generate"} <= set(text.__all__)
    assert not hasattr(torch, "text")
