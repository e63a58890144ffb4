"""The frame of a lesson, the list of lessons, and which of them ran here."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from hello_dl import course
from hello_dl.backend import cuda_trouble
from hello_dl.course import PARTS, following, lessons, outline, read_opening
from hello_dl.progress import Run, ran, record

BODY = """
from hello_dl.course import begin

if __name__ != "__main__":
    raise ImportError("a lesson is run, not imported")

lesson = begin(__doc__, __file__)
lesson.section("Build it here")
"""

FINISH = """
lesson.finish(
    learned=["slopes along a path multiply " * 6, "where paths meet → they add"],
    try_this=["put 3 ≥ 2"],
)
"""


@pytest.fixture
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("HELLO_DL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def run(tmp_path, cache):
    """Write a lesson that does something, run it piped, and return how it ended."""

    def run_lesson(doing: str, *flags: str, **environment: str):
        script = tmp_path / "03_backward.py"
        opening = (
            '"""Lesson 03 · Backward: how does one\ngradient reach every number?\n\nMore.\n"""'
        )
        script.write_text(opening + BODY + doing + FINISH, encoding="utf-8")
        return subprocess.run(
            [sys.executable, str(script), *flags],
            capture_output=True,
            cwd=tmp_path,
            env=os.environ | {"PYTHONIOENCODING": "utf-8"} | environment,
        )

    return run_lesson


# ------------------------------------------------------------------------------------ openings


def test_an_opening_is_read_over_line_breaks():
    lesson = read_opening(
        "Lesson 03 · Backward: how does one\ngradient reach all?\n\nMore: yes.", Path("03_x.py")
    )
    assert lesson.name == "Lesson 03 · Backward"
    assert lesson.question == "How does one gradient reach all?"


@pytest.mark.parametrize(
    "opening", ["", "Backward: why?", "Lesson 3 · B: why?", "Lesson 04 · B: q"]
)
def test_another_opening_is_an_error_that_says_how_to_begin(opening):
    with pytest.raises(ValueError, match=r"^03_x.py opens with .*'Lesson 03 · Title: question\?'$"):
        read_opening(opening, Path("03_x.py"))


def test_the_lessons_are_in_order_each_once_and_belong_to_a_part():
    there = lessons()
    numbers = [lesson.number for lesson in there]
    assert numbers == sorted(set(numbers)) and numbers[0] == 1
    assert all(any(n in part for _, part in PARTS) for n in numbers)
    assert all(lesson.question.endswith("?") for lesson in there)


def test_the_parts_count_from_1_to_31_without_a_gap():
    assert [n for _, numbers in PARTS for n in numbers] == list(range(1, 32))


def test_lessons_of_an_installed_package_lie_inside_it(monkeypatch, tmp_path):
    inside = tmp_path / "site-packages" / "hello_dl" / "_lessons"
    inside.mkdir(parents=True)
    (inside / "05_net.py").write_text('"""Lesson 05 · A net: why?"""', encoding="utf-8")
    monkeypatch.setattr(course, "__file__", str(inside.parent / "course.py"))
    assert [lesson.path for lesson in lessons()] == [inside / "05_net.py"]


def test_the_next_lesson_skips_numbers_that_are_not_there(tmp_path):
    there = []
    for n in (5, 7):
        path = tmp_path / f"{n:02}_x.py"
        path.write_text(f'"""Lesson {n:02} · T: why?"""', encoding="utf-8")
        there.append(outline(path))
    assert following(5, there) is there[1]
    assert following(7, there) is None


# ------------------------------------------------------------------------------ which ran here


def test_a_run_is_remembered_and_a_quick_one_does_not_hide_a_full_one(cache):
    assert ran(3) is None
    record(3, Run(2.0, quick=True))
    assert ran(3) == Run(2.0, quick=True)
    record(3, Run(9.0, quick=False))
    record(3, Run(1.0, quick=True))
    assert ran(3) == Run(9.0, quick=False)
    assert [path.name for path in (cache / "course").iterdir()] == ["03.json"]


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"seconds": "x", "quick": 1}', b"\xff\xfe"])
def test_a_damaged_record_counts_as_none_and_is_replaced(cache, damage):
    (cache / "course").mkdir(parents=True)
    (cache / "course" / "03.json").write_bytes(damage)
    assert ran(3) is None
    record(3, Run(1.0, quick=True))
    assert ran(3) == Run(1.0, quick=True)


def test_a_cache_that_cannot_be_written_is_no_failure(cache):
    cache.write_text("a file where the folder should be")
    record(3, Run(1.0, quick=False))
    assert ran(3) is None


# ----------------------------------------------------------------------------------- the frame


def test_a_lesson_prints_its_frame_and_is_remembered(run, tmp_path):
    result = run('lesson.saved(lesson.out / "a.svg")', "--quick")
    text = result.stdout.decode()
    assert result.returncode == 0 and result.stderr == b""
    assert text.startswith("Lesson 03 · Backward\nHow does one gradient reach every number?\n")
    assert "The code: 03_backward.py, to read beside this\n" in text
    assert "── Build it here ──" in text
    assert f"picture: {Path('out/lessons/03/a.svg')}\n" in text
    assert (tmp_path / "out" / "lessons" / "03").is_dir()
    assert text.index("What we learned") < text.index("  • slopes") < text.index("Try this")
    after = following(3, lessons())
    assert f"Next: hello-dl lesson {after.number}\n{after.name}: {after.question}\n" in text
    assert max(map(len, text.splitlines())) <= 100 and "\x1b" not in text
    assert ran(3) is not None and ran(3).quick


def test_a_pipe_gets_no_control_codes_even_if_colors_are_forced(run):
    result = run("", FORCE_COLOR="1", TTY_COMPATIBLE="1")
    assert result.returncode == 0 and b"\x1b" not in result.stdout


@pytest.mark.parametrize(("encoding", "sign"), [("ascii", b"->"), ("cp1252", b"->")])
def test_signs_that_the_output_lacks_become_ascii(run, encoding, sign):
    result = run('print("α ✓ é 你")', PYTHONIOENCODING=encoding)
    assert result.returncode == 0, result.stderr.decode()
    assert sign in result.stdout and b">= 2" in result.stdout
    accented = "é".encode(encoding, "replace").replace(b"?", b"e")
    assert b"alpha + " + accented + b" ?" in result.stdout


@pytest.mark.parametrize(
    ("call", "line"),
    [
        ('lesson.expect("acc", 91.234, 85, 95, unit="%")', "acc: 91.23 %   (expect 85 to 95)"),
        ('lesson.expect("n", 800, 800, 800)', "n: 800   (expect 800)"),
        ('lesson.expect("n", 12345, 9, float("inf"))', "n: 12,345   (expect at least 9)"),
        ('lesson.expect("e", 1e-9, float("-inf"), 1e-6)', "e: 1e-09   (expect at most 1e-06)"),
    ],
)
def test_a_result_is_printed_beside_its_range(run, call, line):
    result = run(call)
    assert result.returncode == 0
    assert line in result.stdout.decode().splitlines()


@pytest.mark.parametrize("value", ["84.9", "95.1", 'float("nan")'])
def test_a_result_out_of_range_ends_with_exit_code_1_after_the_lesson(run, value):
    result = run(f'lesson.expect("acc", {value}, 85, 95)')
    text = result.stdout.decode()
    assert result.returncode == 1 and result.stderr == b""
    assert "expect 85 to 95!" in text and "What we learned" in text
    assert text.rstrip().endswith("Out of the range to expect: acc.")
    assert ran(3) is None


def test_options_reach_the_lesson(run, tmp_path):
    (tmp_path / "digits").mkdir()
    shown = "print([lesson.quick, lesson.device, lesson.data, lesson.out.name, lesson.live])"
    result = run(shown, "--data", "digits", "--out", "here", "--device=cpu")
    assert "[False, 'cpu', 'digits', 'here', False]" in result.stdout.decode()
    assert (tmp_path / "here").is_dir()


@pytest.mark.skipif(cuda_trouble() is None, reason="there is a GPU")
def test_without_a_gpu_a_lesson_says_so_in_one_line_and_runs_on_the_cpu(run):
    result = run("print('on', lesson.device)", "--device=cuda")
    assert result.returncode == 0 and b"on cpu" in result.stdout
    said = result.stderr.decode().splitlines()
    assert len(said) == 1 and said[0].startswith("hello-dl: no device 'cuda', numpy on the CPU is")


def test_random_numbers_are_the_same_in_every_run(run):
    doing = "import random, hello_dl\nfrom hello_dl.backend.random import normal\n"
    doing += "print('drawn', random.random(), normal((2,)).tolist())"
    first, second = (
        [line for line in run(doing).stdout.decode().splitlines() if line.startswith("drawn")]
        for _ in range(2)
    )
    assert len(first) == 1 and first == second


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (["--qick"], "--qick"),
        (["--device", "tpu"], "'tpu'"),
        (["--data", "nowhere"], "'nowhere'"),
        (["--out", "03_backward.py/x"], "03_backward.py"),
        (["--out", ""], "--out"),
        (["more"], "more"),
    ],
)
def test_a_wrong_flag_is_one_line_and_exit_code_2(run, flags, named):
    result = run("", *flags)
    lines = result.stderr.decode().splitlines()
    assert result.returncode == 2 and result.stdout == b""
    assert len(lines) == 1 and lines[0].startswith("hello-dl: ") and named in lines[0]


def test_missing_data_is_one_line_and_exit_code_2(run, tmp_path):
    doing = "from hello_dl.data.mnist import load_mnist\nload_mnist(lesson.data)"
    result = run(doing, "--data", ".")
    lines = result.stderr.decode().splitlines()
    assert result.returncode == 2
    assert len(lines) == 1 and "holds no train-images" in lines[0]


@pytest.mark.parametrize(
    "doing",
    [
        "raise OSError(28, 'No space left on device')",
        "from hello_dl import Value\nfrom hello_dl.show import draw\n"
        "draw(Value(1.0) * 2, '03_backward.py/x.txt')",
    ],
)
def test_a_picture_that_cannot_be_written_is_one_line_and_exit_code_2(run, doing):
    result = run(doing)
    lines = result.stderr.decode().splitlines()
    assert result.returncode == 2 and len(lines) == 1 and lines[0].startswith("hello-dl: ")
    assert "cannot be written" in lines[0] or "cannot write" in lines[0]
    assert ran(3) is None


def test_a_bug_in_a_lesson_keeps_its_traceback(run):
    result = run("[][1]")
    assert result.returncode == 1 and b"IndexError" in result.stderr
    assert ran(3) is None


def test_ctrl_c_ends_with_exit_code_130_and_no_traceback(run):
    result = run("raise KeyboardInterrupt")
    assert result.returncode == 130
    assert result.stderr.decode().strip() == "stopped"


# ---------------------------------------------------------------------------------- the README

README = Path(__file__).parents[1] / "README.md"


def test_the_readme_lists_the_lessons_there_are():
    rows = re.findall(r"^\| (\d\d) \| (.+) \| (.+) \|$", README.read_text(encoding="utf-8"), re.M)
    assert rows == [(f"{ell.number:02}", ell.title, ell.question) for ell in lessons()]


def test_the_code_in_the_readme_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    code = re.findall(r"```python\n(.+?)```", README.read_text(encoding="utf-8"), re.S)
    whole = [block for block in code if "import" in block]
    assert len(whole) >= 5
    names = {}  # one block goes on with what an earlier one has made
    for block in whole:
        exec(block, names)
    assert (tmp_path / "out" / "tanh.svg").stat().st_size > 0
    assert (tmp_path / "out" / "net" / "best.safetensors").is_file()
    printed = capsys.readouterr().out
    (loss,) = re.findall(r"^(\d\S*) \[", printed, re.M)
    assert float(loss) < 0.05, "the net has learned exclusive or"
    right = [float(n) for n in re.findall(r"^epoch \d: (\S+)% of new digits", printed, re.M)]
    assert len(right) == 2 and min(right) > 80
    assert "218,560" in printed and "matmul (128, 784)" in printed, "the report of the program"
