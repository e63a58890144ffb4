"""Reading: lines, characters, the shared preprocessing, what the net says, and how sure it is."""

from __future__ import annotations

import io
import math

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageOps

from hello_dl import cli, nn
from hello_dl.data.strokes import DIGITS, LETTERS, draw_characters
from hello_dl.models import make_model
from hello_dl.read import command, training
from hello_dl.read.blobs import Blobs, character_height
from hello_dl.read.boxes import color_of, draw_boxes
from hello_dl.read.calibrate import (
    calibration_error,
    find_temperature,
    log_softmax,
    mean_surprise,
    reliability,
)
from hello_dl.read.command import ReadOptions
from hello_dl.read.examples import RandomPenWidth, augmentation, make_examples
from hello_dl.read.glyphs import BOX, FIELD, stroke_width, to_field
from hello_dl.read.ink import INKED, find_ink
from hello_dl.read.lines import Piece, find_lines, joined
from hello_dl.read.pages import compose_page
from hello_dl.read.reader import Reader, word_gap
from hello_dl.read.rules import without_rules
from hello_dl.read.score import edit_distance, wrong_characters
from hello_dl.read.segment import Candidate, best_way, candidates
from hello_dl.read.sizes import natural_places, with_sizes
from hello_dl.read.tilt import find_tilt, straightened
from hello_dl.read.training import train_reader
from tests.helpers import DEVICES, assert_close, on_device

# -------------------------------------------------------------------------- lines and pieces


def pieces_on(page):
    """The pieces of a page's lines, and the usual height of a character."""
    ink = find_ink(page).amount
    straight = without_rules(straightened(ink, find_tilt(ink))[0])
    blobs = Blobs.of(straight > INKED)
    height = character_height(blobs)
    return find_lines(blobs, height), height


@pytest.mark.parametrize("alphabet", [DIGITS, LETTERS])
@pytest.mark.parametrize("kind", ["clean", "hard", "board"])
def test_lines_are_found_and_nearly_every_character_is_a_piece(kind, alphabet):
    pieces = characters = 0
    for seed in range(20, 23):
        page, truth = compose_page(seed, kind, alphabet, lines=4)
        lines, height = pieces_on(page)
        assert len(lines) == 4, f"seed {seed}"
        tall = np.concatenate(truth.boxes)
        assert height == pytest.approx(np.median(tall[:, 3] - tall[:, 1]), rel=0.25)
        pieces += sum(map(len, lines))
        characters += len("".join(truth.lines).replace(" ", ""))
    assert characters * 0.98 <= pieces <= characters * 1.08


def piece(left, right, top=0, bottom=40):
    return Piece(top, left, np.ones((bottom - top, right - left), bool))


def test_joined_pieces_keep_their_pixels():
    one, other = Piece(2, 3, np.eye(3, dtype=bool)), Piece(0, 5, np.ones((2, 2), bool))
    both = joined([one, other])
    assert (both.top, both.left, both.bottom, both.right) == (0, 3, 5, 7)
    assert both.mask.sum() == 3 + 4
    assert both.mask[0:2, 2:4].all() and both.mask[2, 0] and both.mask[4, 2]


def test_neighbors_are_offered_together_but_not_across_a_gap():
    found = candidates([piece(0, 10), piece(12, 20), piece(60, 80)], height=40)
    assert [(c.first, c.last) for c in found] == [(0, 1), (0, 2), (1, 2), (2, 3)]
    costs = [c.cost for c in found]
    assert costs[0] == costs[2] == costs[3] == 0 < costs[1]


def test_touching_characters_are_offered_apart():
    mask = np.ones((40, 70), bool)
    mask[:36, 30:40] = False  # they touch at their feet
    found = candidates([Piece(5, 100, mask)], height=40)
    ends = {(c.piece.left, c.piece.right) for c in found}
    assert (100, 170) in ends
    cut = [right for left, right in ends if left == 100 and right < 170]
    assert any(128 <= right <= 142 for right in cut)
    assert all(c.piece.top >= 5 and c.piece.bottom <= 45 for c in found)


def all_ways(found, at, count):
    """Every way from piece `at` to the end, as lists of candidates' numbers."""
    if at == count:
        yield []
    for i, candidate in enumerate(found):
        if candidate.first == at:
            for rest in all_ways(found, candidate.last, count):
                yield [i, *rest]


@pytest.mark.parametrize("seed", range(40))
def test_the_best_way_is_that_of_all_ways(seed):
    random = np.random.default_rng(seed)
    count = int(random.integers(0, 7))
    found = [
        Candidate(first, last, piece(0, 1), random.random())
        for first in range(count)
        for last in range(first + 1, min(first + 3, count) + 1)
    ]
    doubt = random.random(len(found))

    def cost(way):
        return sum(found[i].cost + (found[i].last - found[i].first) * doubt[i] for i in way)

    assert best_way(found, doubt) == min(all_ways(found, 0, count), key=cost)


def test_words_are_parted_where_gaps_fall_into_two_groups():
    random = np.random.default_rng(0)
    narrow, wide = random.uniform(0.1, 0.6, 50), random.uniform(1.1, 1.6, 9)
    assert narrow.max() < word_gap(np.concatenate([wide, narrow])) < wide.min()
    assert word_gap(narrow) > narrow.max()  # one word
    assert word_gap(np.zeros(0)) > 0.5


# --------------------------------------------------------------------- the shared preprocessing


def test_the_preprocessing_leaves_training_pictures_as_they_are():
    off = []
    for image in draw_characters("0123456789abcXYZ", seed=3):
        field = to_field(image / np.float32(255))
        off.append(np.abs(field - image / 255).mean())
    assert np.median(off) < 0.001
    assert max(off) < 0.1  # those whose soft edges reach beyond the box shrink to fit in


@pytest.mark.parametrize("size", [9, 28, 60, 300])
def test_a_character_of_any_size_becomes_the_same_picture(size):
    large = np.array(
        Image.fromarray(draw_characters("8", seed=1, size=280)[0]).resize((size, size))
    )
    framed = np.pad(large / np.float32(255), ((size, 3), (0, 2 * size)))
    field, wanted = to_field(framed), draw_characters("8", seed=1)[0] / 255
    assert field.shape == (FIELD, FIELD) and field.dtype == np.float32
    rows, columns = np.nonzero(field > 0.1)
    assert max(np.ptp(rows), np.ptp(columns)) + 1 == pytest.approx(BOX, abs=1)
    mass = field.sum()
    assert field.sum(1) @ np.arange(28) / mass == pytest.approx(14, abs=0.6)
    assert field.sum(0) @ np.arange(28) / mass == pytest.approx(14, abs=0.6)
    if size >= 28:
        assert np.corrcoef(field.ravel(), wanted.ravel())[0, 1] > 0.9


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (0, 5), (40, 40)])
def test_odd_shapes_and_empty_paper_do_not_fail(shape):
    for ink in (np.zeros(shape, np.float32), np.ones(shape, np.float32)):
        field = to_field(ink)
        assert field.shape == (FIELD, FIELD) and np.isfinite(field).all()
        assert (field.sum() == 0) == (ink.sum() == 0)


def test_thin_strokes_do_not_fade():
    ring = np.zeros((400, 400), np.float32)
    y, x = np.ogrid[-200:200, -200:200]
    ring[np.abs(np.hypot(x, y) - 180) < 2] = 1
    assert stroke_width(ring) == pytest.approx(4, rel=0.2)
    field = to_field(ring)
    assert field.max() > 0.9 and 1.2 < stroke_width(field) < 2.6


# ------------------------------------------------------------------------------- calibration


def test_the_temperature_that_made_logits_too_large_is_found():
    random = np.random.default_rng(0)
    honest = 2 * random.standard_normal((4000, 5))
    probabilities = np.exp(log_softmax(honest))
    labels = (probabilities.cumsum(1) > random.random((4000, 1))).argmax(1)
    for too_sure in (0.5, 1.0, 3.0):
        assert find_temperature(too_sure * honest, labels) == pytest.approx(too_sure, rel=0.08)
    best = find_temperature(3 * honest, labels)
    around = [mean_surprise(3 * honest, labels, t) for t in (0.9 * best, best, 1.1 * best)]
    assert around[1] == min(around)
    sure, right = probabilities.max(1), probabilities.argmax(1) == labels
    assert calibration_error(sure, right) < 0.03
    over = np.exp(log_softmax(3 * honest)).max(1)
    assert calibration_error(over, right) > 0.1
    with pytest.raises(ValueError, match="empty"):
        find_temperature(np.zeros((0, 5)), np.zeros(0, int))


def test_reliability_counts_every_answer_once():
    sure = np.array([0.0, 0.05, 0.1, 0.11, 0.95, 1.0])
    right = np.array([0, 0, 1, 0, 1, 1])
    table = reliability(sure, right, bins=10)
    assert [(row.low, row.answers) for row in table] == [(0.0, 3), (0.1, 1), (0.9, 2)]
    assert table[0].right == pytest.approx(1 / 3) and table[2].sure == pytest.approx(0.975)
    assert calibration_error(np.zeros(0), np.zeros(0)) == 0


def test_log_softmax_stands_large_logits():
    np.testing.assert_allclose(log_softmax(np.array([[1e4, 0.0]])), [[0, -1e4]])


# ---------------------------------------------------------------------------------- scoring


@pytest.mark.parametrize(
    ("a", "b", "distance"),
    [("", "", 0), ("abc", "", 3), ("kitten", "sitting", 3), ("0123", "123", 1), ("ab", "ba", 2)],
)
def test_edit_distances(a, b, distance):
    assert edit_distance(a, b) == edit_distance(b, a) == distance


def test_missing_and_invented_lines_count_whole():
    assert wrong_characters(["12 3", "456"], ["123", "4 5 6"]) == 0
    assert wrong_characters(["123", "456", "78"], ["123", "78"]) == 3
    assert wrong_characters(["123"], ["9", "12?"]) == 2
    assert wrong_characters([], ["99"]) == wrong_characters(["99"], []) == 2


# ------------------------------------------------------------------------------------- sizes


def test_natural_places_are_those_of_a_line_of_writing():
    places = dict(zip("CcpHl0", natural_places("CcpHl0")))
    assert places["C"][0] == pytest.approx(0, abs=0.1) and places["C"][1] == pytest.approx(
        1, abs=0.1
    )
    assert 0.3 < places["c"][0] < 0.5 and places["p"][1] > 1.15 and places["0"][0] < 0.1


@pytest.mark.parametrize("slope", [0.0, 0.02])
def test_size_tells_c_from_capital_c(slope):
    text, line = "CsocCxsSpPoO", np.repeat([0, 1], 6)
    middle = np.tile(np.arange(6) * 60.0, 2)
    base = 100 + 120 * line + slope * middle
    top, bottom = (50 * (natural_places(text) - 1)).T + base
    alphabet = LETTERS
    p = np.full((len(text), len(alphabet) + 1), 1e-4)
    for row, character in zip(p, text):
        for either in {character.lower(), character.upper()}:
            row[alphabet.index(either)] = 0.5
    log_p = np.log(p / p.sum(1, keepdims=True))
    better = with_sizes(log_p, np.stack([middle, top, bottom], 1), line, alphabet, 40.0)
    assert "".join(alphabet[i] for i in better[:, :-1].argmax(1)) == text
    np.testing.assert_allclose(np.exp(better).sum(1), 1)
    np.testing.assert_allclose(better[:, -1], log_p[:, -1])


# ---------------------------------------------------------------------------------- examples


@pytest.mark.parametrize("what", ["digits", "letters"])
def test_examples_have_all_characters_and_some_that_are_none(what):
    known = make_examples(what, None, share=0.02)
    classes = len(training.ALPHABETS[what])
    assert known.images.shape == (len(known.labels), 28, 28) and known.images.dtype == np.uint8
    assert set(known.labels.tolist()) == set(range(classes + 1))
    none = known.images[known.labels == classes]
    assert 0.13 < len(none) / len(known.images) < 0.18
    assert (none.reshape(len(none), -1).max(1) > 200).all()
    again = make_examples(what, None, share=0.02)
    assert all(np.array_equal(a, b) for a, b in zip(known, again))


@pytest.mark.parametrize("device", DEVICES)
def test_the_pen_gets_thicker_and_thinner(device):
    pictures = on_device(draw_characters("0123456789", seed=1)[:, None] / np.float32(255), device)
    width = RandomPenWidth()
    mass = np.array([float(width.batch(pictures).sum() / pictures.sum()) for _ in range(30)])
    assert mass.std() > 0.02
    changed = width.batch(pictures)
    assert changed.dtype == np.float32 and changed.min() >= 0 and changed.max() <= 1.0001
    still = RandomPenWidth(0, 0).batch(pictures)
    assert_close(still, pictures)


def test_augmentation_makes_inputs_of_a_net():
    batch = augmentation().batch(draw_characters("012", seed=1))
    assert batch.shape == (3, 1, 28, 28) and batch.dtype == np.float32
    assert 0 <= batch.data.min() and batch.data.max() <= 1.0001


# -------------------------------------------------------------------------------- the reader


@pytest.fixture(scope="module")
def digit_reader():
    """A reader of drawn digits that has learned for some seconds."""
    return train_reader("digits", make_model("lenet", 11), epochs=6, share=0.15)


def test_a_reader_that_has_learned_for_seconds_reads_most(digit_reader):
    wrong, count, sure = 0, 0, []
    for seed, kind in ((31, "clean"), (32, "hard"), (33, "board")):
        page, truth = compose_page(seed, kind, lines=4, per_line=10)
        reading = digit_reader.read(page)
        guesses = ["".join(c.text for c in line) for line in reading.lines]
        wrong, count = wrong + wrong_characters(truth.lines, guesses), count + 40
        assert reading.board == (kind == "board")
        assert reading.tilt == pytest.approx(truth.tilt, abs=0.7)
        sure += [c.sure for line in reading.lines for c in line]
        for line, boxes in zip(reading.lines, truth.boxes):
            if len(line) == len(boxes):
                for character, (left, top, right, bottom) in zip(line, boxes):
                    x, y = character.corners.mean(0)
                    assert left - 3 <= x <= right + 3 and top - 3 <= y <= bottom + 3
    assert wrong / count < 0.2
    assert abs(np.mean(sure) - (1 - wrong / count)) < 0.12


def test_a_page_is_read_the_same_whatever_its_neighbors_or_the_models_mode(digit_reader):
    page, _ = compose_page(31, lines=2, per_line=6)
    digit_reader.model.train()
    once = digit_reader.read(page)
    digit_reader.model.eval()
    assert digit_reader.read(page).text == once.text


def scribbles(seed):
    """A page of scribbles, where writing might stand."""
    random, page = np.random.default_rng(seed), Image.new("RGB", (900, 500), (235, 235, 230))
    for row in range(3):
        for column in range(7):
            way = random.uniform(-35, 35, (9, 2)) + (90 + 120 * column, 90 + 150 * row)
            ImageDraw.Draw(page).line([tuple(p) for p in way], (30, 30, 40), 5, "curve")
    return page


def test_what_it_has_not_learned_it_does_not_know(digit_reader):
    digits = [compose_page(s, characters="23456789", lines=3)[0] for s in (31, 32)]
    letters = [compose_page(s, characters="AEFHKMNRWXhkmnwx", lines=3)[0] for s in (31, 32)]
    sure = {}
    for name, pages in (
        ("digits", digits),
        ("letters", letters),
        ("scribbles", [scribbles(s) for s in (1, 2)]),
    ):
        lines = sum((digit_reader.read(page).lines for page in pages), [])
        sure[name] = np.mean([c.sure for line in lines for c in line])
    assert sure["digits"] > 0.85 > 0.6 > max(sure["letters"], sure["scribbles"]), sure


def light_and_shadow():
    """Photos of an empty table: a ramp of light, shadows with soft and hard edges, noise."""
    y, x = np.mgrid[:300, :400]
    noise = np.random.default_rng(0).normal(0, 20, (300, 400))
    edge = (x + y - 350) / 10
    return {
        "ramp": 50 + x / 2,
        "soft shadow": 230 * (1 - 0.5 / (1 + np.exp(-np.clip(edge, -30, 30)))),
        "hard shadow": 230 * (1 - 0.5 * (edge > 0)),
        "noise": 190 + noise,
        "all": 50 + x / 2 + noise / 4,
    }


@pytest.mark.parametrize("name", light_and_shadow())
def test_light_shadow_and_noise_are_no_writing(digit_reader, name):
    gray = np.clip(light_and_shadow()[name], 0, 255).astype(np.uint8)
    for page in (gray, 255 - gray):
        assert digit_reader.read(Image.fromarray(page).convert("RGB")).lines == []


@pytest.mark.parametrize("sizes", [(90, 30, 30), (30, 90, 30), (60, 30, 60)])
def test_lines_of_different_sizes_are_lines_of_their_own(sizes):
    page, y = Image.new("RGB", (900, 500), "white"), 30
    for size in sizes:
        line, _ = compose_page(31, lines=1, per_line=6, height=size)
        gray = np.asarray(line.convert("L"), np.float32)
        ink = Image.fromarray(np.where(gray < 0.6 * np.median(gray), 30, 255).astype(np.uint8))
        page.paste(ink, (20, y), ImageOps.invert(ink))
        y += line.height - round(2.4 * size)  # without most of its margins
    assert [len(line) for line in pieces_on(page)[0]] == [6, 6, 6]


def test_blank_and_tiny_pictures_have_no_lines(digit_reader):
    for size in ((1, 1), (3, 200), (400, 300)):
        assert digit_reader.read(Image.new("RGB", size, "white")).lines == []


class Fixed(nn.Module):
    """A net that always says the same."""

    def __init__(self, logits):
        super().__init__()
        self.logits = np.array(logits, np.float32)

    def forward(self, pictures):
        assert pictures.shape[1:] == (1, 28, 28) and pictures.dtype == np.float32
        from hello_dl import Tensor

        return Tensor(np.tile(self.logits, (len(pictures.data), 1)))


@pytest.mark.parametrize("none", [False, True])
def test_any_net_may_read_with_a_class_for_none_of_these_or_without(none):
    page, truth = compose_page(2, lines=2, per_line=5)
    unsure = Reader(Fixed([0.1] + [0.0] * (9 + none)), DIGITS).read(page)
    assert all(c.text == "0" and c.shown == "?" for line in unsure.lines for c in line)
    sure = Reader(Fixed([0.0] * 7 + [20.0] + [0.0] * (2 + none)), DIGITS).read(page)
    assert set("".join(sure.text).replace(" ", "")) == {"7"}
    cool = Reader(Fixed([0.0] * 7 + [20.0] + [0.0] * (2 + none)), DIGITS, 100.0).read(page)
    assert set("".join(cool.text).replace(" ", "")) == {"?"}


def test_boxes_are_drawn_in_the_color_of_how_sure_it_is(digit_reader):
    page, _ = compose_page(31, lines=2, per_line=6)
    reading = digit_reader.read(page)
    boxed = draw_boxes(page, reading)
    assert boxed.width == page.width and boxed.height > page.height
    assert np.array_equal(np.asarray(page), np.asarray(compose_page(31, lines=2, per_line=6)[0]))
    for character in reading.lines[0]:
        x, y = character.corners[0]
        near = np.asarray(boxed)[round(y) - 2 : round(y) + 3, round(x) - 2 : round(x) + 3]
        off = np.abs(near.astype(int) - color_of(character.sure)).sum(-1)
        assert off.min() == 0
    assert len({color_of(sure) for sure in (0.1, 0.7, 0.99)}) == 3


# -------------------------------------------------------------------------------- the command


@pytest.fixture
def ready(monkeypatch, tmp_path, digit_reader):
    """A cache of its own that holds the reader."""
    monkeypatch.setenv("HELLO_DL_CACHE", str(tmp_path / "cache"))
    training.save_reader(digit_reader, "digits", "lenet", "mnist")
    return tmp_path


@pytest.fixture
def command_line(capfd):
    def run(*arguments):
        code = cli.run(arguments)
        return code, *capfd.readouterr()

    return run


def test_the_command_prints_lines_and_writes_the_picture(ready, command_line):
    page, truth = compose_page(31, lines=3, per_line=6)
    page.save(ready / "page.jpg")
    out = ready / "deep" / "boxed.png"
    code, said, err = command_line("read", str(ready / "page.jpg"), "--out", str(out))
    lines = said.splitlines()
    assert (code, err) == (0, "") and "\x1b" not in said
    assert "3 lines, 18 digits" in lines[0]
    assert [line.split()[0] for line in lines[2:5]] == ["1", "2", "3"]
    assert all(line.rstrip().endswith("%") for line in lines[2:5])
    assert max(map(len, lines[1:5])) <= 80 and lines[-1].startswith(str(out))
    assert Image.open(out).width == page.width


def test_nothing_on_it_is_one_line_and_exit_code_1(ready, command_line):
    Image.new("RGB", (300, 200), "white").save(ready / "blank.png")
    out = ready / "boxed.png"
    code, said, err = command_line("read", str(ready / "blank.png"), "--out", str(out))
    assert (code, err) == (1, "") and not out.exists()
    assert said.splitlines() == [f"{ready / 'blank.png'}: no writing found"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["none.jpg"], "none.jpg"),
        (["text.txt"], "is no picture"),
        (["page.png", "--model", "lent"], "--model takes mlp"),
        (["page.png", "--out", "boxed.txt"], "end in .png"),
        (["page.png", "--out", ""], "end in .png"),
        (["page.png", "--out", "page.png"], "is the photo itself"),
        (["page.png", "--out", "./deep/../page.png"], "is the photo itself"),
        (["page.png", "--out", "folder.png"], "is a folder"),
        (["page.png", "--out", "text.txt/boxed.png"], "there is no folder"),
        ([], "PHOTO"),
        (["page.png", "--wrong"], "--letters"),
    ],
)
def test_mistakes_are_one_line_and_exit_code_2(ready, monkeypatch, command_line, arguments, said):
    monkeypatch.chdir(ready)
    (ready / "text.txt").write_text("12345")
    Image.new("RGB", (30, 20), "white").save(ready / "page.png")
    (ready / "folder.png").mkdir()
    code, out, err = command_line("read", *arguments)
    assert (code, out) == (2, "") and said in err and err.count("\n") == 1


def test_a_picture_that_cannot_be_written_is_said_after_the_text(ready, monkeypatch, command_line):
    compose_page(31, lines=1, per_line=5)[0].save(ready / "page.jpg")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    out = str(ready / "boxed.png")
    code, said, err = command_line("read", str(ready / "page.jpg"), "--out", out)
    assert code == 2 and "1 line, 5 digits" in said
    assert err == f"hello-dl: --out '{out}' cannot be written: No space left on device\n"
    assert not list(ready.glob("*.png"))


def test_training_that_is_interrupted_ends_in_one_line(tmp_path, monkeypatch, command_line):
    monkeypatch.setenv("HELLO_DL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(command, "mnist_if_there", lambda **_: None)

    def stopped(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "train_reader", stopped)
    compose_page(31, lines=1, per_line=5)[0].save(tmp_path / "page.jpg")
    code, said, err = command_line("read", str(tmp_path / "page.jpg"))
    assert code == 130 and "Traceback" not in said + err
    assert "Interrupted" in said.splitlines()[-1]
    assert not list((tmp_path / "cache").rglob("*.safetensors"))


@pytest.fixture
def quick_training(monkeypatch, tmp_path):
    """Count trainings, which take a second here; no MNIST, no network."""
    monkeypatch.setenv("HELLO_DL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(command, "mnist_if_there", lambda **_: None)
    trained = []

    def quick(what, model, mnist, *, on_record):
        trained.append(what)
        return train_reader(what, model, mnist, epochs=1, share=0.01, on_record=on_record)

    monkeypatch.setattr(command, "train_reader", quick)
    return trained


@pytest.mark.parametrize("model", ["mlp", "lenet"])
def test_a_net_that_is_missing_is_trained_once_and_kept(quick_training, tmp_path, model):
    compose_page(31, lines=1, per_line=5)[0].save(tmp_path / "p.png")
    said = io.StringIO()
    options = ReadOptions(str(tmp_path / "p.png"), model=model)
    command.run(options, said)
    assert "No net here reads digits yet" in said.getvalue() and "epoch 1 of 1" in said.getvalue()
    first = said.getvalue().splitlines()
    again = io.StringIO()
    command.run(options, again)
    assert quick_training == ["digits"]
    assert again.getvalue().splitlines() == first[2:]
    command.run(ReadOptions(str(tmp_path / "p.png"), letters=True, model=model), io.StringIO())
    assert quick_training == ["digits", "letters"]


def test_a_damaged_net_is_trained_anew_and_a_full_disk_is_said(
    quick_training, monkeypatch, tmp_path
):
    compose_page(31, lines=1, per_line=5)[0].save(tmp_path / "p.png")
    options = ReadOptions(str(tmp_path / "p.png"))
    path = training.reader_file("digits", "lenet", "strokes")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"no net")
    command.run(options, io.StringIO())
    assert quick_training == ["digits"] and path.stat().st_size > 1000
    path.unlink()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(command, "save_reader", full)
    said = io.StringIO()
    command.run(options, said)
    assert "could not be kept" in said.getvalue() and "line" in said.getvalue()


def test_a_reader_comes_back_from_the_cache_as_it_was(ready, digit_reader):
    again = training.load_reader("digits", "lenet", "mnist")
    assert math.isclose(again.temperature, digit_reader.temperature)
    fields = draw_characters("0123456789", seed=5) / np.float32(255)
    assert_close(again.logits(fields), digit_reader.logits(fields))
    assert training.load_reader("letters", "lenet", "strokes") is None
    names = {
        training.reader_file(*key).name
        for key in (
            ("digits", "lenet", "mnist"),
            ("digits", "lenet", "strokes"),
            ("digits", "mlp", "mnist"),
        )
    }
    assert len(names) == 3


def test_much_that_is_unclear_hints_at_the_other_alphabet(ready, monkeypatch):
    page, _ = compose_page(2, characters="WMKX", lines=2, per_line=6)
    page.save(ready / "p.png")
    for logits, hint in (([2.0] + [0.0] * 10, "add --letters"), ([0.0] * 11, "no writing at all")):
        half_blind = Reader(Fixed(logits), DIGITS)
        monkeypatch.setattr(command, "get_reader", lambda *_, reader=half_blind: reader)
        said = io.StringIO()
        assert command.run(ReadOptions(str(ready / "p.png")), said)
        assert hint in said.getvalue() and "and 6 more" in said.getvalue()
