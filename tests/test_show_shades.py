"""Shades under letters: which sign a number gets, how lines break, and the PNG."""

import io
import sys

import matplotlib.image
import numpy as np
import pytest

from hello_dl.show.shades import save_shades, shade_lines, show_shades


def plain(*args, **options):
    return [line.plain for line in shade_lines(*args, **options)]


def test_the_higher_a_number_the_fuller_its_cell_and_beyond_the_range_as_at_its_ends():
    row = [-3, 0, 0.19, 0.21, 0.41, 0.61, 0.81, 1, 9, float("nan"), float("inf"), -float("inf")]
    assert plain("abcdefghijkl", {"unit": row}) == [
        "      abcdefghijkl",
        "unit     ░▒▓███?█ ",
    ]
    assert plain("abc", {"u": [-1, 0, 1]}, low=-1)[1] == "u   ▒█"


def test_each_row_stands_below_its_part_of_the_text():
    text = "".join(chr(ord("a") + i % 26) for i in range(50))
    on = np.array([c == "q" for c in text])
    lines = plain(text, {"is it q?": on, "b": ~on}, width=30)
    assert max(map(len, lines)) == 30
    blocks = [lines[start : start + 3] for start in range(0, len(lines), 4)]
    assert "".join(block[0][10:] for block in blocks) == text
    for block in blocks:
        for letter, yes, no in zip(*(line[10:] for line in block)):
            assert (yes, no) == (("█", " ") if letter == "q" else (" ", "█"))
    assert all(line == "" for line in lines[3::4])


def test_a_letter_takes_one_cell_whatever_it_is():
    assert plain("a\nb\t日é\x1b", {"u": [1] * 7}) == ["   a|b||é|", "u  " + 7 * "█"]


def test_what_is_shown_fits_a_file_of_any_encoding(monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii", newline="\n")
    monkeypatch.setattr(sys, "stdout", stream)
    show_shades("abcde", {"unit": [0, 0.25, 0.5, 0.75, 1]})
    stream.flush()
    assert stream.buffer.getvalue() == b"      abcde\nunit   .+%#\n"


def test_the_picture_has_the_shades(tmp_path):
    rows = {"dark": np.ones(100), "light": np.zeros(100)}
    file = save_shades(tmp_path / "shades.png", "la " * 33 + "l", rows, title="what is seen")
    image = matplotlib.image.imread(file)[:, :, :3]
    white = (image > 0.99).all(2)
    blue = (abs(image - np.array([8, 48, 107]) / 255) < 0.02).all(2)
    assert 0.02 < blue.mean() < 0.5 and white.mean() > 0.3
    bands = np.diff(np.r_[0, blue.mean(1) > 0.2]) == 1  # where a dark strip begins
    assert bands.sum() == 2, "100 letters are two lines"


@pytest.mark.parametrize(
    ("text", "rows", "options", "told"),
    [
        ("abc", {"unit": [1, 2]}, {}, r"'unit' has the shape \(2,\), and the text 3 letters"),
        ("abc", {}, {}, "at least one row"),
        ("", {"unit": []}, {}, "need a text"),
        ("a", {"unit": [0]}, {"low": 1.0}, "low=1.0, high=1.0 is no range"),
        ("a", {"unit": [0]}, {"high": float("nan")}, "is no range"),
    ],
)
def test_what_does_not_fit_is_told(text, rows, options, told, tmp_path):
    for draw in (shade_lines, lambda *a, **o: save_shades(tmp_path / "x.png", *a, **o)):
        with pytest.raises(ValueError, match=told):
            draw(text, rows, **options)
