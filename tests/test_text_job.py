"""Token files, windows, `hello-dl train-text` and `hello-dl write`, from the outside."""

import io
import json
import re

import numpy as np
import pytest

from hello_dl.cli import run as cli
from hello_dl.text import ByteTokenizer, CharTokenizer, corpus, source
from hello_dl.text.job import run
from hello_dl.text.options import TextOptions
from hello_dl.text.saved import load_writer
from hello_dl.text.write import WriteOptions
from hello_dl.text.write import run as write

TEXT = "the cat sat on the mat.\nthe dog sat on the log.\n" * 60


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty folder with a little text in it, and no data or cache anywhere else."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HELLO_DL_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("HELLO_DL_DATA", raising=False)
    (tmp_path / "mine.txt").write_text(TEXT, "utf-8")
    return tmp_path


@pytest.fixture
def command(here, capsys):
    """Run `hello-dl` with a line of arguments: (exit code, stdout, stderr)."""

    def do(*words):
        code = cli([word for text in words for word in text.split(" ")])
        told = capsys.readouterr()
        return code, told.out, told.err

    return do


MINE = "train-text --data mine.txt --config names --steps 20 --plain"


# ---------------------------------------------------------------------------------- token files


def test_token_files_come_back_and_are_mapped(tmp_path):
    for tokenizer, size in ((ByteTokenizer(), 2), (CharTokenizer(TEXT), 2)):
        path = tmp_path / "text.tokens"
        count = corpus.write_tokens(path, tokenizer, TEXT.splitlines(keepends=True))
        tokens = corpus.open_tokens(path, tokenizer.vocab_size)
        assert isinstance(tokens, np.memmap) and tokens.itemsize == size
        assert count == len(tokens) and tokenizer.decode(tokens) == TEXT
    assert corpus.dtype_of(2**16) == "<u2" and corpus.dtype_of(2**16 + 1) == "<u4"
    path.write_bytes(b"123")
    with pytest.raises(ValueError, match="it has 3 bytes"):
        corpus.open_tokens(path, 256)
    with pytest.raises(ValueError, match="missing cannot be read: No such file"):
        corpus.open_tokens(tmp_path / "missing", 256)
    (tmp_path / "folder").mkdir()
    with pytest.raises(ValueError, match="folder (cannot be read|is no file of tokens)"):
        corpus.open_tokens(tmp_path / "folder", 256)


def test_windows_are_pieces_of_the_text_and_go_on_where_they_were():
    tokens = np.arange(1000)
    loader = corpus.RandomWindows(tokens, 8, 4, steps=5, seed=3)
    epochs = [[b.tokens.numpy() for b in loader] for _ in range(2)]
    assert len(loader) == len(epochs[0]) == 5
    assert not (epochs[0][0] == epochs[1][0]).all()
    for batch in corpus.RandomWindows(tokens, 8, 4, steps=5, seed=3):
        assert (batch.targets.numpy() == batch.tokens.numpy() + 1).all()
        assert (np.diff(batch.tokens.numpy()) == 1).all()
    again = corpus.RandomWindows(tokens, 8, 4, steps=5, seed=3)
    again.load_state_dict({"epoch": 1, "done": 3})
    rest = [b.tokens.numpy() for b in again]
    assert all((a == b).all() for a, b in zip(rest, epochs[1][3:], strict=True))
    assert again.state_dict() == {"epoch": 2, "done": 0}
    counted = corpus.RandomWindows(tokens, 8, 4, steps=5, total=12)
    assert [len(list(counted)) for _ in range(4)] == [5, 5, 2, 0]
    starts = np.concatenate(
        [b.tokens.numpy()[:, 0] for b in corpus.RandomWindows(np.arange(10), 8, 64, 9)]
    )
    assert set(starts) == {0, 1}, "all places where a window fits, and no other"


@pytest.mark.parametrize("kind", [corpus.RandomWindows, corpus.OrderedWindows])
def test_windows_of_no_size_are_refused(kind):
    with pytest.raises(ValueError, match="block_size must be 1 or more, not 0"):
        kind(np.arange(9), 0, 2, 1)
    with pytest.raises(ValueError, match="batch_size must be 1 or more, not 0"):
        kind(np.arange(9), 2, 0, 1)
    with pytest.raises(ValueError, match="the text has 5 tokens, and a window takes 6"):
        kind(np.arange(5), 5, 2, 1)


def test_ordered_windows_see_every_token_once():
    tokens = np.arange(101)
    batches = list(corpus.OrderedWindows(tokens, 10, 4))
    seen = np.concatenate([b.targets.numpy().ravel() for b in batches])
    assert (seen == np.arange(1, 101)).all()
    some = list(corpus.OrderedWindows(tokens, 10, 2, batches=2))
    assert [b.tokens.numpy()[0, 0] for b in some] == [0, 60] and len(some) == 2


def test_halves_do_not_overlap():
    train, validation = corpus.split(np.arange(1000))
    assert (len(train), len(validation)) == (900, 100) and validation[0] == 900


# --------------------------------------------------------------------------------- from outside


def test_it_learns_writes_and_says_how_well(command, here):
    code, out, err = command(MINE, "--seed 1")
    assert code == 0, err
    lines = out.splitlines()
    assert re.fullmatch(r"validation loss \d\.\d{4} \(names, 20 steps, \d+ s\)", lines[-1])
    assert any(line.startswith("    | ") for line in lines), "a sample"
    assert "\x1b" not in out
    assert "15 different ones (characters)" in out
    writer = load_writer(here / "out/text/gpt/model.safetensors")
    assert writer.name == "gpt" and float(writer.about["loss"]) < np.log(15)
    assert not (here / "out/text/gpt/unfinished").exists()
    first = command("write --prompt the --tokens 30 --seed 3")
    again = command("write --prompt the --tokens 30 --seed 3")
    other = command("write --prompt the --tokens 30 --seed 4")
    assert first == again != other
    assert first[0] == 0 and first[1].startswith("the") and len(first[1]) == 3 + 30 + 1
    cold = command("write --prompt the --tokens 30 --temperature 0")
    assert cold == command("write --prompt the --tokens 30 --temperature 0 --seed 9")


@pytest.mark.parametrize("model", ["gru", "lstm", "rnn", "mlp", "bigram"])
def test_every_model_learns_and_writes(command, model):
    code, out, err = command(MINE, f"--model {model}")
    assert code == 0, err
    assert command(f"write --model {model} --tokens 5")[0] == 0


@pytest.mark.parametrize("kind, size", [("bytes", "256"), ("bpe", "273")])
def test_other_tokenizers(command, kind, size):
    code, out, err = command(MINE, f"--model bigram --tokenizer {kind}")
    assert code == 0, err
    assert f"{size} different ones ({kind})" in out


def test_without_any_data_it_learns_what_python_brings_along(here, capsys):
    options = TextOptions("pydoc", "bigram", steps=5, plain=True, download=False)
    assert run(options).loss < np.log(256)
    options = TextOptions("shakespeare-cpu", "bigram", steps=5, plain=True, download=False)
    run(options)
    assert "as Shakespeare is not on this machine" in capsys.readouterr().out


def test_a_run_that_was_stopped_ends_as_one_that_was_left_alone(here, capsys):
    """Bit by bit: weights, and the loss of validation."""
    plain = {"config": "names", "data": "mine.txt", "steps": 600, "plain": True}
    whole = run(TextOptions(model="mlp", out="whole", **plain))

    class Stop:
        """A stream that presses Ctrl-C when the first validation is told."""

        text = ""

        def write(self, text):
            self.text += text
            if "step    250" in text:
                raise KeyboardInterrupt

        def flush(self):
            pass

    stopped = run(TextOptions(model="mlp", out="parts", **plain), Stop())
    assert stopped.interrupted and 250 <= stopped.steps < 600
    resumed = run(TextOptions(model="mlp", out="parts", resume=True))
    assert "resume after 250 steps" in capsys.readouterr().out
    assert resumed.loss == whole.loss and resumed.steps == whole.steps == 600
    a, b = (load_writer(here / out / "model.safetensors") for out in ("whole", "parts"))
    for (name, x), (_, y) in zip(a.model.named_parameters(), b.model.named_parameters()):
        assert (x.numpy() == y.numpy()).all(), name


def test_bad_input_is_one_clear_line(command, here):
    def says(words, *line):
        code, out, err = command(*line)
        assert code == 2 and re.search(words, err), err
        assert err.count("\n") == 1 and "Traceback" not in err

    says("there is no config 'novel'; --config takes shakespeare-cpu", "train-text --config novel")
    says("there is no model 'bert'; --model takes gpt", "train-text --model bert")
    says("no tokenizer 'words'", MINE, "--tokenizer words")
    says("--steps must be 1 or more", MINE, "--steps 0")
    (here / "empty.txt").write_text(" \n")
    says("empty.txt is empty", "train-text --data empty.txt")
    (here / "short.txt").write_text("just a few words")
    says("has 16 tokens, and 650 are needed: a tenth", "train-text --data short.txt")
    (here / "half.txt").write_text("a" * 640)
    says("has 640 tokens, and 650 are needed: a tenth", "train-text --data half.txt")
    (here / "latin.txt").write_bytes("naïve".encode("latin-1"))
    says("latin.txt is not UTF-8: byte 2 is 0xef", "train-text --data latin.txt")
    says("nothing.txt cannot be read", "train-text --data nothing.txt")
    says("no unfinished run", "train-text --resume")
    says("no gpt has learned to write here yet: run hello-dl train-text", "write")
    assert command(MINE, "--model bigram")[0] == 0
    says("'é' is not among the 15 of this vocabulary", "write --model bigram --prompt é")
    says("holds a bigram, not a gpt", "write --model gpt --out out/text/bigram")
    says("--temperature|temperature must be", "write --model bigram --temperature -1")
    says("--top-k must be 1 or more, not 0", "write --model bigram --top-k 0")
    says("--top-p must be above 0 and at most 1", "write --model bigram --top-p 1.5")
    says("--out is empty: name a folder, such as out/text/gru", "write --model gru --out=")
    says("--prompt is not UTF-8 text: '.udcff'", "write --model bigram --prompt \udcff")
    (here / "out/text/bigram/model.safetensors").write_bytes(b"no model")
    says("is damaged or no model file", "write --model bigram")


def test_a_checkpoint_of_another_config_is_refused(here):
    plain = {"model": "bigram", "data": "mine.txt", "plain": True}

    class Stop:
        def write(self, text):
            if "step " in text:
                raise KeyboardInterrupt

        def flush(self):
            pass

    assert run(TextOptions("names", steps=600, **plain), Stop()).interrupted
    with pytest.raises(ValueError, match="--config is names in the run to go on with, not pydoc"):
        run(TextOptions("pydoc", resume=True, **plain))


def test_a_run_goes_on_with_its_own_text_only(here):
    """Another text would be numbered otherwise, and tried on what was learned from."""
    plain = {"config": "names", "model": "bigram", "data": "mine.txt", "steps": 600, "plain": True}

    class Stop:
        def write(self, text):
            if "step " in text:
                raise KeyboardInterrupt

        def flush(self):
            pass

    stopped = run(TextOptions(**plain), Stop())
    assert stopped.interrupted
    for other in (TEXT.replace("cat", "act"), TEXT + "Z"):  # the same characters, and one more
        (here / "mine.txt").write_text(other, "utf-8")
        with pytest.raises(ValueError, match=r"the text \(mine.txt\) is not the one that the run"):
            run(TextOptions(resume=True, model="bigram"))
    (here / "mine.txt").write_text(TEXT, "utf-8")
    assert run(TextOptions(resume=True, model="bigram", plain=True)).steps == 600


def test_texts_of_windows_are_read_as_python_reads_them(here):
    (here / "windows.txt").write_bytes("\ufeffnaïve\r\n漢字\r\n".encode())
    assert corpus.read_text(here / "windows.txt") == "naïve\n漢字\n"


def test_names_for_validation_are_not_the_rarest(monkeypatch):
    """In the file the most common come first."""
    names = [f"name{i}" for i in range(1000)]
    monkeypatch.setattr(source, "load_names", lambda *a: list(names))
    text = source.get_text("names").text
    assert text == source.get_text("names").text and text.endswith("\n")
    assert sorted(text.split()) == sorted(names)
    last = [names.index(name) for name in text.split()[900:]]
    assert 350 < np.mean(last) < 650


@pytest.mark.parametrize("kind", ["characters", "bytes", "bpe"])
def test_a_text_of_a_single_line_can_be_learned_and_gone_on_from(command, here, kind):
    (here / "mine.txt").write_text("to be or not to be " * 100, "utf-8")
    code, out, err = command(MINE, f"--model bigram --tokenizer {kind}")
    assert code == 0, err
    assert command("write --model bigram --tokens 6")[0] == 0


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_gets_no_signs_that_steer_it(command, here, monkeypatch):
    """In a pipe the text is as it was written."""
    monkeypatch.setenv("TERM", "xterm")
    (here / "mine.txt").write_bytes(b"\x1b[31m\x07\t\n" * 200)
    assert command(MINE, "--model bigram")[0] == 0
    streams = [io.StringIO(), Terminal()]
    for stream in streams:
        write(WriteOptions("bigram", tokens=200, seed=0), stream)
    piped, shown = (stream.getvalue() for stream in streams)
    assert "\x1b" in piped and "\x07" in piped and "\t" in shown
    assert shown == piped.replace("\x1b", "?").replace("\x07", "?")


def test_a_saved_model_says_what_it_is(command, here):
    assert command(MINE)[0] == 0
    path = here / "out/text/gpt/model.safetensors"
    writer = load_writer(path)
    assert json.loads(writer.about["recipe"])["n_embd"] == 64
    assert writer.about["text"] == "mine.txt" and writer.about["steps"] == "20"
    assert writer.tokenizer.decode(writer.tokenizer.encode("the mat.")) == "the mat."
