"""The command hello-dl: what it lists, runs, and says to a wrong command line."""

from __future__ import annotations

import hashlib
import math
import os
import signal
import subprocess
import sys

import pytest

from hello_dl import __version__, cli, course, doctor
from hello_dl.course import outline
from hello_dl.data import catalog
from hello_dl.data.catalog import DataSet
from hello_dl.data.sources import Source
from hello_dl.progress import Run, record
from hello_dl.show import render
from hello_dl.train import job as main_job


@pytest.fixture
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("HELLO_DL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def two_lessons(monkeypatch, tmp_path, cache):
    """A course of lessons 02 and 05; they print their flags, and 05 fails."""
    folder = tmp_path / "lessons"
    folder.mkdir()
    for number, ending in ((2, ""), (5, "raise SystemExit(3)")):
        opening = f'"""Lesson {number:02} · Title {number}: is it question {number}?"""'
        script = f"{opening}\nimport sys\nprint('flags', sys.argv[1:])\n{ending}\n"
        (folder / f"{number:02}_x.py").write_text(script, encoding="utf-8")
    there = [outline(path) for path in sorted(folder.iterdir())]
    monkeypatch.setattr(course, "lessons", lambda: there)


@pytest.fixture
def command(capfd):
    """Run the command in this process; return the exit code, stdout and stderr."""

    def run(*arguments: str) -> tuple[int, str, str]:
        code = cli.run(arguments)
        return code, *capfd.readouterr()

    return run


# ---------------------------------------------------------------------------------- the course


def test_the_course_lists_parts_and_lessons_and_what_is_next(two_lessons, command):
    code, out, err = command()
    assert (code, err) == (0, "")
    assert "Part 1 · numbers" in out and "Part 2" not in out
    assert "    02  Title 2   Is it question 2?\n" in out
    assert "Next: hello-dl lesson 2   Is it question 2?" in out


def test_the_course_marks_what_ran_here_and_moves_on(two_lessons, command):
    record(2, Run(1.0, quick=False))
    out = command()[1]
    assert "  ✓ 02  Title 2" in out and "    05  Title 5" in out
    assert "Next: hello-dl lesson 5" in out
    record(5, Run(1.0, quick=True))
    out = command()[1]
    assert "  ~ 05  Title 5" in out
    assert "Next: hello-dl lesson 5" in out, "a quick look is not the whole"
    record(5, Run(1.0, quick=False))
    assert "Next: " not in command()[1]


def test_long_questions_wrap_below_themselves(monkeypatch, two_lessons, command):
    long = course.Outline(9, "T", "word " * 40 + "end?", course.lessons()[0].path)
    monkeypatch.setattr(course, "lessons", lambda: [long])
    rows = [line for line in command()[1].splitlines() if "word" in line][:-1]
    assert len(rows) > 2 and max(map(len, rows)) <= 100
    assert len({line.index("word") for line in rows}) == 1


def test_the_real_course_is_listed(cache, command):
    code, out, _ = command()
    assert code == 0 and "01  Three or seven" in out and "Next: hello-dl lesson 1" in out


def test_a_lesson_runs_in_its_own_process_with_the_flags_given(two_lessons, command):
    code, out, _ = command("lesson", "2", "--quick", "--data", "D", "--out", "O")
    assert code == 0
    assert out == "flags ['--quick', '--device=cpu', '--data=D', '--out=O']\n"


def test_a_lesson_that_fails_hands_its_exit_code_on(two_lessons, command):
    assert command("lesson", "05")[0] == 3


@pytest.mark.skipif(os.name == "nt", reason="Windows sends Ctrl-C to the whole console")
def test_ctrl_c_is_left_to_the_lesson(two_lessons, tmp_path):
    script = "import time\ntry: print('on', flush=True); time.sleep(60)\n"
    script += "except KeyboardInterrupt: time.sleep(1); print('saved'); raise SystemExit(7)\n"
    (tmp_path / "lessons" / "02_x.py").write_text('"""Lesson 02 · T: q?"""\n' + script)
    program = "import sys\nfrom pathlib import Path\nfrom hello_dl import cli, course\n"
    program += "there = [course.outline(Path(sys.argv[1]))]\ncourse.lessons = lambda: there\n"
    program += "sys.exit(cli.run(['lesson', '2']))"
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "lessons" / "02_x.py")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout.readline() == b"on\n"
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to both
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (7, b"saved\n", b"")


# ---------------------------------------------------------------------------- digits and pictures


def test_the_digits_options_are_the_job_s_own(monkeypatch, command):
    asked = []

    def job(options):
        asked.append(options)
        return main_job.Result(interrupted=len(asked) == 3)

    monkeypatch.setattr(main_job, "run", job)
    assert command("digits")[0] == 0
    flags = "--data D --epochs 3 --batch-size 32 --lr 0.1 --seed 7 --out O --quick --plain --show 5"
    flags += " --optimizer adam --augment --device cpu --resume"
    assert command("digits", *flags.split())[0] == 0
    assert command("digits")[0] == 130, "stopped by Ctrl-C"
    assert asked[0] == main_job.JobOptions()
    assert asked[1] == main_job.JobOptions(
        data="D", epochs=3, batch_size=32, lr=0.1, seed=7, out="O", quick=True, plain=True, show=5,
        optimizer="adam", augment=True, device="cpu", resume=True,
    )  # fmt: skip


def test_letters_are_the_same_job_with_another_name(monkeypatch, command):
    asked = []
    monkeypatch.setattr(main_job, "run", lambda options: asked.append(options) or main_job.Result())
    assert command("letters", "--model", "cnn", "--no-augment")[0] == 0
    assert asked == [main_job.JobOptions("letters", model="cnn", augment=False)]


@pytest.mark.parametrize("name", ["digits", "letters"])
def test_the_help_names_every_optimizer_and_how_each_net_is_trained(command, name):
    from hello_dl.train.recipes import OPTIMIZERS, RECIPES

    told = " ".join(command(name, "--help")[1].split())
    assert all(optimizer in told for optimizer in OPTIMIZERS)
    assert all(f"{net} {recipe.in_words}" in told for net, recipe in RECIPES.items())
    assert f"Watch a network learn handwritten {name}." in told


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("--epochs 0", "--epochs"),
        ("--epochs many", "'many'"),
        ("--lr fast", "'fast'"),
        ("--lr nan", "--lr"),
        ("--batch-size -1", "--batch-size"),
        ("--model alexnet", "'alexnet'"),
        ("--optimizer sdg", "'sdg'"),
        ("--device tpu", "'tpu'"),
        ("--resume --out /tmp", "no unfinished run"),
        ("--data /nowhere", "'/nowhere'"),
        ("--out /dev/null/x", "'/dev/null/x'"),
        ("--show 3 --out /nowhere", "/nowhere"),
        ("--epoch 3", "--epochs"),
        ("--out=", "--out is empty"),
    ],
)
def test_digits_says_in_one_line_what_is_wrong(command, line, named):
    code, _, err = command("digits", *line.split())
    assert code == 2
    assert err.startswith("hello-dl: ") and err.count("\n") == 1 and named in err


EXPRESSION = "((a*b + c).tanh()*d).exp()"


def test_draw_prints_value_and_gradients_and_writes_the_picture(tmp_path, command):
    picture = tmp_path / "graph.svg"
    code, out, err = command(
        "draw", EXPRESSION, "a=2", "b=-3", "c=10", "d=0.5", "--out", str(picture)
    )
    a, b, c, d = 2.0, -3.0, 10.0, 0.5
    t = math.tanh(a * b + c)
    result = math.exp(t * d)
    slope = result * d * (1 - t * t)
    assert (code, err) == (0, "")
    assert out.startswith(f"{EXPRESSION} = {result:.6g}\n")
    rows = dict(line.split(maxsplit=1) for line in out.splitlines() if line.count(" ") > 3)
    wanted = {"a": (a, slope * b), "b": (b, slope * a), "c": (c, slope), "d": (d, result * t)}
    for name, (value, gradient) in wanted.items():
        assert [float(x) for x in rows[name].split()] == pytest.approx([value, gradient], rel=1e-5)
    assert f"picture: {picture}\n" in out and "<svg" in picture.read_text(encoding="utf-8")


def test_draw_without_out_prints_the_graph_as_text(command):
    code, out, _ = command("draw", "-x*x", "x=3")
    assert code == 0 and out.startswith("-x*x = -9\n") and "picture:" not in out
    assert out.count("x") > 4


def test_draw_without_a_renderer_writes_text_and_says_so(monkeypatch, tmp_path, command):
    monkeypatch.setattr(render, "renderers", lambda: [])
    code, out, _ = command("draw", "a*2", "a=1", "--out", str(tmp_path / "g.png"))
    assert code == 0
    assert (tmp_path / "g.dot").is_file() and f"picture: {tmp_path / 'g.dot'}" in out
    assert "pip install" in out


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("a+b a=1", "b"),
        ("a*( a=1", "a*("),
        ("a.shout() a=1", "shout"),
        ("a a=x", "a=x"),
        ("a+1 a=1 --out g.gif", ".gif"),
        ("a+1 a=1 --out /dev/null/g.svg", "/dev/null/g.svg"),
        ("a+1 a=1 --picture g.svg", "no such option: --picture"),
        ("a*b a=1 b=2 --ot x", "no such option: --ot; hello-dl draw knows --out"),
        ("a a=nan", "'a=nan' makes a nan: use a finite number"),
        ("a a=1e400", "inf"),
        ("a+1 a=1 --out /dev/null/g.svg", "Not a directory"),
        ("__import__('os') a=1", "__import__"),
        ("1+2", "1+2"),
    ],
)
def test_draw_says_in_one_line_what_is_wrong(command, line, named):
    code, _, err = command("draw", *line.split())
    assert code == 2
    assert err.startswith("hello-dl: ") and err.count("\n") == 1 and named in err


@pytest.mark.parametrize(
    ("expression", "note"),
    [
        ("log(a)", "log of -1 is nan: not finite, so the gradients mean nothing"),
        ("1 / (a + 1)", "div of 1 and 0 is inf"),
        ("sqrt(a + 1)", "a gradient is not finite"),
    ],
)
def test_draw_says_where_a_result_stops_being_a_number(command, expression, note):
    code, out, _ = command("draw", expression, "a=-1")
    assert code == 0 and note in out.splitlines()[-1]
    assert "finite" not in command("draw", "a*a", "a=-1")[1]


@pytest.mark.parametrize("before", [None, "a good picture"])
def test_a_full_disk_is_one_line_and_leaves_the_picture_that_was_there(
    monkeypatch, tmp_path, command, before
):
    picture = tmp_path / "g.txt"
    if before:
        picture.write_text(before)

    def write_bytes(self, content):
        self.open("wb").close()  # what a full disk leaves
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", write_bytes)
    code, _, err = command("draw", "a*2", "a=1", "--out", str(picture))
    assert code == 2 and err.count("\n") == 1 and "No space left on device" in err
    assert [file.read_text() for file in tmp_path.iterdir()] == ([before] if before else [])


# ------------------------------------------------------------------------------------ bad input


@pytest.mark.parametrize(
    ("line", "named", "fix"),
    [
        ("lessn 3", "'lessn'", "the commands are lesson, "),
        ("--bogus", "--bogus", "--version"),
        ("lesson 2 --qick", "--qick", "--quick"),
        ("lesson", "NUMBER", "--help"),
        ("lesson 2 3", "(3)", "--help"),
        ("lesson 4", "'4'", "the lessons are 2, 5"),
        ("lesson two", "'two'", "the lessons are 2, 5"),
        ("lesson -1", "-1", "--help"),
        ("data mnits", "'mnits'", "shakespeare, python-topics, or all"),
        ("data --data /nowhere", "/nowhere", "name a folder"),
        ("data strokes --data", "--data", "requires an argument"),
    ],
)
def test_a_wrong_command_line_is_one_line_that_names_the_fix(
    two_lessons, command, line, named, fix
):
    code, out, err = command(*line.split())
    assert (code, out) == (2, "")
    assert err.startswith("hello-dl: ") and err.count("\n") == 1
    assert named in err and fix in err


def test_a_bug_keeps_its_traceback(monkeypatch, command):
    monkeypatch.setattr(doctor, "examine", lambda: [][1])
    with pytest.raises(IndexError):
        command("doctor")


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (ValueError("a\nb"), 2, "hello-dl: a b\n"),
        (PermissionError(13, "Permission denied", "out/x"), 2, "'out/x': Permission denied"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_what_is_no_bug_has_no_traceback(monkeypatch, command, error, code, line):
    def fail():
        raise error

    monkeypatch.setattr(doctor, "examine", fail)
    found, _, err = command("doctor")
    assert found == code and line in err and "Traceback" not in err


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
@pytest.mark.parametrize("arguments", [["data"], ["lesson", "1", "--quick"]])
def test_an_output_that_is_full_is_one_line(cache, tmp_path, arguments):
    if "lesson" in arguments:
        arguments = [*arguments, "--data", "strokes", "--out", str(tmp_path)]
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "hello_dl", *arguments]
        result = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1 and "free some space" in result.stderr


def test_ctrl_c_while_the_command_loads_is_no_traceback():
    program = (
        "import sys\n"
        "class Interrupt:\n"
        "    def find_spec(self, name, *rest):\n"
        "        if name == 'hello_dl.cli': raise KeyboardInterrupt\n"
        "from hello_dl.__main__ import main\n"
        "sys.meta_path.insert(0, Interrupt())\n"
        "main()"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True)
    assert (result.returncode, result.stdout, result.stderr) == (130, b"", b"")


def test_a_reader_who_stops_reading_gets_no_traceback():
    process = subprocess.Popen(
        [sys.executable, "-c", "from hello_dl.__main__ import main; main()"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    process.stdout.close()  # long before the first line is there
    assert process.stderr.read() == b""
    assert process.wait() == 1


# -------------------------------------------------------------------- version, help, data, doctor


def test_version_and_help(command):
    assert command("--version")[1] == f"hello_dl {__version__}\n"
    out = command("--help")[1]
    for name in ("lesson", "digits", "draw", "data", "doctor"):
        assert f" {name} " in out
        assert command(name, "--help")[0] == 0
    assert "..." not in out.split("Commands:")[1], "nothing is cut off at 80 columns"
    assert "`strokes`" in command("lesson", "--help")[1]
    assert "[[" not in command("draw", "--help")[1] + command("data", "--help")[1]


def test_help_works_where_the_terminal_knows_no_unicode(cache):
    for arguments in ([], ["--help"], ["doctor"], ["data"]):
        program = "import sys; from hello_dl import cli; sys.exit(cli.run(sys.argv[1:]))"
        result = subprocess.run(
            [sys.executable, "-c", program, *arguments],
            capture_output=True,
            env=os.environ | {"PYTHONIOENCODING": "ascii"},
        )
        assert result.returncode == 0, result.stderr.decode()
        assert result.stdout.isascii() and b"\x1b" not in result.stdout


def test_nothing_heavy_is_imported_for_a_wrong_command_line():
    program = (
        "import sys; from hello_dl import cli; cli.run(['nope']); "
        "print([m for m in ('matplotlib', 'rich.progress', 'safetensors') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert result.stdout.strip() == "[]"


def test_data_sets_are_listed_with_where_they_are(cache, command):
    code, out, _ = command("data")
    assert code == 0
    assert "mnist           55 MB  70,000 handwritten digits" in out
    assert "hello-dl data mnist downloads it" in out and "made by hello_dl" in out


def test_data_that_needs_no_file_is_there(command):
    assert command("data", "strokes") == (0, "strokes: made by hello_dl, needs no file\n", "")


def test_data_that_cannot_be_had_is_said_and_the_rest_is_fetched(monkeypatch, cache, command):
    content = b"some text"
    sha = hashlib.sha256(content).hexdigest()
    dead = ("http://127.0.0.1:9/a.txt",)
    missing = Source("a.txt", "text", dead, sha, len(content))
    there = Source("b.txt", "text", dead, sha, len(content))
    (cache / "text").mkdir(parents=True)
    (cache / "text" / "b.txt").write_bytes(content)
    sets = {"a": DataSet("a", "lost", (missing,)), "b": DataSet("b", "found", (there,))}
    monkeypatch.setattr(catalog, "datasets", lambda: sets)
    code, out, err = command("data", "all")
    assert code == 2
    assert out == f"b: checked, in {cache / 'text'}\n"
    assert err.count("\n") == 1 and "a.txt could not be downloaded" in err


def test_the_doctor_reports_every_row_and_advice(cache, command):
    code, out, err = command("doctor")
    assert (code, err) == (0, "")
    rows = "Python numpy threads Graphviz fonts GPU data:".split()
    assert [row for row in rows if f" {row} " not in out] == []
    assert "→ hello-dl data mnist downloads it (55 MB)" in " ".join(out.split())


def test_the_doctor_says_how_to_get_graphviz(monkeypatch):
    monkeypatch.setattr(render, "renderers", lambda: [])
    monkeypatch.setattr(render, "find_dot", lambda: None)
    monkeypatch.setattr(doctor, "_version", lambda package: None)
    finding = doctor.graphviz()
    assert finding.found == "none"
    assert "drawn as text" in finding.to_do
    assert f"{sys.executable} -m pip install pygraphviz" in finding.to_do


def test_the_doctor_does_not_tick_data_that_is_damaged(monkeypatch, cache, tmp_path):
    (cache / "mnist").mkdir(parents=True)
    for source in catalog.datasets()["mnist"].sources:
        (cache / "mnist" / source.name).write_bytes(b"\0\0\x08\x03")
    found = {finding.what: finding for finding in doctor.data()}
    assert "truncated" in found["data: mnist"].to_do
    assert "downloads it" in found["data: names"].to_do
    monkeypatch.setenv("HELLO_DL_DATA", str(tmp_path / "nope"))
    rows = list(doctor.data())
    assert [row.what for row in rows] == [f"data: {name}" for name in catalog.datasets()]
    with_files = [row for row in rows if catalog.datasets()[row.what[6:]].sources]
    assert len(with_files) > 4 and all("HELLO_DL_DATA" in row.to_do for row in with_files)


@pytest.mark.parametrize(
    ("smi", "packages", "trial", "found", "to_do"),
    [
        (None, {}, "", "no NVIDIA driver", ""),
        ("H200, 580.1", {}, "", "no CuPy", '"cupy-cuda13x[ctk]"'),
        ("A100, 550.2\nA100, 550.2", {}, "", "2 x A100, driver 550.2", '"cupy-cuda12x[ctk]"'),
        ("H200, 580.1", {"cupy-cuda13x": "14.2"}, "print(14.0)", "ran a kernel in", ""),
        ("H200, 580.1", {"cupy-cuda13x": "14.2"}, "1/0", "ZeroDivisionError", "--force-reinstall"),
        ("H200, 580.1", {"cupy-cuda13x": "14.2"}, "print(13.0)", "came out as '13.0'", "--force"),
        ("H200, 580.1", {"cupy-cuda12x": "1", "cupy-cuda13x": "1"}, "", "driver", "keep one"),
    ],
)
def test_the_doctor_knows_how_cuda_can_be_half_installed(
    monkeypatch, smi, packages, trial, found, to_do
):
    monkeypatch.setattr(doctor.shutil, "which", lambda name: name)
    monkeypatch.setattr(doctor, "_output", lambda command: smi)
    monkeypatch.setattr(doctor, "_version", packages.get)
    monkeypatch.setattr(doctor, "GPU_TRIAL", trial)
    finding = doctor.gpu()
    assert found in finding.found
    assert (to_do in finding.to_do) if to_do else not finding.to_do
