"""Grids of small pictures: what their signs mean, how they fit, and the PNG."""

import numpy as np
import pytest
from matplotlib.image import imread
from rich.text import Text

from hello_dl.show.grids import grid_rows, save_grid, show_grid


def plain(lines):
    return [line.plain for line in lines]


def test_small_pictures_get_two_cells_for_a_pixel_and_a_label():
    pictures = np.array([[[1, 0.3], [0, 0.01]], [[-1, -0.3], [np.nan, 0.2]]])
    assert plain(grid_rows(pictures, ["up", "down"])) == [
        "##++  ==--",
        "....  ??++",
        "up    down",
    ]


def test_larger_pictures_have_one_sign_for_two_pixels_one_above_the_other():
    picture = np.zeros((1, 9, 3))
    picture[0, :2, 0], picture[0, 2, 0], picture[0, 8, 2] = 1, 1, -0.2
    assert plain(grid_rows(picture)) == ["#  ", "#  ", "   ", "   ", "  -"]
    assert plain(grid_rows(picture, large=True))[:3] == 3 * ["##...."]


def test_without_negative_numbers_there_is_more_ink_the_more_it_is():
    bytes_ = np.array([[[0, 128, 255]]], dtype=np.uint8)
    assert plain(grid_rows(bytes_)) == ["  ++@@"]
    assert plain(grid_rows(bytes_ / 255)) == plain(grid_rows(bytes_))
    assert plain(grid_rows(bytes_ // 2)) == ["  ::=="], "255 is full ink, whatever there is"
    assert plain(grid_rows(bytes_ // 2, limit=127)) == ["  ++@@"]
    assert plain(grid_rows(np.array([[[np.nan, 1.0]]]))) == ["??@@"]


def test_all_pictures_have_one_scale_and_what_is_beyond_is_cut_off():
    pictures = np.array([[[1.0, -1]], [[100, -100]]])
    assert plain(grid_rows(pictures)) == ["....  ##=="]
    assert plain(grid_rows(pictures, limit=1)) == ["##==  ##=="]
    assert plain(grid_rows(np.array([[[np.inf, -1.0]]]))) == ["##=="]
    assert plain(grid_rows(np.zeros((1, 1, 2)))) == ["    "]


def test_rows_hold_as_many_as_fit_or_as_were_asked_for():
    pictures = -np.ones((6, 2, 5))
    for width, rows in ((80, 1), (70, 1), (69, 2), (1, 6)):
        lines = plain(grid_rows(pictures, width=width))
        assert len(lines) == 3 * rows - 1
        assert max(map(len, lines)) <= max(width, 10)
    assert len(grid_rows(pictures, columns=2)) == 3 * 3 - 1
    long = plain(grid_rows(pictures, [f"a long name {n}" for n in range(6)], width=40))
    assert long[2].split("  ") == ["a long name 0", "a long name 1"]


def test_colors_say_it_again():
    (line,) = grid_rows(np.array([[[1.0, -1]]]))
    assert isinstance(line, Text)
    assert {str(span.style) for span in line.spans} == {"bold red", "bold blue"}


@pytest.mark.parametrize("draw", [grid_rows, lambda *a, **k: save_grid("never.png", *a, **k)])
@pytest.mark.parametrize(
    ("pictures", "options", "said"),
    [
        (np.zeros((3, 3)), {}, r"\(count, height, width\), not float64 of \(3, 3\)"),
        (np.zeros((0, 3, 3)), {}, r"\(0, 3, 3\)"),
        (np.full((1, 2, 2), "x"), {}, "takes numbers"),
        (np.zeros((2, 3, 3)), {"columns": 0}, "columns=0"),
        (np.zeros((2, 3, 3)), {"limit": 0}, "limit=0"),
    ],
)
def test_what_is_no_grid_is_said(draw, pictures, options, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=said):
        draw(pictures, **options)
    with pytest.raises(ValueError, match="1 names for 2 pictures"):
        draw(np.zeros((2, 3, 3)), ["one"])
    assert not list(tmp_path.iterdir())


def test_show_prints_plain_lines_where_there_is_no_terminal(capsys):
    show_grid(-np.eye(2)[None], ["eye"])
    assert capsys.readouterr().out == "==..\n..==\neye\n"


@pytest.mark.parametrize("signed", [True, False])
def test_the_png_shows_every_picture_in_its_place_and_color(tmp_path, signed):
    pictures = np.zeros((3, 4, 4))
    pictures[0], pictures[2] = 1, -1 if signed else 0.5
    path = save_grid(tmp_path / "grid.png", pictures, list("abc"), columns=2, title="Three")
    assert path == tmp_path / "grid.png"
    colors = imread(path)[..., :3]
    height, width, _ = colors.shape
    assert 300 < width < 600 and 300 < height < 700
    upper, lower = colors[: height // 2], colors[height // 2 :]
    left = slice(0, width // 3)
    if signed:
        assert _share(upper[:, left], red=True) > 0.3
        assert _share(lower[:, left], red=False) > 0.3
    else:
        assert (upper[:, left].max(axis=2) < 0.1).mean() > 0.3
        assert (abs(lower[:, left] - 0.5).max(axis=2) < 0.15).mean() > 0.3
    right = lower[:, width // 2 : int(0.8 * width)]
    assert (right.min(axis=2) > 0.9).mean() > 0.9  # there is no fourth picture


def _share(colors, red):
    """Count the pixels that are clearly red, or clearly blue."""
    difference = colors[..., 0] - colors[..., 2]
    return ((difference if red else -difference) > 0.2).mean()


def test_the_png_takes_one_picture_many_and_long_titles(tmp_path):
    sizes = []
    for count, height, width in ((1, 1, 1), (1, 3, 30), (1, 30, 3), (20, 5, 5)):
        pictures = np.random.default_rng(0).normal(size=(count, height, width))
        titles = ["a title of a good many words"] * count
        path = save_grid(tmp_path / f"{count}_{height}.png", pictures, titles, title="w " * 60)
        sizes.append(imread(path).shape[:2])
    assert sizes[1][0] < sizes[2][0]  # a wide one is lower than a tall one
    assert sizes[3][1] > 4 * sizes[0][1]


def test_the_png_of_pictures_in_color_has_their_colors(tmp_path):
    pictures = np.zeros((2, 4, 4, 3), np.uint8)
    pictures[0, ..., 0] = pictures[1, ..., 2] = 255
    colors = imread(save_grid(tmp_path / "color.png", pictures, ["red", "blue"]))
    left, right = np.array_split(colors, 2, axis=1)
    assert _share(left, red=True) > 0.3 > _share(left, red=False) == 0
    assert _share(right, red=False) > 0.3 > _share(right, red=True) == 0
    for wrong in (pictures / 255, pictures[..., :2], pictures[None]):
        with pytest.raises(ValueError, match="count, height, width"):
            save_grid(tmp_path / "wrong.png", wrong)
    with pytest.raises(ValueError, match="count, height, width"):
        grid_rows(pictures)
