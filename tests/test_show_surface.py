"""A surface as a map: what is drawn where, and how paths walk on it: live, as text, as a PNG."""

import io
import os
import re
import time

import numpy as np
import pytest
from rich.console import Console

from hello_dl.show import surface
from hello_dl.show.surface import GROUNDS, Surface


def bowl(x, y):
    return x * x + y * y


def plain(picture):
    return [line.plain for line in picture]


@pytest.fixture
def around():
    return Surface(bowl, x=(-2, 2), y=(-1, 1))


PATHS = {
    "SGD": [(-2, 1), (-1, 0.5), (0.1, 0.1)],
    "momentum": [(-2, 1), (0, -0.9), (1.9, 0.9)],
}


# --------------------------------------------------------------------------------- the map


def test_a_mark_stands_where_its_point_is_and_x_grows_to_the_right_and_y_upwards(around):
    corners = {"a": (-1.99, 0.99), "b": (1.99, 0.99), "c": (-1.99, -0.99), "d": (1.99, -0.99)}
    corners |= {"e": (0.01, 0.01), "f": (-0.01, -0.01)}
    rows = plain(around.frame({name: [at] for name, at in corners.items()}, 0, 40, 10))[:10]
    assert {len(row) for row in rows} == {40}
    at = {row[i]: (i, j) for j, row in enumerate(rows) for i in range(40) if row[i].isalpha()}
    assert at == {"A": (0, 0), "B": (39, 0), "C": (0, 9), "D": (39, 9), "E": (20, 4), "F": (19, 5)}


def test_higher_ground_has_more_ink_and_every_sign_covers_as_much(around):
    *rows, _ = plain(around.frame({"?": [(np.nan, np.nan)]}, 0, 60, 30))
    signs = np.array([[GROUNDS.index(sign) for sign in row] for row in rows])
    xs, ys = np.meshgrid(np.arange(60) - 29.5, np.arange(30) - 14.5)
    heights = (xs / 15) ** 2 + (ys / 15) ** 2
    for lower, higher in zip(range(len(GROUNDS)), range(1, len(GROUNDS))):
        assert heights[signs == lower].max() <= heights[signs == higher].min() + 1e-9
        assert abs((signs == lower).mean() - 1 / len(GROUNDS)) < 0.02


@pytest.mark.parametrize(
    "height",
    [
        lambda x, y: 0.0,
        lambda x, y: x * np.nan,
        lambda x, y: 1 / (x * 0),
        lambda x, y: np.log(x),
        lambda x, y: np.where(x > 0, np.inf, y),
    ],
    ids=["flat", "nan", "inf", "half", "cliff"],
)
def test_any_height_can_be_drawn(height, tmp_path):
    odd = Surface(height, (-1, 1), (-1, 1))
    path = {"SGD": [(-0.5, 0.5), (0.5, -0.5)]}
    *rows, legend = plain(odd.frame(path, 1, 20, 10, trail=5))
    assert len(rows) == 10 and "S" in "".join(rows) and "s" in "".join(rows)
    assert legend.startswith("step 1  SGD ")
    assert odd.save(tmp_path / "odd.png", path).stat().st_size > 0


def test_a_cliff_is_high_and_what_is_no_number_is_too():
    rows = plain(
        Surface(lambda x, y: np.where(x > 0, np.nan, y), (-1, 1), (-1, 1)).frame({}, 0, 8, 8)
    )
    assert {row[4:] for row in rows[:8]} == {rows[0][0] * 4} and rows[7][0] == GROUNDS[0]


def test_the_trail_has_so_many_steps_and_the_first_path_is_on_top(around):
    path = [(x / 10, 0.0) for x in range(-19, 20)]
    for step, trail, small in (
        (0, 5, 0),
        (3, 5, 3),
        (10, 5, 5),
        (10, 0, 0),
        (99, 4, 4),
        (99, 99, 38),
    ):
        *rows, legend = plain(around.frame({"adam": path}, step, 80, 5, trail))
        text = "".join(rows)
        assert (text.count("a"), text.count("A")) == (small, 1)
        assert legend.startswith(f"step {step}")
    both = "".join(plain(around.frame({"SGD": path, "Adam": path}, 7, 80, 5))[:-1])
    assert both.count("S") == 1 and both.count("A") == 0


def test_a_mark_beyond_the_map_is_at_its_edge_and_one_that_is_no_number_nowhere(around):
    for point, (column, row) in {
        (9, 0): (39, 5),
        (-9, 9): (0, 0),
        (0, -np.inf): (20, 9),
        (np.inf, np.inf): (39, 0),
        (2, -1): (39, 9),
    }.items():
        rows = plain(around.frame({"SGD": [point]}, 0, 40, 10))
        assert rows[row][column] == "S", point
    *rows, legend = plain(around.frame({"SGD": [(np.nan, 0)]}, 0, 40, 10))
    assert "S" not in "".join(rows) and legend.endswith("SGD nan")


def test_the_line_below_says_how_high_each_path_is(around):
    assert plain(around.frame(PATHS, 1, 60, 6))[-1] == "step 1  SGD 1.250  momentum 0.810"
    assert plain(around.frame(PATHS, 9, 60, 6))[-1] == "step 9  SGD 0.020  momentum 4.420"
    assert plain(around.frame(PATHS, 0, 20, 6))[-2:] == ["step 0  SGD 5.000", "momentum 5.000"]
    assert "SGD 2e+06" in plain(around.frame({"SGD": [(1e3, 1e3)]}, 0, 60, 6))[-1]


def test_two_paths_with_one_letter_are_an_error_that_names_both(around):
    with pytest.raises(ValueError, match="'Adam' and 'adamw' would both be marked A: give them"):
        around.frame({"Adam": [(0, 0)], "adamw": [(0, 0)]}, 0, 20, 5)


@pytest.mark.parametrize("x", [(1, 1), (2, -2), (0, np.nan)])
def test_an_axis_without_a_length_is_an_error(x):
    with pytest.raises(ValueError, match=re.escape(f"x={x} is no range")):
        Surface(bowl, x, (0, 1))


# ---------------------------------------------------------------------------------- to look at


def test_piped_it_prints_the_chosen_steps_plainly(around, capsys):
    began = time.perf_counter()
    around.play(PATHS, stills=[0, 2], trail=9, seconds=60)
    assert time.perf_counter() - began < 5
    out = capsys.readouterr().out
    assert "\x1b" not in out and "\r" not in out
    lines = out.split("\n")
    assert max(map(len, lines)) <= 80
    assert [line for line in lines if line.startswith("step")] == [
        "step 0  SGD 5.000  momentum 5.000",
        "step 2  SGD 0.020  momentum 4.420",
    ]
    assert out.endswith("\n\n") and not any(line.endswith(" ") for line in lines)


class Screen(io.StringIO):
    """A terminal that says so."""

    def isatty(self):
        return True


def as_shown(text, height=60):
    """Play what a terminal was sent: lines, and the cursor going up."""
    screen, row, column = [[] for _ in range(height)], 0, 0
    for code, sign in re.findall(r"(\x1b\[[0-9;?]*[A-Za-z])|([^\x1b])", text):
        if sign == "\n":
            row, column = row + 1, 0
        elif sign == "\r":
            column = 0
        elif sign:
            screen[row][column:] = [*screen[row][column:column], sign, *screen[row][column + 1 :]]
            column += 1
        elif code.endswith("A"):
            row -= int(code[2:-1] or 1)
        else:
            assert code[-1] in "mlh", code
    return ["".join(line).rstrip() for line in screen]


@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 40), (40, 12)])
def test_live_each_frame_is_drawn_over_the_last(around, monkeypatch, width, height):
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in (("COLUMNS", width), ("LINES", height), ("TERM", "xterm-256color")):
        monkeypatch.setenv(name, str(value))
    screen = Screen()
    monkeypatch.setattr("sys.stdout", screen)
    around.play(PATHS, stills=[0], trail=9, seconds=0.2)
    monkeypatch.undo()
    text = screen.getvalue()
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h") == 1, "the cursor comes back"
    shown = as_shown(text)
    while shown and not shown[-1]:
        shown.pop()
    columns = min(width - 1, 100)
    rows = min(round(columns / 4), height - surface.BESIDE)
    assert shown == [line.rstrip() for line in plain(around.frame(PATHS, 2, columns, rows, 9))]
    assert len(shown) < height


def test_a_slow_terminal_misses_steps_but_not_the_last(around, monkeypatch):
    drawn = []

    def slow(console, above, lines, width):
        drawn.append(lines[-1].plain.split("  ")[0])
        time.sleep(0.02)

    monkeypatch.setattr(surface, "_draw_over", slow)
    monkeypatch.setattr("sys.stdout", Screen())
    monkeypatch.setenv("TERM", "xterm")
    began = time.perf_counter()
    around.play({"SGD": [(x / 1000, 0) for x in range(1000)]}, seconds=0.3)
    assert time.perf_counter() - began < 5
    assert drawn[0] == "step 0" and drawn[-1] == "step 999" and len(drawn) < 100


def test_the_cursor_comes_back_after_ctrl_c(around, monkeypatch):
    def interrupted(seconds):
        raise KeyboardInterrupt

    screen = Screen()
    monkeypatch.setattr(surface.time, "sleep", interrupted)
    monkeypatch.setattr("sys.stdout", screen)
    monkeypatch.setenv("TERM", "xterm")
    with pytest.raises(KeyboardInterrupt):
        around.play(PATHS)
    assert screen.getvalue().endswith("\x1b[?25h")


def test_shorter_lines_leave_nothing_of_longer_ones():
    screen = Screen()
    console = Console(file=screen, force_terminal=True, width=30)
    texts = [surface.Text(t) for t in ("long line", "another", "third")], [surface.Text("end")]
    above = 0
    for lines in texts:
        surface._draw_over(console, above, list(lines), 20)
        above = len(lines)
    assert [line for line in as_shown(screen.getvalue()) if line] == ["end"]


# -------------------------------------------------------------------------------------- a PNG


@pytest.mark.parametrize("count", [1, 2, 5, 7])
def test_a_png_has_a_map_for_each_path_and_their_heights(around, tmp_path, monkeypatch, count):
    figures = []
    from matplotlib.figure import Figure

    class Noted(Figure):
        def __init__(self, *args, **options):
            super().__init__(*args, **options)
            figures.append(self)

    monkeypatch.setattr("matplotlib.figure.Figure", Noted)
    steps = np.linspace((-2, 1), (0, 0), 20)
    paths = {f"{i} path": steps * (1 - i / 10) for i in range(count)}
    file = around.save(str(tmp_path / "paths.png"), paths)
    assert file.read_bytes()[:4] == b"\x89PNG" and os.fspath(file).endswith("paths.png")
    panels = figures[0].axes
    assert [panel.get_title() for panel in panels[: count + 1]] == [*paths, "height"]
    for panel, path in zip(panels, paths.values()):
        np.testing.assert_allclose(panel.lines[0].get_xydata(), path)
        assert panel.get_xlim() == (-2, 2) and panel.get_ylim() == (-1, 1)
    for line, path in zip(panels[count].lines, paths.values()):
        np.testing.assert_allclose(line.get_ydata(), np.maximum(bowl(*path.T), 1e-6))
    assert not any(panel.axison for panel in panels[count + 1 :])
