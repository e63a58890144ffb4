"""Charts: where a curve is drawn, what stands on the axes, and the PNG."""

import io
import sys

import numpy as np
import pytest

from hello_dl.show.chart import MARKS, Chart, apart, round_numbers, save_charts
from hello_dl.show.surface import COLORS


def plain(chart, width=60, rows=12):
    return [line.plain for line in chart.frame(width, rows)]


def body(chart, width=60, rows=12):
    """The lines of the curves themselves, without axis and names: what stands right of it."""
    lines = plain(chart, width, rows)[1 : rows + 1]
    return [line[max(line.find("│"), line.find("┤")) + 1 :] for line in lines]


def heights(lines, mark, until):
    """The rows at which a mark stands, by column."""
    columns = range(until)
    return [[i for i, line in enumerate(lines) if line.ljust(until)[c] == mark] for c in columns]


# ------------------------------------------------------------------------------- the curves


def test_a_curve_goes_from_its_first_point_to_its_last_without_a_gap():
    lines = body(Chart({"loss": [1.0, 0.0, 4.0]}), width=60, rows=9)
    width = 60 - 3 - len(" o loss 4")
    rows = heights(lines, "o", width)
    assert all(rows), "every column has a mark"
    assert rows[0] == [6] and max(rows[width // 2]) == 8 and min(rows[-1]) == 0
    seen = set(rows[0])
    for column in rows[1:]:  # neighbors touch, at least at their corners
        assert min(abs(a - b) for a in column for b in seen) <= 1
        seen = set(column)


def test_points_stand_at_their_x_and_a_curve_ends_where_its_points_end():
    points = {"all": [[0, 0], [10, 1]], "half": [[5, 1], [10, 0]]}
    lines = body(Chart(points), width=60, rows=11)
    width = 60 - 5 - len(" x half 0")
    half = heights(lines, "x", width)
    assert not any(half[: width // 2 - 1]) and sum(map(bool, half[width // 2 :])) > width // 2 - 4
    columns = [c for c, rows in enumerate(half) if 5 in rows]  # half of its way down
    assert np.mean(columns) == pytest.approx(0.75 * width, abs=2)


def test_the_first_curve_is_on_top_and_each_has_its_own_mark_color_and_end():
    curves = {f"curve {i}": [1, 1, 1 - i / 10] for i in range(3)}
    picture = Chart(curves).frame(70, 8)
    lines = [line.plain for line in picture]
    assert "oooo" in lines[1] and "x" not in lines[1].split(" o curve")[0]
    for mark, color, name, last in zip(MARKS, COLORS, curves, ("1", "0.9", "0.8")):
        line = next(line for line in picture if line.plain.endswith(f" {mark} {name} {last}"))
        assert color in {span.style for span in line.spans}


def test_names_that_end_at_the_same_height_stand_below_each_other():
    lines = plain(Chart({"one": [2, 0], "two": [1, 0], "three": [3, 0]}), rows=4)
    ends = [line.split()[-2] for line in lines[1:5] if line[-1] == "0" and line[-2] == " "]
    assert sorted(ends) == ["one", "three", "two"]
    assert len(plain(Chart({str(i): [0, 1] for i in range(6)}), rows=2)) == 1 + 6 + 2


@pytest.mark.parametrize(
    ("wanted", "rows", "given"),
    [
        ([3], 9, [3]),
        ([3, 3, 3], 9, [3, 4, 5]),
        ([8, 8, 0], 9, [7, 8, 0]),
        ([5, 4, 5], 6, [4, 3, 5]),
        ([0, 0, 0], 3, [0, 1, 2]),
        ([2, 2, 2], 3, [0, 1, 2]),
    ],
)
def test_apart(wanted, rows, given):
    assert apart(wanted, rows) == given


def test_what_is_above_the_limit_is_cut_off():
    lines = body(Chart({"loss": [100, 1, 0.5, 0.25]}, high=1), rows=10)
    assert not lines[0].startswith("o") and any("o" in line for line in lines)
    assert lines[-1].rstrip().endswith("o loss 0.25")
    told = plain(Chart({"loss": [100, 1, 0.5, 0.25]}, high=1))
    assert "100" not in "".join(told)


def test_what_is_not_finite_is_left_out():
    with_gap = Chart({"loss": [2, np.nan, 0, np.inf]})
    assert plain(with_gap)[1:-2] == plain(Chart({"loss": [[1, 2], [3, 0]]}))[1:-2]


@pytest.mark.parametrize("curve", [[3.0], [3.0, 3.0], [[1, 0]], [1e-9, 2e-9], [-5, 2e7], [0, -1]])
@pytest.mark.parametrize("rows", [1, 4, 12])
@pytest.mark.parametrize("width", [12, 80])
def test_any_numbers_and_any_size_make_a_chart(curve, rows, width):
    lines = plain(Chart({"a": curve}), width, rows)
    assert len(lines) >= rows + 3 and sum("o" in line for line in lines) >= 1
    assert width < 40 or max(map(len, lines)) <= width


@pytest.mark.parametrize(
    ("curves", "told"),
    [
        ({}, "at least one curve"),
        ({"a": [1], "b": []}, "'b' has no number that is finite"),
        ({"a": [np.nan, np.inf]}, "'a' has no number that is finite"),
        ({"a": [[2, 1], [1, 1]]}, "'a' must go from left to right"),
        ({"a": np.zeros((2, 3))}, r"'a' .* \(2, 3\)"),
        ({"a": np.zeros((2, 2, 2))}, r"'a' .* \(2, 2, 2\)"),
    ],
)
def test_what_is_no_chart_is_an_error(curves, told):
    with pytest.raises(ValueError, match=told):
        Chart(curves)


# ---------------------------------------------------------------------------------- the axes


@pytest.mark.parametrize(
    ("low", "high", "most", "labels"),
    [
        (0, 1, 4, ["0", "0.5", "1"]),
        (1, 60, 5, ["20", "40", "60"]),
        (0.19, 0.61, 4, ["0.2", "0.4", "0.6"]),
        (-3, 4, 3, ["0"]),
        (-10, 10, 4, ["-10", "-5", "0", "5", "10"]),
        (100, 101, 2, ["100", "100.5", "101"]),
        (0, 3e6, 3, ["0", "1e+06", "2e+06", "3e+06"]),
    ],
)
def test_round_numbers(low, high, most, labels):
    numbers = round_numbers(low, high, most)
    assert list(numbers.values()) == labels
    assert [float(label) for label in labels] == pytest.approx(list(numbers), rel=1e-5)
    assert all(low - 1e-9 <= number <= high + 1e-9 for number in numbers)


def test_a_number_on_an_axis_stands_at_its_place():
    lines = plain(Chart({"a curve": [[0, 0], [100, 100]]}, "share", "percent"), 64, 11)
    assert lines[0] == "percent" and lines[-1].endswith("  share")
    at = {line.split("┤")[0].strip(): i - 1 for i, line in enumerate(lines) if "┤" in line}
    assert at == {"0": 10, "50": 5, "100": 0}
    axis, numbers = lines[-2], lines[-1]
    start = axis.index("└") + 1
    ticks = [i - start for i, sign in enumerate(axis) if sign == "┬"]
    assert ticks[0] == 0 and ticks[-1] == len(axis) - start - 1
    assert numbers[start] == "0" and numbers[start + ticks[-1] - 1 :].startswith("100")


def test_a_long_name_of_x_goes_to_a_line_of_its_own():
    lines = plain(Chart({"a": [1, 2]}, x="a long name for an axis"), width=40)
    assert lines[-1].endswith("a long name for an axis") and len(lines[-1]) == 40


def test_show_writes_plain_lines_into_a_file(monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    Chart({"learned": [3, 1, 0], "new": [3, 2, 2]}, "epoch").show(rows=5)
    lines = stream.getvalue().splitlines()
    assert "\x1b" not in stream.getvalue() and max(map(len, lines)) <= 80
    assert lines[0] == "loss" and len(lines) == 1 + 5 + 2 and "o learned 0" in lines[5]


# ------------------------------------------------------------------------------------ the PNG


def test_charts_side_by_side_as_png(tmp_path):
    chart = Chart({"learned": [3, 1, 0.1], "new": [3, 2, 2.5]}, "epoch", high=2.6, title="nothing")
    one = save_charts(tmp_path / "one.png", [chart])
    two = save_charts(str(tmp_path / "two.png"), [chart, chart])
    sizes = [np.frombuffer(path.read_bytes()[16:24], ">u4").tolist() for path in (one, two)]
    assert one.read_bytes().startswith(b"\x89PNG") and sizes[1] == [2 * sizes[0][0], sizes[0][1]]
