import io
import os
import re
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from rich.console import Console
from rich.text import Text

from hello_dl.show.dashboard import Dashboard, Words, clock, loss_line
from hello_dl.show.digit_panel import DigitPanel
from hello_dl.show.digits import (
    bar,
    captioned,
    confusion_table,
    crop,
    digit_lines,
    draw_bars,
    draw_digit,
    in_rows,
    percent,
    side_by_side,
    verdict,
)
from hello_dl.show.output import Output
from hello_dl.show.plots import draw_curves, moving_average, usable_matplotlib


def plain(picture):
    return [line.plain for line in picture]


class Terminal(io.TextIOWrapper):
    """A stream that says it is a terminal and keeps what it is sent."""

    def __init__(self, encoding="utf-8"):
        super().__init__(io.BytesIO(), encoding, newline="\n")

    def isatty(self):
        return True

    @property
    def text(self):
        self.flush()
        return self.buffer.getvalue().decode(self.encoding)


@pytest.fixture
def terminal(monkeypatch):
    """Make a terminal of a size, with colors."""
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)

    def make(width=80, height=24, encoding="utf-8", term="xterm-256color"):
        for name, value in (("COLUMNS", width), ("LINES", height), ("TERM", term)):
            monkeypatch.setenv(name, str(value))
        return Terminal(encoding)

    return make


# ------------------------------------------------------------------------------------- a digit


def test_a_digit_in_ascii_has_one_sign_for_two_pixels_one_above_the_other():
    image = np.zeros((28, 28), np.uint8)
    image[4:6, 3] = 255  # both halves of a cell
    image[4, 5] = 255  # one half
    image[27, 27] = 10
    lines = digit_lines(image)
    assert len(lines) == 14
    assert {len(line) for line in lines} == {28}
    assert lines[2][3] == "@"
    assert lines[2][5] in "=+"
    assert lines[13][27] == " "  # next to no ink
    assert "".join(lines).replace(" ", "") == "@" + lines[2][5]
    assert "".join(lines).isascii()


def test_more_ink_is_never_a_lighter_sign():
    image = np.arange(256, dtype=np.uint8)[None].repeat(2, 0)
    (line,) = digit_lines(image)
    positions = [" .:-=+*#%@".index(sign) for sign in line]
    assert positions == sorted(positions)
    assert set(positions) == set(range(10))


def test_a_digit_in_half_cells_shows_every_pixel():
    image = np.array([[0, 255, 0, 255], [0, 0, 120, 255]], np.uint8)
    (line,) = draw_digit(image, "half")
    assert line.plain == " ▀▄█"
    styles = [line.get_style_at_offset(Console(), column) for column in range(4)]
    assert [bool(style.dim) for style in styles] == [True, False, True, False]  # little ink is gray


def test_a_digit_in_full_cells_is_twice_as_wide():
    lines = draw_digit(np.array([[0, 64, 255]] * 5, np.uint8), "full")
    assert plain(lines) == ["  ░░██"] * 5


def test_an_odd_number_of_rows_keeps_its_last():
    assert digit_lines(np.array([[0], [0], [255]], np.uint8)) == [" ", "+"]
    assert len(draw_digit(np.zeros((5, 3), np.uint8), "half")) == 3


def test_crop_cuts_what_is_empty_in_all_pictures():
    images = np.zeros((2, 8, 9), np.uint8)
    images[0, 2, 3] = images[1, 4, 5] = 1
    assert crop(images).shape == (2, 5, 5)
    assert crop(images)[1, 3, 3] == 1
    images[0, 0, 0] = images[1, 7, 8] = 1
    assert crop(images).shape == (2, 8, 9)
    assert crop(np.zeros((2, 6, 7), np.uint8)).shape == (2, 6, 7)


# ------------------------------------------------------------------------- bars, words, tables


def test_bars_are_as_long_as_their_share():
    assert [bar(share, 10) for share in (0, 0.5, 1)] == ["", "#####", "##########"]
    assert [bar(share, 2, fine=True) for share in (0, 1 / 16, 0.5, 1)] == ["", "▏", "█", "██"]
    probabilities = np.full(10, 0.005)
    probabilities[3] = 0.955
    lines = plain(draw_bars(probabilities, 30, actual=3))
    assert len(lines) == 10
    assert {len(line) for line in lines} == {30}
    assert lines[3] == "3 " + "#" * 21 + "   96 %"
    assert lines[4] == "4" + " " * 26 + "0 %"


def test_the_color_of_the_longest_bar_tells_right_from_wrong():
    probabilities = np.eye(10)[3]
    assert draw_bars(probabilities, 30, actual=3)[3].style == "bold green"
    assert draw_bars(probabilities, 30, actual=5)[3].style == "bold red"
    assert not draw_bars(probabilities, 30, actual=5)[5].style


def test_only_all_of_it_is_100_percent():
    assert percent(0.9793) == "97.93 %"
    assert percent(0.999999) == "99.99 %"
    assert percent(0.999, 0) == "99 %"
    assert percent(1) == "100.00 %"
    assert percent(0, 0) == "0 %"


def test_the_verdict():
    assert Text(" ").join(verdict(8, 8)).plain == "predicted 8, actual 8: got it"
    assert plain(verdict(4, 9, 0.9987)) == ["predicted 4 (99.87 %),", "actual 9: missed"]


def test_pictures_side_by_side_keep_their_columns():
    first, second = [Text("ab"), Text("c")], [Text("x"), Text("yyy"), Text("z")]
    assert plain(side_by_side([first, second], gap=2)) == ["ab  x  ", "c   yyy", "    z  "]
    assert plain(side_by_side([])) == []


def test_rows_are_not_wider_than_asked():
    pictures = [[Text(f"{i}" * 9), Text("-")] for i in range(5)]
    lines = plain(in_rows(pictures, 33, gap=3))
    assert lines[0] == "000000000   111111111   222222222"
    assert lines[3].startswith("333333333   444444444")
    assert lines[2] == ""
    assert max(map(len, lines)) == 33
    assert max(len(line) for line in plain(in_rows(pictures, 32, gap=3))) == 21
    assert max(len(line) for line in plain(in_rows(pictures, 1))) == 9  # one is always shown


def test_pictures_stand_above_their_captions_whatever_their_ink_is_counted_in():
    images = np.zeros((3, 8, 8), np.uint8)
    images[:, 2:6, 2:6] = 255
    images[1, 4, 4] = 128
    drawn = plain(captioned(images, ["one", "two\nlines", [Text("three")]], 80))
    assert [line.rstrip() for line in drawn] == [
        " ++++     ++++     ++++",
        " @@@@     @@#@     @@@@",
        " ++++     ++++     ++++",
        "one      two      three",
        "         lines",
    ]
    assert plain(captioned(list(images / 255), ["one", "two\nlines", "three"], 80)) == drawn


def test_the_confusion_table_has_counts_shares_and_fits():
    counts = np.diag([10_000] * 10)
    counts[4, 9], counts[7] = 10_000, 0
    lines = plain(confusion_table(counts))
    assert max(map(len, lines)) <= 80
    assert lines[1].split()[:10] == [str(digit) for digit in range(10)]
    assert lines[2 + 4].split() == ["4", *"....", "10000", *"....", "10000", "50.0", "%"]
    assert lines[2 + 3].split()[-2:] == ["100.0", "%"]
    assert lines[2 + 7].split() == ["7", *".........."]  # no sevens, no share


def test_the_line_of_the_loss_falls_with_it():
    losses = [2.0 * 0.99**i for i in range(400)]
    (line,) = loss_line(losses, 40, fine=True)
    heights = ["▁▂▃▄▅▆▇█".index(sign) for sign in line]
    assert len(line) == 40
    assert heights == sorted(heights, reverse=True)
    assert (heights[0], heights[-1]) == (7, 0)
    tall = loss_line(losses, 40, rows=3)
    assert len(tall) == 3
    assert tall[0][0] == tall[1][0] == tall[2][0] == "#"  # full height at the left
    assert (tall[0][-1], tall[1][-1], tall[2][-1]) == (" ", " ", "_")
    assert "".join(tall).isascii()


@pytest.mark.parametrize("losses", [[], [0.5], [0.5] * 9, [0.0, 0.0]])
def test_the_line_of_the_loss_draws_whatever_there_is(losses):
    lines = loss_line(losses, 5, rows=2, fine=True)
    assert len(lines) == 2
    assert len(lines[1]) == min(len(losses), 5)


def test_the_clock():
    assert [clock(seconds) for seconds in (0, 7.4, 754, 3723)] == [
        "0:00",
        "0:07",
        "12:34",
        "1:02:03",
    ]


# ------------------------------------------------------------------------------- where it goes


def test_a_file_gets_no_escapes_and_no_sign_it_cannot_encode():
    for encoding in ("ascii", "cp1252", "utf-8"):
        stream = io.TextIOWrapper(io.BytesIO(), encoding, newline="\n")
        output = Output(stream)
        output.say(Text("█ → é \udcff", "bold red"))
        output.show(draw_bars(np.eye(10)[1], 30, 1, fine=True))
        text = stream.buffer.getvalue().decode(encoding)  # say() has flushed
        assert "\x1b" not in text
        assert text.count("\n") == 11
        assert ("█" in text) == (encoding == "utf-8")
        assert output.digit_style == "ascii"
        assert output.width == 80


def test_a_terminal_gets_colors_unless_it_should_be_plain(terminal):
    stream = terminal()
    output = Output(stream)
    output.say(Text("good", "bold green"))
    assert "\x1b[" in stream.text
    assert output.digit_style == "half"
    assert Output(terminal(encoding="cp1252")).digit_style == "ascii"
    for plain_output in (Output(terminal(), plain=True), Output(terminal(term="dumb"))):
        plain_output.say(Text("good", "bold green"))
        assert plain_output.stream.text == "good\n"


def test_a_long_line_breaks_between_words_but_a_picture_never(terminal):
    stream = terminal(width=20)
    Output(stream).say("net    mlp, 109,386 parameters to learn")
    assert stream.text.split() == "net mlp, 109,386 parameters to learn".split()
    assert max(map(len, stream.text.splitlines())) <= 20
    stream = terminal(width=20)
    Output(stream).show([Text("0123456789 " * 3)])
    assert stream.text.count("\n") == 1


def test_a_terminal_without_colors_gets_digits_in_ascii(terminal, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    assert Output(terminal()).digit_style == "ascii"


def test_downloads_are_one_line_each_in_a_file():
    stream = io.StringIO()
    with Output(stream).downloads() as progress:
        for done in range(3):
            progress(done, 2, "a from b")
        progress(1, None, "c from d")
    assert stream.getvalue() == "downloading a from b\ndownloading c from d\n"


def test_downloads_are_a_bar_in_a_terminal(terminal):
    stream = terminal()
    with Output(stream).downloads() as progress:
        progress(1, 2, "a from b")
    assert "a from b" in stream.text


# ------------------------------------------------------------------------------- the dashboard


def a_step(number, loss=0.1, right=64, samples=64):
    """A step of three epochs of 20 steps, as `fit` yields it."""
    return SimpleNamespace(
        epoch=1 + (number - 1) // 20, epochs=3, step=number, steps=60, loss=loss, lr=0.05,
        samples=samples, metrics={"accuracy": right / samples},
    )  # fmt: skip


def digit_panel(output, count=6):
    images = np.zeros((count, 28, 28), np.uint8)
    images[:, 8:20, 10:18] = 255
    return DigitPanel(output, images, np.arange(count), lambda x: np.eye(10)[[4]])


def dashboard(stream, tested=0.9731):
    output = Output(stream)
    panel = digit_panel(output)
    words = Words("digits", "on training digits", "on test digits")
    display = Dashboard(output, "mlp on MNIST", panel, words)
    for i in range(30):
        display.step(a_step(i + 1, 2.0 / (1 + i), 60))
    if tested:
        display.epoch(SimpleNamespace(validation={"accuracy": tested}))
        panel.misread = [1, 2]
    return display


def frame_lines(display, seconds=12.0):
    width, height = display.live.console.size
    record = Console(
        file=io.StringIO(), width=width, height=height, force_terminal=True, color_system=None
    )
    record.print(display.frame(seconds), end="")
    return record.file.getvalue().split("\n")[:-1]


SIZES = [(80, 24), (120, 40), (200, 60), (100, 24), (62, 20), (50, 20), (40, 24), (30, 9), (9, 2)]


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_a_frame_fits_the_window(terminal, width, height, encoding):
    lines = frame_lines(dashboard(terminal(width, height, encoding)))
    assert len(lines) <= height
    assert max(map(len, lines)) <= width
    "\n".join(lines).encode(encoding)
    if (width, height) in SIZES[:5]:  # there is room for all of it
        text = "\n".join(lines)
        assert "epoch    2 of 3" in text
        assert "97.31 %" in text
        assert "93.75 %" in text  # 60 of 64
        assert "0:12, 0:12 left" in text  # 30 of 60 steps
        assert re.search(r"4 [#█]+ +100 %", text)
        assert re.search(r"actual \d: (got it|missed)", text)


def test_a_small_window_gets_whole_phrases(terminal):
    lines = [line.rstrip() for line in frame_lines(dashboard(terminal(40, 12)))]
    assert "accuracy 97.31 % on test digits" in lines
    assert any(line.endswith(" digits a second") for line in lines)
    assert any(line.endswith("left") for line in lines)


def test_a_frame_before_anything_is_known(terminal):
    output = Output(terminal())
    for panel in (None, digit_panel(output, 1)):
        text = "\n".join(frame_lines(Dashboard(output, "", panel), 0.0))
        assert "epoch" in text and "loss" in text
        assert "nan" not in text


def test_a_frame_of_any_training(terminal):
    display = Dashboard(Output(terminal()), "my net")
    for i in range(30):
        step = a_step(i + 1, 2.0 / (1 + i), 60)
        step.metrics["perplexity"] = 12.345
        display.step(step)
    before = "\n".join(frame_lines(display))
    assert "accuracy not tested yet, 93.75 % in training" in before
    display.epoch(SimpleNamespace(validation={"loss": 0.25, "accuracy": 0.5}))
    lines = [line.rstrip() for line in frame_lines(display)]
    assert "accuracy 50.00 % in validation, 93.75 % in training" in lines
    assert any(line.startswith("perplexity") and "12.35" in line for line in lines)
    assert any("0.2500 in validation" in line for line in lines)
    assert any("samples a second, learning rate 0.05" in line for line in lines)


def test_how_long_it_takes_counts_from_where_it_was_resumed(terminal):
    display = Dashboard(Output(terminal()), "")
    for i in range(31, 41):
        display.step(a_step(i))
    text = "\n".join(frame_lines(display, 10.0))  # 10 steps in 10 s, 20 to go
    assert "0:10, 0:20 left" in text


def test_what_the_first_step_compiles_is_not_expected_again(terminal):
    display = Dashboard(Output(terminal()), "")
    for i in range(1, 12):
        display.step(a_step(i))
    display.first = 20.0
    text = "\n".join(frame_lines(display, 30.0))  # 10 more steps in 10 s, 49 to go
    assert "0:30, 0:49 left" in text


def test_a_training_of_unknown_length(terminal):
    display = Dashboard(Output(terminal()), "")
    step = a_step(1)
    step.steps = None
    display.step(step)
    assert "step 1" in "\n".join(frame_lines(display, 10.0))


def test_misread_digits_come_back(terminal):
    display = dashboard(terminal())
    shown = []
    for i in range(60):
        frame_lines(display, 2.0 * i)
        shown.append(display.panel.shown)
    assert set(shown) == set(range(6))
    assert any(set(shown[start::3]) <= {1, 2} for start in range(3))  # every third is a misread one


def test_the_terminal_is_as_before_when_the_dashboard_has_gone(terminal):
    stream = terminal()
    with pytest.raises(KeyboardInterrupt), dashboard(stream):
        raise KeyboardInterrupt
    assert stream.text.index("\x1b[?1049h") < stream.text.index("\x1b[?1049l")  # other screen
    assert stream.text.rindex("\x1b[?25l") < stream.text.rindex("\x1b[?25h")  # cursor


def test_frames_are_rare_and_rarer_where_they_take_long(terminal, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(
        "hello_dl.show.dashboard.time", SimpleNamespace(perf_counter=lambda: now[0])
    )
    for cost, most in ((0.001, 11), (0.03, 2)):  # seconds a frame; 3 % of the time is for frames
        display = dashboard(terminal())
        drawn = []

        def draw(frame, refresh, cost=cost, drawn=drawn):
            drawn.append(frame)
            now[0] += cost

        monkeypatch.setattr(display.live, "update", draw)
        display.draw()
        for _ in range(1000):  # one second
            now[0] += 0.001
            display.step(a_step(1))
        assert most - 1 <= len(drawn) <= most


# ---------------------------------------------------------------------------------- the curves


def test_curves_are_a_png(tmp_path):
    draw_curves(tmp_path / "a", "title", [2.0, 1.0, 0.5], [0.5, 0.7], [0.6, 0.8])
    content = (tmp_path / "a").read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = (int.from_bytes(content[i : i + 4], "big") for i in (16, 20))
    assert (width, height) == (1200, 504)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="where the settings lie")
def test_matplotlib_says_nothing_where_the_home_folder_cannot_be_written(monkeypatch, tmp_path):
    program = "from hello_dl.show.plots import usable_matplotlib as f; f(); import os, matplotlib; "
    program += "print(os.path.isdir(os.environ['MPLCONFIGDIR']), os.environ['MPLCONFIGDIR'])"
    (tmp_path / "home").write_text("no folder, which stops even root")
    environment = {"HOME": str(tmp_path / "home"), "PATH": os.environ["PATH"]}
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment
    )
    assert result.stderr == "" and result.stdout.startswith("True ")
    assert not os.path.exists(result.stdout.split()[1]), "it goes at the end"
    monkeypatch.delenv("MPLCONFIGDIR", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    usable_matplotlib()
    assert "MPLCONFIGDIR" not in os.environ


def test_the_moving_average_starts_without_bias():
    assert moving_average([3.0, 3.0, 3.0]) == pytest.approx([3.0, 3.0, 3.0])
    assert moving_average([0.0, 1.0], memory=0.5) == pytest.approx([0.0, 2 / 3])
