"""The composer of test pages: the same seed gives the same page, and the truth fits the picture."""

from __future__ import annotations

import numpy as np
import pytest

from hello_dl.data.strokes import DIGITS, LETTERS
from hello_dl.read import paper
from hello_dl.read.pages import (
    KINDS,
    TILT,
    compose_page,
    draw_mnist,
    finer,
    tilted,
    tilted_box,
)


@pytest.mark.parametrize("kind", KINDS)
def test_a_seed_gives_the_same_page_and_another_seed_another(kind):
    page, truth = compose_page(3, kind, lines=2, per_line=6)
    again, same = compose_page(3, kind, lines=2, per_line=6)
    assert truth == same and np.array_equal(np.asarray(page), np.asarray(again))
    assert compose_page(4, kind, lines=2, per_line=6)[1].lines != truth.lines


def test_lines_and_counts_are_as_asked_for():
    _, truth = compose_page(1, lines=4, per_line=9)
    assert [len(line.replace(" ", "")) for line in truth.lines] == [9] * 4
    _, truth = compose_page(2, characters="ab", per_line=(5, 7))
    assert 3 <= len(truth.lines) <= 8
    assert all(5 <= len(line.replace(" ", "")) <= 7 for line in truth.lines)
    assert set("".join(truth.lines)) <= set("ab ")
    assert [len(row) for row in truth.boxes] == [len(x.replace(" ", "")) for x in truth.lines]
    assert compose_page(1, lines=1, per_line=1, height=20)[0].height < 150


@pytest.mark.parametrize("alphabet", [DIGITS, LETTERS])
@pytest.mark.parametrize("kind", KINDS)
def test_every_box_has_ink_in_it_and_the_gaps_between_have_none(kind, alphabet):
    page, truth = compose_page(5, kind, alphabet, lines=3, per_line=8)
    gray = np.asarray(page.convert("L"), np.float32)
    gray = 255 - gray if kind == "board" else gray
    assert abs(truth.tilt) <= TILT[kind]
    for row in truth.boxes:
        for left, top, right, bottom in row:
            assert 0 <= left < right <= page.width and 0 <= top < bottom <= page.height
            there = gray[int(top) : int(bottom) + 1, int(left) : int(right) + 1]
            assert there.min() < 0.75 * np.median(gray[int(top) - 5 : int(bottom) + 5])


def test_hard_pages_have_all_that_makes_them_hard():
    tilts, ruled = [], 0
    for seed in range(12):
        page, truth = compose_page(seed, "hard", lines=2, per_line=5)
        tilts.append(truth.tilt)
        random = np.random.default_rng(seed)
        ruled += paper.ruled((100, 100), 20, truth.tilt, paper.HARD, random)[0].any()
    assert max(tilts) > 4 and min(tilts) < -4
    assert 6 <= ruled <= 12


def test_a_box_turns_with_its_page():
    page = np.zeros((100, 300), np.float32)
    page[20:40, 200:230] = 1
    turned = tilted(page, 7)
    left, top, right, bottom = tilted_box((200, 20, 230, 40), 7, page.shape, turned.shape)
    rows, columns = np.nonzero(turned > 0.5)
    found = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    np.testing.assert_allclose((left, top, right, bottom), found, atol=1.6)
    assert turned.shape[0] > 100  # nothing is cut off
    assert turned.sum() == pytest.approx(600, rel=0.02)


def test_an_unknown_kind_lists_the_kinds():
    with pytest.raises(ValueError, match="clean, hard, board"):
        compose_page(1, "dirty")


def test_no_digit_loses_its_ink_by_a_thin_pen_faint_writing_or_the_fields_edge():
    image = np.zeros((28, 28), np.uint8)
    image[0:20, 10:12] = 90  # faint, and at the edge of its field
    for pen in (0.06, 0.1, 0.19):
        ink = draw_mnist(image, pen, 40.0).ink
        assert ink.max() > 0.9 and np.flatnonzero((ink > 0.5).any(1)).size > 30


def test_finer_segments_go_the_same_way_in_twice_as_many_steps():
    segments = np.random.default_rng(0).random((2, 5, 2, 2), np.float32)
    halves = finer(segments)
    assert halves.shape == (2, 10, 2, 2)
    np.testing.assert_array_equal(halves[:, 0::2, 0], segments[:, :, 0])
    np.testing.assert_array_equal(halves[:, 1::2, 1], segments[:, :, 1])
    np.testing.assert_allclose(halves[:, 0::2, 1], segments.mean(2), rtol=1e-6)
    np.testing.assert_array_equal(halves[:, 0::2, 1], halves[:, 1::2, 0])
