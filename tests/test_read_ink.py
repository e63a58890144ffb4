"""From a photo to blobs of ink: opening it, light, noise, tilt, printed lines, blobs."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from PIL import Image, ImageDraw

from hello_dl.read.blobs import Blobs, Runs, character_height, united
from hello_dl.read.ink import INKED, closed, find_ink
from hello_dl.read.pages import compose_page
from hello_dl.read.paper import CLEAN, HARD, photograph, ruled
from hello_dl.read.photo import SIDE, open_photo
from hello_dl.read.rules import sheared, without_rules
from hello_dl.read.tilt import find_tilt, straightened

# ---------------------------------------------------------------------------------- opening


@pytest.fixture
def arrow():
    """A picture that shows which side is up: dark above, a darker corner at the left."""
    picture = Image.new("RGB", (60, 40), (200, 210, 220))
    ImageDraw.Draw(picture).rectangle((0, 0, 15, 10), fill=(10, 20, 30))
    return picture


@pytest.mark.parametrize(("orientation", "turn"), [(3, 180), (6, 90), (8, 270)])
def test_a_photo_is_held_as_its_camera_says(tmp_path, arrow, orientation, turn):
    exif = Image.Exif()
    exif[274] = orientation
    arrow.rotate(turn, expand=True).save(tmp_path / "p.png", exif=exif)
    assert np.array_equal(np.asarray(open_photo(tmp_path / "p.png")), np.asarray(arrow))


def test_transparent_pictures_get_a_ground_on_which_their_ink_is_seen(tmp_path):
    ink = Image.new("L", (40, 40), 0)
    ImageDraw.Draw(ink).line((10, 5, 30, 35), fill=255, width=4)
    for color, ground in (((0, 0, 0), (255, 255, 255)), ((255, 255, 255), (0, 0, 0))):
        picture = Image.new("RGB", (40, 40), color)
        picture.putalpha(ink)
        picture.save(tmp_path / "p.png")
        opened = open_photo(tmp_path / "p.png")
        assert opened.mode == "RGB" and opened.getpixel((0, 0)) == ground
        assert opened.getpixel((20, 20)) == color


def test_gray_palette_and_deep_pictures_are_understood(tmp_path, arrow):
    gray = np.asarray(arrow.convert("L"))
    pictures = {
        "gray.png": arrow.convert("L"),
        "palette.gif": arrow.quantize(8),
        "cmyk.jpg": arrow.convert("CMYK"),
        "alpha.png": arrow.convert("LA"),
        "deep.png": Image.fromarray(gray.astype(np.uint16) * 256),
        "float.tiff": Image.fromarray(gray / np.float32(255)),
    }
    for name, picture in pictures.items():
        picture.save(tmp_path / name)
        opened = np.asarray(open_photo(tmp_path / name).convert("L"), np.float32)
        assert opened.shape == (40, 60) and opened[5, 5] + 100 < opened[30, 50], name


def test_a_large_photo_is_scaled_down(tmp_path):
    Image.new("RGB", (4000, 3000), "white").save(tmp_path / "p.jpg")
    assert open_photo(tmp_path / "p.jpg").size == (SIDE, SIDE * 3 // 4)
    Image.new("L", (9000, 60), "white").save(tmp_path / "strip.png")
    assert open_photo(tmp_path / "strip.png").size == (9000, 60), "it is no larger than a photo"


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.txt", b"just a text", "is no picture"),
        ("a.png", b"", "is empty"),
        ("a.heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100), "HEIC"),
        ("a.jpg", b"\xff\xd8\xff\xe0" + bytes(50), "a.jpg' "),
        ("a.png", b"\x89PNG\r\n\x1a\n" + bytes(30), "a.png' "),
    ],
)
def test_what_is_no_photo_is_one_clear_line(tmp_path, name, content, said):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=said) as caught:
        open_photo(tmp_path / name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("ending", ["png", "jpg", "gif", "tiff", "webp", "bmp"])
def test_a_truncated_photo_is_damaged(tmp_path, ending):
    page, _ = compose_page(1, lines=1, per_line=5)
    path = tmp_path / f"p.{ending}"
    page.save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    try:
        opened = open_photo(path)
    except ValueError as error:
        assert str(path) in str(error) and "\n" not in str(error)
    else:  # some formats are read as far as they go
        assert opened.size == page.size


def test_a_photo_that_is_far_too_large_is_refused_before_it_is_read(tmp_path):
    Image.new("1", (15_000, 12_500)).save(tmp_path / "p.png")
    with pytest.raises(ValueError, match="187,500,000 pixels: scale it down"):
        open_photo(tmp_path / "p.png")


def test_a_missing_file_and_a_folder_are_the_systems_errors(tmp_path):
    with pytest.raises(FileNotFoundError):
        open_photo(tmp_path / "none.png")
    with pytest.raises(OSError):
        open_photo(tmp_path)
    with pytest.raises(ValueError, match="no name"):
        open_photo("")


# -------------------------------------------------------------------------------------- ink


@pytest.mark.parametrize("kind", ["clean", "hard", "board"])
def test_ink_is_found_in_every_box_and_little_elsewhere(kind):
    page, truth = compose_page(9, kind, lines=3, per_line=8)
    ink = find_ink(page)
    assert ink.board == (kind == "board")
    inked = ink.amount > INKED
    outside = inked.copy()
    for left, top, right, bottom in itertools.chain.from_iterable(truth.boxes):
        box = slice(int(top), int(bottom) + 2), slice(int(left), int(right) + 2)
        assert inked[box].sum() > 20
        outside[box] = False
    assert outside.mean() < (0.02 if kind == "hard" else 0.001)  # hard pages have printed lines


@pytest.mark.parametrize("seed", range(8))
def test_blank_paper_has_no_ink(seed):
    random = np.random.default_rng(seed)
    shape = (int(random.integers(200, 700)), int(random.integers(200, 700)))
    blank = np.zeros(shape, np.float32)
    page = photograph(blank, blank, (0, 0, 0), HARD if seed % 2 else CLEAN, random)
    page_of_ink = without_rules(find_ink(page).amount)
    assert character_height(Blobs.of(page_of_ink > INKED)) < 8


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (2, 2), (500, 500)])
@pytest.mark.parametrize("color", ["black", "white", "gray"])
def test_a_picture_of_one_color_has_no_ink(size, color):
    assert find_ink(Image.new("RGB", size, color)).amount.max() == 0


@pytest.mark.parametrize("scale", [0.15, 1.0])
def test_dark_and_pale_photos_show_the_same_ink(scale):
    page, _ = compose_page(3, lines=2, per_line=6)
    ink = find_ink(page).amount > INKED
    pale = np.asarray(page, np.float32) * scale + 200 * (1 - scale)
    again = find_ink(Image.fromarray(np.rint(pale).astype(np.uint8))).amount > INKED
    assert (ink & again).sum() > 0.9 * (ink | again).sum()


def test_closing_keeps_what_is_larger_than_the_window():
    picture = np.full((40, 40), 9, np.uint8)
    picture[5:8, 5:30] = 1  # thinner than 5
    picture[20:30, 20:30] = 2  # not
    expected = np.where(picture == 1, 9, picture)
    np.testing.assert_array_equal(closed(picture, 5), expected)


# ------------------------------------------------------------------------- tilt and printed lines


@pytest.mark.parametrize("kind", ["clean", "hard"])
def test_tilt_is_found_within_half_a_degree(kind):
    for seed in range(5):
        page, truth = compose_page(seed, kind, lines=4, per_line=12)
        assert find_tilt(find_ink(page).amount) == pytest.approx(truth.tilt, abs=0.5), seed


def test_a_straightened_page_knows_its_way_back():
    photo = np.zeros((80, 200), np.float32)
    photo[30:34, 150:154] = 1
    page, turn = straightened(photo, 8)
    y, x = np.unravel_index(page.argmax(), page.shape)
    back = turn.to_photo(np.array(float(x)), np.array(float(y)))
    np.testing.assert_allclose(back, (151.5, 31.5), atol=2)


@pytest.mark.parametrize("squared", [False, True])
def test_printed_lines_go_and_strokes_across_them_stay(squared):
    page = np.zeros((300, 600), np.float32)
    for row in range(20, 300, 50):
        page[row : row + 3] = 0.6
    if squared:
        for column in range(20, 600, 50):
            page[:, column : column + 3] = 0.6
    lines = page.copy()
    picture = Image.fromarray(page)
    draw = ImageDraw.Draw(picture)
    for left in range(35, 550, 65):
        draw.line((left, 65, left + 20, 115), fill=1, width=6)
        draw.ellipse((left, 165, left + 30, 215), outline=1, width=6)
    page = np.array(picture)
    strokes = page == 1
    left = without_rules(page)
    assert (left[strokes] > INKED).mean() > 0.97
    assert (left[(lines > 0) & ~strokes] > 0).mean() < 0.1


def test_a_lone_upright_bar_is_a_1_and_no_printed_line():
    page = np.zeros((100, 60), np.float32)
    page[10:90, 27:33] = 1
    np.testing.assert_array_equal(without_rules(page), page)


def test_shearing_back_gives_the_same_page():
    page = np.random.default_rng(0).random((50, 80), np.float32)
    np.testing.assert_array_equal(sheared(sheared(page, 0.05), -0.05), page)


def test_ruled_paper_that_is_blank_has_nothing_on_it():
    for seed in range(4):
        random = np.random.default_rng(seed)
        blank = np.zeros((400, 500), np.float32)
        rules, color = ruled(blank.shape, 50.0, random.uniform(-8, 8), HARD, random)
        page = photograph(blank, rules, color, HARD, random)
        ink = find_ink(page).amount
        page_of_ink = without_rules(straightened(ink, find_tilt(ink))[0])
        assert (page_of_ink > INKED).mean() < 0.002


# ------------------------------------------------------------------------------------ blobs


def flooded(mask):
    """Labels by filling one blob after the other: the independent reference."""
    labels, count = np.zeros(mask.shape, int), 0
    for start in zip(*np.nonzero(mask)):
        if labels[start]:
            continue
        count += 1
        to_visit = [start]
        while to_visit:
            row, column = to_visit.pop()
            inside = 0 <= row < mask.shape[0] and 0 <= column < mask.shape[1]
            if inside and mask[row, column] and not labels[row, column]:
                labels[row, column] = count
                to_visit += [(row + i, column + j) for i in (-1, 0, 1) for j in (-1, 0, 1)]
    return labels, count


@pytest.mark.parametrize("density", [0.02, 0.3, 0.45, 0.7, 1.0])
@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (23, 31)])
def test_blobs_are_those_of_a_flood_fill(density, shape):
    mask = np.random.default_rng(7).random(shape) < density
    labels, count = flooded(mask)
    blobs = Blobs.of(mask)
    assert len(blobs) == count
    found = set()
    for i in range(count):
        own = blobs.runs_of(i).mask()
        label = labels[own][0]
        found.add(label)
        np.testing.assert_array_equal(own, labels == label)
        rows, columns = np.nonzero(own)
        box = blobs.top[i], blobs.bottom[i], blobs.left[i], blobs.right[i], blobs.area[i]
        assert box == (rows.min(), rows.max() + 1, columns.min(), columns.max() + 1, own.sum())
        at = int(blobs.top[i]), int(blobs.left[i])
        part = blobs.runs_of(i).mask(*at, (int(blobs.height[i]), int(blobs.width[i])))
        np.testing.assert_array_equal(part, own[at[0] : blobs.bottom[i], at[1] : blobs.right[i]])
    assert len(found) == count


def test_a_spiral_is_one_blob():
    mask = np.zeros((41, 41), bool)
    row = column = 20
    for step in range(1, 20):
        for _ in range(2):
            down, across = ((0, 1), (1, 0), (0, -1), (-1, 0))[(2 * step + _) % 4]
            for _ in range(2 * step):
                if 0 <= row < 41 and 0 <= column < 41:
                    mask[row, column] = True
                row, column = row + down, column + across
    assert len(Blobs.of(mask)) == flooded(mask)[1]


def test_runs_are_the_picture():
    mask = np.random.default_rng(1).random((30, 50)) < 0.5
    np.testing.assert_array_equal(Runs.of(mask).mask(), mask)


def test_sets_are_united_through_long_chains():
    links = np.random.default_rng(2).permutation(999)
    assert len(set(united(1000, links, links + 1))) == 1
    assert len(set(united(1000, links[:500], links[:500] + 1))) == 500
    assert len(united(0, np.zeros(0, int), np.zeros(0, int))) == 0
