"""The drawn data set: repeatable, placed like MNIST, readable, kept in a cache, quick."""

import gzip
import os
import time
from pathlib import Path

import numpy as np
import pytest

from hello_dl.data import strokes
from hello_dl.data.shapes import SHAPES, curve_weights, parse, shape_table
from hello_dl.data.strokes import CHARACTERS, DIGITS, LETTERS, draw_characters, load_strokes


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HELLO_DL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "strokes"


@pytest.fixture(scope="module")
def digits():
    return load_strokes(train=3000, test=1000, cache=False)


def nearest_mean(images, labels, others):
    """Read `others` by the nearest mean picture of a class: no learning beyond an average."""
    flat, other = images.reshape(len(images), -1) / 255.0, others.reshape(len(others), -1) / 255.0
    means = np.stack([flat[labels == c].mean(0) for c in range(labels.max() + 1)])
    return ((other[:, None] - means) ** 2).sum(-1).argmin(1)


def nearest_neighbor(images, labels, others):
    flat = images.reshape(len(images), -1).astype(np.float32) / 255
    other = others.reshape(len(others), -1).astype(np.float32) / 255
    return labels[((flat**2).sum(1) - 2 * other @ flat.T).argmin(1)]


# ---------------------------------------------------------------------------------- characters


def test_characters_are_digits_then_capitals_then_small_letters():
    assert DIGITS == "0123456789"
    assert LETTERS == "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    assert CHARACTERS == DIGITS + LETTERS


def test_every_character_has_several_shapes_and_digits_many():
    assert all(len(set(SHAPES[c])) >= 2 for c in LETTERS)
    assert all(len(set(SHAPES[c])) >= 7 for c in DIGITS)


def test_every_character_draws_something_of_its_own():
    mean = np.stack([draw_characters(c * 60, seed=1).mean(0) for c in CHARACTERS])
    assert (mean.sum((1, 2)) > 255 * 20).all()  # tens of inked pixels
    flat = mean.reshape(len(mean), -1)
    apart = np.sqrt(((flat[:, None] - flat) ** 2).mean(-1))
    # Blown up to the same box, C and c, I and l, O and 0 look alike; a picture drawn twice would
    # be 0 apart.
    assert apart[~np.eye(len(mean), dtype=bool)].min() > 1


def test_one_picture_per_character_in_order():
    pictures = draw_characters("07Az", seed=3)
    assert pictures.shape == (4, 28, 28) and pictures.dtype == np.uint8
    assert np.array_equal(pictures, draw_characters(["0", "7", "A", "z"], seed=3))
    assert draw_characters("").shape == (0, 28, 28)


@pytest.mark.parametrize("text", ["12?", ["1", "10"], [""], "é"])
def test_unknown_characters_are_named(text):
    bad = next(c for c in text if c not in list(CHARACTERS))
    with pytest.raises(ValueError, match="no strokes for") as error:
        draw_characters(text)
    assert repr(bad) in str(error.value)


def test_bigger_pictures_show_the_same_writing():
    small = draw_characters(DIGITS, seed=4) / 255.0
    large = draw_characters(DIGITS, seed=4, size=112) / 255.0
    assert large.shape == (10, 112, 112)
    shrunk = large.reshape(10, 28, 4, 28, 4).mean((2, 4))
    assert np.abs(shrunk - small).mean() < 0.02


# ---------------------------------------------------------------------------------- curves


def test_a_curve_passes_through_its_points_and_weighs_them_to_one():
    points = np.array([[0, 0], [1, 0.5], [0.5, 2], [0, 1]], np.float32)
    gaps = np.sqrt(np.linalg.norm(np.diff(points, axis=0), axis=1) + 1e-4)
    at = np.concatenate(([0], np.cumsum(gaps))) / gaps.sum()
    np.testing.assert_allclose(curve_weights(points, at), np.eye(4), atol=1e-6)
    weights = curve_weights(points, np.linspace(0, 1, 50))
    np.testing.assert_allclose(weights.sum(1), 1, atol=1e-9)


def test_a_closed_curve_has_no_corner_where_it_meets_itself():
    turns = np.linspace(0, 2 * np.pi, 9)
    points = np.stack((np.cos(turns), np.sin(turns)), axis=1).astype(np.float32)
    curve = curve_weights(points, np.array([0, 1e-3, 1 - 1e-3, 1])) @ points
    start, end = curve[1] - curve[0], curve[3] - curve[2]
    cosine = start @ end / np.linalg.norm(start) / np.linalg.norm(end)
    assert cosine > 0.9999


def test_notation_reads_points_corners_and_pen_lifts():
    first, second = parse("0,10 50,0! -20,100 / 1,2 3,4")
    np.testing.assert_allclose(first.points, [[0, 0.1], [0.5, 0], [-0.2, 1]], atol=1e-6)
    assert first.corners == [False, True, False] and len(second.points) == 2


def test_often_and_seldom_shapes_get_their_share():
    table = shape_table()
    for character in DIGITS:
        mine = table.tickets[table.first[character] :][: table.count[character]]
        shares = np.bincount(mine - mine[0])
        words = [text.rpartition(":")[0] for text in SHAPES[character]]
        assert shares.tolist() == [{"often": 6, "": 3, "seldom": 1}[word] for word in words]


def test_the_two_extremes_of_a_shape_must_match(monkeypatch):
    monkeypatch.setitem(SHAPES, "1", ["0,0 10,100 ~ 0,0 5,50 10,100"])
    with pytest.raises(ValueError, match="0,0 10,100 ~"):
        shape_table.__wrapped__()


# ---------------------------------------------------------------------------------- repeatable


def test_same_seed_same_pictures_whatever_the_batch():
    text = CHARACTERS * 3
    whole = draw_characters(text, seed=9)
    for batch in (1, 7, 64):
        assert np.array_equal(whole, draw_characters(text, seed=9, batch=batch))
    assert not np.array_equal(whole, draw_characters(text, seed=10))


def test_no_global_random_state_is_read_or_changed():
    np.random.seed(0)
    before = np.random.get_state()[1].copy()
    draw_characters(DIGITS, seed=1)
    assert np.array_equal(before, np.random.get_state()[1])


# ---------------------------------------------------------------------------------- like MNIST


def test_ink_is_gray_at_its_edge_and_full_inside(digits):
    images = digits[0]
    assert images.min() == 0
    assert (images.max((1, 2)) > 200).mean() > 0.95
    inked = images > 0
    assert 0.1 < inked.mean() < 0.3
    assert 0.3 < ((images > 0) & (images < 250)).sum() / inked.sum() < 0.8


def test_ink_fills_a_box_of_20_and_balances_on_pixel_14(digits):
    images = digits[0].astype(np.float64)
    pixels, mass = np.arange(28), images.sum((1, 2))
    across, down = images.sum(1) @ pixels / mass, images.sum(2) @ pixels / mass
    assert np.abs(across - 14).max() <= 0.51 and np.abs(down - 14).max() <= 0.51
    wide = (images > 127).any(1).sum(1)
    high = (images > 127).any(2).sum(1)
    longest = np.maximum(wide, high)
    assert longest.max() <= 22 and longest.mean() == pytest.approx(20, abs=0.6)


def test_writing_slants_to_the_right_now_more_now_less(digits):
    pixels = np.arange(28)
    ink = digits[0].astype(np.float64) / digits[0].sum((1, 2), keepdims=True)
    across = pixels - (ink.sum(1) @ pixels)[:, None, None]  # (n, 1, 28)
    down = (pixels - (ink.sum(2) @ pixels)[:, None, None]).swapaxes(1, 2)  # (n, 28, 1)
    slant = -(ink * across * down).sum((1, 2)) / (ink * down**2).sum((1, 2))
    zeros = slant[digits[1] == 0]  # they are symmetric, without a slant of their own
    assert 0.13 < zeros.mean() < 0.21  # 0.07 of hands that only turn
    assert 0.23 < zeros.std() < 0.33  # and 0.18


# ---------------------------------------------------------------------------------- the data set


def test_load_gives_balanced_shuffled_labels_and_bytes(digits):
    train_images, train_labels, test_images, test_labels = digits
    assert train_images.shape == (3000, 28, 28) and test_images.shape == (1000, 28, 28)
    assert train_images.dtype == test_images.dtype == np.uint8
    assert train_labels.dtype == test_labels.dtype == np.int64
    assert np.array_equal(np.bincount(train_labels), [300] * 10)
    assert np.array_equal(np.bincount(test_labels), [100] * 10)
    assert (np.diff(train_labels) != 0).mean() > 0.8


def test_train_and_test_are_different_draws():
    train_images, _, test_images, _ = load_strokes(100, 100, cache=False)
    assert not {image.tobytes() for image in train_images} & {i.tobytes() for i in test_images}


def test_counts_that_do_not_divide_stay_within_one_of_each_other():
    _, labels, _, few = load_strokes(205, 7, characters="abcABC", cache=False)
    assert np.ptp(np.bincount(labels)) <= 1 and len(set(few.tolist())) == 6


def test_a_half_may_be_empty():
    images, labels, _, _ = load_strokes(0, 10, cache=False)
    assert images.shape == (0, 28, 28) and labels.shape == (0,)


@pytest.mark.parametrize("wrong", [{"train": -1}, {"characters": ""}, {"characters": "11"}])
def test_impossible_requests_are_refused(wrong):
    with pytest.raises(ValueError, match="characters="):
        load_strokes(**{"train": 10, "test": 10, "cache": False} | wrong)


# ---------------------------------------------------------------------------------- the cache


def same(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_cache_returns_what_was_drawn(own_cache, monkeypatch):
    drawn = load_strokes(50, 20, seed=2)
    assert len(list(own_cache.glob("*.npz"))) == 1 and not list(own_cache.glob("*.part"))
    monkeypatch.setattr(strokes, "draw_characters", None)  # any drawing would fail now
    assert same(drawn, load_strokes(50, 20, seed=2))


def test_cache_tells_requests_apart(own_cache):
    requests = ({}, {"seed": 1}, {"train": 51}, {"test": 21}, {"characters": "ab"})
    found = [load_strokes(**{"train": 50, "test": 20} | request) for request in requests]
    assert len(list(own_cache.glob("*.npz"))) == len(requests)
    assert not np.array_equal(found[0][0], found[1][0])


def test_cache_is_off_on_request(own_cache):
    load_strokes(20, 10, cache=False)
    assert not own_cache.exists()


@pytest.mark.parametrize("damage", ["empty", "short", "flipped", "other", "text"])
def test_damaged_cache_is_drawn_again(own_cache, damage):
    drawn = load_strokes(50, 20)
    (path,) = own_cache.glob("*.npz")
    content = bytearray(path.read_bytes())
    if damage == "empty":
        content = bytearray()
    elif damage == "short":
        content = content[: len(content) // 2]
    elif damage == "flipped":
        content[len(content) // 3] ^= 255
    elif damage == "text":
        content = bytearray(b"not a zip file at all")
    path.write_bytes(content)
    if damage == "other":
        np.savez(path, np.zeros(3), np.zeros(3), np.zeros(3), np.zeros(3))
    assert same(drawn, load_strokes(50, 20))
    path_after = next(own_cache.glob("*.npz"))
    with np.load(path_after) as file:
        assert file["arr_0"].shape == (50, 28, 28)


def test_cache_folder_that_cannot_be_written_is_no_error(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("HELLO_DL_CACHE", str(tmp_path / "file"))
    assert len(load_strokes(20, 10)[0]) == 20


# ---------------------------------------------------------------------------------- worth


def test_a_thousand_digits_take_well_under_two_seconds():
    draw_characters(DIGITS)  # the shape table is worked out on first use
    times = []
    for _ in range(2):
        start = time.perf_counter()
        draw_characters(DIGITS * 120)
        times.append(time.perf_counter() - start)
    assert min(times) < 1.5  # 0.15 s on one quiet core


def test_digits_can_be_read_by_plain_means(digits):
    train_images, train_labels, test_images, test_labels = digits
    means = (nearest_mean(train_images, train_labels, test_images) == test_labels).mean()
    neighbor = (nearest_neighbor(train_images, train_labels, test_images) == test_labels).mean()
    # Variety is the point of this set: easy ones would be too much alike, hopeless ones unreadable.
    assert 0.60 < means < 0.85, means
    assert neighbor > 0.77, neighbor


def test_letters_can_be_read_by_plain_means():
    images, labels, others, truth = load_strokes(5200, 520, characters=LETTERS, cache=False)
    read = nearest_neighbor(images, labels, others)
    same_letter = [
        LETTERS[a].lower() == LETTERS[b].lower() for a, b in zip(read, truth, strict=True)
    ]
    assert np.mean(same_letter) > 0.60


def mnist_file(name):
    folder = Path(os.environ.get("HELLO_DL_DATA") or "nowhere")
    paths = (folder / inner / f"{name}.gz" for inner in ("", "mnist", "MNIST/raw"))
    return next((path for path in paths if path.is_file()), None)


@pytest.mark.skipif(
    mnist_file("t10k-images-idx3-ubyte") is None, reason="MNIST is not in HELLO_DL_DATA"
)
def test_real_digits_can_be_read_from_drawn_ones(digits):
    with gzip.open(mnist_file("t10k-images-idx3-ubyte")) as file:
        real = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 28, 28)[:2000]
    with gzip.open(mnist_file("t10k-labels-idx1-ubyte")) as file:
        truth = np.frombuffer(file.read(), np.uint8, offset=8)[:2000]
    read = (nearest_neighbor(digits[0], digits[1], real) == truth).mean()
    assert read > 0.79, read
