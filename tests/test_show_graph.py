"""Pictures of graphs: what is in them, for both engines, and the three ways to get them drawn."""

import struct
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from hello_dl import MLP, Tensor, Value, manual_seed, nn, no_grad, optim, scope
from hello_dl import functional as F
from hello_dl.show import Picture, draw, render
from hello_dl.show.sketch import sketch
from hello_dl.show.summary import number, spread, values

SVG = "{http://www.w3.org/2000/svg}"
MINUS = "\N{MINUS SIGN}"


@pytest.fixture(params=["dot", "pygraphviz"])
def drawn_by(request, monkeypatch):
    """Have one Graphviz on this machine and not the other."""
    if request.param not in render.renderers():
        pytest.skip(f"{request.param} is not installed")
    monkeypatch.setattr(render, "renderers", lambda: [request.param])
    monkeypatch.setattr("hello_dl.show.graph.renderers", lambda: [request.param])
    return request.param


@pytest.fixture
def nobody(monkeypatch):
    """Have no Graphviz on this machine."""
    monkeypatch.setattr(render, "find_dot", lambda: None)
    monkeypatch.setattr(render, "has_pygraphviz", lambda: False)


def expression():
    """((a·b + c).tanh()·d).exp() with its gradients."""
    a, b, c, d = (Value(x, name=n) for x, n in [(2, "a"), (-3, "b"), (5.5, "c"), (0.5, "d")])
    result = ((a * b + c).tanh() * d).exp()
    result.name = "result"
    result.backward(retain_graph=True)
    return result


def digits_loss():
    """The loss of an MLP of blocks, with its gradients."""
    manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    x = Tensor(np.random.default_rng(0).normal(size=(16, 4)).astype("float32"), name="x")
    loss = F.cross_entropy(net(x), Tensor(np.arange(16) % 3, name="labels"))
    loss.name = "loss"
    loss.backward(retain_graph=True)
    return loss, net


def mlp_of_values():
    """The output of 2-4-1 made of Values, with its gradients."""
    result = MLP(2, [4, 1], seed=1)([Value(1.0, name="x"), Value(-2.0, name="y")])
    result.backward(retain_graph=True)
    return result


def words(picture):
    """All text in the SVG of a picture."""
    root = ElementTree.fromstring(picture.svg)
    return [(t.text or "").replace("\xa0", " ").strip() for t in root.iter(f"{SVG}text")]


def boxes(picture, **having):
    """Boxes of a picture that have these fields."""
    return [
        box
        for box in picture.sketch.boxes
        if all(getattr(box, field) == value for field, value in having.items())
    ]


def arrows(picture, tail, head):
    """Arrows between the boxes that are called so, by name or by symbol."""
    called = [box.name or box.symbol or box.lines[0] for box in picture.sketch.boxes]
    return [a for a in picture.sketch.arrows if (called[a.tail], called[a.head]) == (tail, head)]


# --------------------------------------------------------------------------------- the renderers


def test_importing_show_costs_nothing_and_drawing_needs_no_matplotlib():
    program = (
        "import sys, hello_dl.show\n"
        "assert not {'matplotlib', 'graphviz', 'hello_dl.show.graph'} & {*sys.modules}\n"
        "from hello_dl import Value\n"
        "hello_dl.show.draw(Value(2) * 3).svg\n"
        "assert not {'matplotlib', 'pygraphviz'} & {*sys.modules}\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_value_as_svg(drawn_by, tmp_path):
    picture = draw(expression(), tmp_path / "graph.svg")
    assert picture.renderer == drawn_by and picture.note == ""
    assert picture.written == [tmp_path / "graph.svg"] == [picture.path]
    root = ElementTree.parse(tmp_path / "graph.svg").getroot()
    assert root.tag == f"{SVG}svg"
    background = root.find(f"{SVG}g/{SVG}polygon")
    assert background.get("fill") == "white"
    text = words(picture)
    slope, grad = 1 - np.tanh(-0.5) ** 2, 0.5 * np.exp(np.tanh(-0.5) * 0.5)
    for expected in (
        *("a", "b", "c", "d", "result", "×", "+", "tanh", "exp", "2", f"{MINUS}3", "5.5"),
        *(f"{MINUS}0.5", "∇ 1", f"×{MINUS}3", number(np.exp(np.tanh(-0.5) * 0.5))),
        *(f"∇ {number(grad)}", f"×{number(slope)}", f"∇ {number(grad * slope * -3)}"),
    ):
        assert expected in text


def test_a_tensor_as_svg(drawn_by, tmp_path):
    loss, net = digits_loss()
    picture = draw(loss, tmp_path / "graph.SVG")
    text = words(picture)
    weight = net[0].weight
    for expected in (
        *("weight", "bias", "x", "labels", "loss", "linear", "relu", "cross_entropy"),
        *("Sequential", "Linear 0", "ReLU 1", "Linear 2", "(16, 8)", "(3, 8)", "(16,) int64"),
        f"{number(weight.data.mean(), 3)} ± {number(weight.data.std(), 3)}",
        f"∇ {number(weight.grad.mean(), 3)} ± {number(weight.grad.std(), 3)}",
        number(loss.item()),
    ):
        assert expected in text
    assert (tmp_path / "graph.SVG").stat().st_size > 5000


def test_png(drawn_by, tmp_path):
    image = draw(expression(), tmp_path / "graph.png").path.read_bytes()
    assert image[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", image[16:24])
    assert width > 1200 and height > 300  # fine enough for a big screen


def test_letters_are_drawn_on_a_machine_without_fonts(drawn_by, tmp_path, monkeypatch):
    empty = tmp_path / "fonts.conf"
    empty.write_text("<fontconfig></fontconfig>")
    monkeypatch.setenv("FONTCONFIG_FILE", str(empty))
    # Letters of one width: as empty boxes they would give the same picture.
    assert draw(Value(2, name="b")).png != draw(Value(2, name="d")).png


def test_warnings_of_graphviz_stay_out_of_the_terminal(drawn_by, capfd, monkeypatch, tmp_path):
    odd = tmp_path / "fonts.conf"
    odd.write_text("<fontconfig><nonsense/></fontconfig>")
    monkeypatch.setenv("FONTCONFIG_FILE", str(odd))
    assert draw(expression()).png
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "name",
    [
        "<b>&amp;<br>",
        'say "hi"',
        r"back\slash \N \n \G",
        "{x|y} <z>",
        "naïve α 重み",
        "a:b;c->d",
        "--",
        "<<",
    ],
)
def test_nasty_names(drawn_by, name):
    with scope(name):
        result = Value(2, name=name) * 3
    result.name = name
    assert words(draw(result)).count(name) == 3  # the scope, the input, and the result


def test_names_that_no_picture_can_hold(drawn_by):
    with scope("\x1b[1m"), scope("a/b"), scope(" "):
        result = Value(2, name="\x00bell\x07\nline\ud800") * Value(1, name=" \t") ** 2
    result.name = "long" * 100
    text = words(draw(result))
    assert (
        "\N{REPLACEMENT CHARACTER}bell\N{REPLACEMENT CHARACTER} line\N{REPLACEMENT CHARACTER}"
        in (text)
    )
    assert "long" * 9 + "lon…" in text


def test_a_notebook_shows_svg_and_not_wider_than_the_page(drawn_by):
    svg = draw(expression())._repr_svg_()
    assert svg.startswith("<svg ") and "max-width: 100%" in svg
    ElementTree.fromstring(svg)


def test_without_graphviz_text_is_written_with_the_install_line(nobody, monkeypatch, tmp_path):
    monkeypatch.setattr(render.shutil, "which", lambda program: program == "dnf" or None)
    picture = draw(expression(), tmp_path / "out" / "graph.png")
    assert picture.renderer == "text"
    assert picture.written == [tmp_path / "out" / "graph.dot", tmp_path / "out" / "graph.txt"]
    assert sorted((tmp_path / "out").iterdir()) == picture.written
    assert (tmp_path / "out" / "graph.dot").read_text("utf-8").startswith("digraph")
    assert "tanh" in (tmp_path / "out" / "graph.txt").read_text("utf-8")
    assert "sudo dnf install graphviz" in picture.note
    assert f"{sys.executable} -m pip install pygraphviz" in picture.note
    assert "graph.dot and graph.txt" in picture.note
    assert picture.svg is None and picture._repr_svg_() is None


@pytest.mark.parametrize(
    "manager, line",
    [
        ("apt-get", "sudo apt-get install graphviz"),
        ("brew", "brew install graphviz"),
        ("winget", "winget install Graphviz.Graphviz"),
        ("", f"install it with `{sys.executable} -m pip install pygraphviz`"),
    ],
)
def test_the_install_line_is_that_of_this_system(monkeypatch, manager, line):
    monkeypatch.setattr(render.shutil, "which", lambda program: program == manager or None)
    assert line in render.install_line()


def test_a_broken_graphviz_is_not_the_end(monkeypatch, tmp_path):
    monkeypatch.setattr(render, "find_dot", lambda: str(tmp_path / "no" / "dot"))
    monkeypatch.setattr(render, "has_pygraphviz", lambda: False)
    picture = draw(expression(), tmp_path / "graph.svg")
    assert picture.renderer == "text" and "dot failed" in picture.note
    if "pygraphviz" in (monkeypatch.undo() or render.renderers()):
        monkeypatch.setattr(render, "find_dot", lambda: str(tmp_path / "no" / "dot"))
        assert draw(expression(), tmp_path / "graph.svg").renderer == "pygraphviz"


# ------------------------------------------------------------------------------------ the files


def test_dot_and_text_are_written_whoever_is_there(nobody, tmp_path):
    picture = draw(expression())
    assert picture.written == [] and picture.path is None
    assert picture.save(tmp_path / "g.dot") == [tmp_path / "g.dot"]
    assert (tmp_path / "g.dot").read_text("utf-8") == picture.dot
    picture.save(str(tmp_path / "g.txt"))
    assert (tmp_path / "g.txt").read_text("utf-8") == picture.text + "\n" == f"{picture}\n"
    assert picture.path == tmp_path / "g.txt" and picture.note == ""


@pytest.mark.parametrize("name", ["graph", "graph.gif", "graph.svg.bak"])
def test_an_unknown_suffix_lists_the_known_ones(tmp_path, name):
    with pytest.raises(ValueError, match=r"\.svg, \.png, \.dot, \.txt") as error:
        draw(expression(), tmp_path / name)
    assert name in str(error.value) and not any(tmp_path.iterdir())


def test_a_path_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("kept")
    for path in (tmp_path / "file" / "graph.txt", tmp_path):
        path = path if path.suffix else path.rename(tmp_path.with_suffix(".txt"))
        with pytest.raises(ValueError, match="cannot write") as error:
            draw(expression(), path)
        assert str(path) in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("thing", [3.0, "x", [Value(1), 2], None])
def test_only_nodes_can_be_drawn(thing):
    with pytest.raises(TypeError, match="Value, a Tensor"):
        draw(thing)


def test_arguments_that_make_no_sense():
    with pytest.raises(ValueError, match="empty"):
        draw([])
    with pytest.raises(ValueError, match="limit=0"):
        draw(Value(1), limit=0)
    with pytest.raises(ValueError, match="LR, RL, TB, BT"):
        draw(Value(1), direction="up")
    with pytest.raises(ValueError, match="collapse=-1"):
        draw(mlp_of_values(), collapse=-1)


# ------------------------------------------------------------------------------ what is in them


def test_the_diamond_has_slopes_and_gradients_on_its_edges():
    a = Value(3, name="a")
    b = a * 2
    e = b * 3 + b * 4
    b.name, e.name = "b", "e"
    e.backward(retain_graph=True)
    picture = draw(e)
    assert sorted(a.gradient for a in arrows(picture, "b", "×")) == ["3", "4"]
    assert sorted(a.slope for a in arrows(picture, "b", "×")) == ["3", "4"]
    (b_box,) = boxes(picture, name="b")
    assert (b_box.kind, b_box.lines, b_box.gradient) == ("operation", ["6"], "7")  # 3 + 4
    (constant,) = boxes(picture, kind="constant", lines=["2"])
    assert constant.gradient == "" and arrows(picture, "2", "b")[0].slope == ""
    assert [box.name for box in picture.sketch.boxes if box.is_result] == ["e"]
    assert picture.text == "\n".join(
        [
            "e +  42  ∇ 1",
            "├─ ×  18  ∇ 1  (slope 1)",
            "│  ├─ (1) b ×  6  ∇ 7  (slope 3)",
            "│  │  ├─ a (input)  3  ∇ 14  (slope 2)",
            "│  │  └─ constant  2",
            "│  └─ constant  3",
            "└─ ×  24  ∇ 1  (slope 1)",
            "   ├─ b ×  as in (1) above",
            "   └─ constant  4",
        ]
    )


def test_a_plus_a_has_two_edges():
    a = Value(3, name="a")
    assert len(arrows(draw(a + a), "a", "+")) == 2
    assert [arrow.slope for arrow in arrows(draw(a * a), "a", "×")] == ["3", "3"]


def test_before_backward_there_are_slopes_and_no_gradients():
    picture = draw(Value(2, name="a") * Value(3, name="b"))
    assert [a.slope for a in picture.sketch.arrows] == ["3", "2"]
    assert "∇" not in picture.dot and "∇" not in picture.text


def test_kinds_differ_in_color_and_the_legend_names_those_there_are():
    loss, _ = digits_loss()
    picture = draw(loss)
    kinds = {box.name: box.kind for box in picture.sketch.boxes if box.name}
    assert kinds == {
        **{"x": "input", "labels": "input", "loss": "operation"},
        **{"weight": "parameter", "bias": "parameter"},
    }
    lines = {
        kind: next(
            line for line in picture.dot.splitlines() if f'tooltip="{kind}' in line and "n" in line
        )
        for kind in ("input x", "parameter weight", "operation relu")
    }
    fills = {line.split('fillcolor="')[1][:7] for line in lines.values()}
    assert len(fills) == 3
    label = picture.dot.split("label=", 1)[1].splitlines()[0]
    assert "parameter" in label and "constant" not in label


def test_parameters_and_constants_are_drawn_in_the_scope_that_uses_them():
    loss, _ = digits_loss()
    homes = [(box.name or box.symbol, box.scope) for box in draw(loss).sketch.boxes]
    for i in (0, 2):
        for name in ("weight", "bias", "linear"):
            assert (name, f"Sequential/Linear {i}") in homes
    assert ("x", "") in homes and ("labels", "") in homes and ("loss", "") in homes
    w = Value(2, name="w", op="parameter")
    with scope("net"):
        with scope("one"):
            h = w * 3
        with scope("two"):
            h = h * w
    homes = {box.name or box.lines[0]: box.scope for box in draw(h).sketch.boxes}
    assert homes["w"] == "net" and homes["3"] == "net/one"


def test_gradients_on_the_edges_of_blocks_add_up_to_those_of_the_node():
    x = Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True, name="x")
    loss = (x * 3 + x * x).sum()
    loss.backward(retain_graph=True)
    picture = draw(loss)
    onto_x = [a.gradient for a in arrows(picture, "x", "×")]
    assert onto_x == ["3 ± 0", "2.5 ± 1.12", "2.5 ± 1.12"]
    assert boxes(picture, name="x")[0].gradient == "8 ± 2.24"
    assert arrows(picture, "3", "×")[0].gradient == ""
    (to_loss,) = arrows(picture, "+", "Σ")
    assert to_loss.gradient == "", "the only way on: the box has said it"


def test_data_made_without_gradients_is_an_input():
    net = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    picture = draw(net(Tensor(np.ones((3, 2, 2), "float32"))))
    (box,) = boxes(picture, symbol="reshape")
    assert box.kind == "input" and box.scope == ""
    with no_grad():
        half = Value(3) * 0.5
    assert boxes(draw(half * Value(1)), lines=["1.5"])[0].kind == "input"


def test_powers_tell_base_from_exponent():
    a = Value(3, name="a")
    symbols = [sketch([result]).boxes[-1].symbol for result in (a**2, 2**a, a**a)]
    assert symbols == ["^2", "2^x", "^"]
    assert sketch([Tensor([3.0], requires_grad=True) ** 0.5]).boxes[-1].symbol == "^0.5"


def test_several_results_are_one_picture():
    x = Value(2, name="x")
    double, triple = x * 2, x * 3
    double.name, triple.name = "double", "triple"
    picture = draw([double, triple])
    assert {box.name for box in picture.sketch.boxes if box.is_result} == {"double", "triple"}
    assert len(boxes(picture, name="x")) == 1
    assert picture.text.count("x (input)") == 2


def test_after_a_step_of_the_optimizer_the_graph_can_still_be_drawn():
    loss, net = digits_loss()
    optim.SGD(net.parameters(), lr=0.1).step()
    assert len(boxes(draw(loss), kind="parameter")) == 4


def test_a_picture_shows_what_was_there_when_it_was_made():
    a = Value(2, name="a")
    picture = draw(a * 3)
    a.data = 5.0
    assert "a (input)  2" in picture.text and ">5<" not in picture.dot


def test_a_released_graph_says_what_to_do():
    for result in (Value(2, name="a") * 3, (Tensor([1.0], requires_grad=True) * 3).sum()):
        result.backward()
        picture = draw(result)
        assert len(picture.sketch.boxes) == 2 and len(picture.sketch.arrows) == 1
        assert boxes(picture, kind="note")[0].lines == ["released by", "backward()"]
        assert "backward(retain_graph=True)" in picture.note
        assert "backward(retain_graph=True)" in picture.dot
        assert "released by backward()" in picture.text


# ------------------------------------------------------------------------- scopes and the limit


def test_scopes_are_frames_within_frames(drawn_by):
    loss, _ = digits_loss()
    root = ElementTree.fromstring(draw(loss).svg)
    frames = [g for g in root.iter(f"{SVG}g") if g.get("class") == "cluster"]
    assert len(frames) == 4  # Sequential, and three layers in it


def test_a_collapsed_scope_says_what_is_inside():
    picture = draw(mlp_of_values(), collapse=True)
    assert len(picture.sketch.boxes) == 4
    first, second = boxes(picture, kind="scope")
    assert (first.name, second.name) == ("layer1", "layer2")
    assert first.lines == ["8 ×, 8 +, 4 relu", "12 parameters", "2 numbers → 4 numbers"]
    assert second.lines[:3] == ["4 ×, 4 +", "5 parameters", "4 numbers → 1 number"]
    assert second.is_result and second.gradient == "1" and not first.is_result
    assert arrows(picture, "layer1", "layer2")[0].carries == "4 numbers"
    (x,) = boxes(picture, name="x")
    assert arrows(picture, "x", "layer1")[0].gradient == x.gradient  # of four uses, added up
    assert picture.note == ""


@pytest.mark.parametrize(
    "collapse, folded, count",
    [
        ((), [], 10),
        (False, [], 10),
        (True, ["Sequential"], 4),
        (1, ["Sequential"], 4),
        (2, ["Linear 0", "ReLU 1", "Linear 2"], 6),
        (3, [], 10),
        ("Linear 2", ["Linear 2"], 8),
        (["Sequential/Linear 0", "ReLU 1"], ["Linear 0", "ReLU 1"], 8),
        ("Linear*", ["Linear 0", "Linear 2"], 6),
        (["Sequential", "Linear 0"], ["Sequential"], 4),
    ],
)
def test_what_collapses(collapse, folded, count):
    picture = draw(digits_loss()[0], collapse=collapse)
    assert sorted(box.name for box in boxes(picture, kind="scope")) == sorted(folded)
    assert len(picture.sketch.boxes) == count


def test_shapes_go_in_and_out_of_a_collapsed_module():
    picture = draw(digits_loss()[0], collapse=2)
    box = boxes(picture, name="Linear 0")[0]
    assert box.lines[:3] == ["1 linear", "40 parameters", "(16, 4) → (16, 8)"]
    assert box.scope == "Sequential" and box.gradient


def test_a_scope_that_is_not_there_lists_those_that_are():
    with pytest.raises(ValueError, match=r"'layer9'.*'layer1', 'layer2'"):
        draw(mlp_of_values(), collapse=["layer1", "layer9"])
    with pytest.raises(ValueError, match="no scopes"):
        draw(expression(), collapse="layer1")


def test_a_scope_that_is_entered_again_and_again_is_one_box():
    h, w = Value(0.1, name="h"), Value(0.5, name="w", op="parameter")
    for _ in range(50):
        with scope("cell"):
            h = (h * w).tanh()
        h = h + 1
    picture = draw(h, collapse=True)
    assert boxes(picture, kind="scope")[0].lines[0] == "50 ×, 50 tanh"
    assert "as in (1) above" in picture.text


def test_above_the_limit_scopes_collapse_the_deepest_first():
    loss, _ = digits_loss()
    assert draw(loss, limit=10).note == ""
    picture = draw(loss, limit=9)
    folded = {box.name for box in boxes(picture, kind="scope")}
    assert folded == {"Linear 0", "ReLU 1", "Linear 2"}
    assert picture.note == "3 scopes drawn as one box each, to stay within 9 boxes"
    assert picture.note in picture.dot
    picture = draw(loss, limit=5)
    assert [box.name for box in boxes(picture, kind="scope")] == ["Sequential"]


def test_what_is_still_too_much_is_cut_at_the_far_end():
    x = Value(0, name="far")
    for _ in range(30):
        x = x.tanh()
    x.name = "near"
    picture = draw(x, limit=10)
    assert len(boxes(picture, kind="operation")) == 10
    assert boxes(picture, name="near") and not boxes(picture, name="far")
    assert boxes(picture, kind="note")[0].lines == ["… 21 earlier", "nodes left out"]
    assert picture.note.startswith("21 earlier nodes left out")
    assert picture.note in picture.dot and "… 21 earlier nodes left out" in picture.text
    assert draw(x, limit=31).note == ""


def test_a_wide_cut_gives_every_box_its_own_mark():
    level = [Value(i, name=f"x{i}") for i in range(64)]
    while len(level) > 1:
        level = [a + b for a, b in zip(level[::2], level[1::2])]
    picture = draw(level[0], limit=31)  # five levels, and 96 nodes behind
    notes = boxes(picture, kind="note")
    assert len(notes) == 16 and {line for note in notes for line in note.lines} == {"…"}
    assert picture.note.startswith("96 earlier nodes left out")


def test_a_chain_of_100_000_nodes_is_drawn_quickly(tmp_path):
    x = Value(1, name="x")
    for _ in range(100_000):
        x = x + 1
    start = time.process_time()
    picture = draw(x, tmp_path / "chain.svg")
    assert time.process_time() - start < 3
    assert "199,851 earlier nodes left out" in picture.note
    assert len(picture.text.splitlines()) < 200
    if picture.renderer != "text":
        assert any("199,851 earlier nodes left out" in line for line in words(picture))


# ------------------------------------------------------------------------------------- numbers


@pytest.mark.parametrize(
    "x, text",
    [
        (0.0, "0"),
        (-0.0, "0"),
        (-3, "−3"),
        (0.70710678, "0.7071"),
        (12345.6, "12346"),
        (123456.7, "123457"),
        (-1234567, "−1.235e6"),
        (0.000012345, "1.234e−5"),
        (float("inf"), "inf"),
        (float("nan"), "nan"),
        (float("-inf"), "−inf"),
    ],
)
def test_numbers_have_four_digits(x, text):
    assert number(x) == text


@pytest.mark.parametrize(
    "array, lines",
    [
        (np.array([[1.0, 3.0]], "float32"), ["(1, 2)", "2 ± 1"]),
        (np.array([1.0, 3.0]), ["(2,) float64", "2 ± 1"]),
        (np.full(3, 60000, "float16"), ["(3,) float16", "60000 ± 0"]),  # whose sum overflows
        (np.array([1e-12, 1, -1], "float32"), ["(3,)", "0 ± 0.816"]),
        (np.array([7, -2, 3]), ["(3,) int64", "−2 … 7"]),
        (np.array([True, False, True]), ["(3,) bool", "66.7 % True"]),
        (np.array([1, np.nan, np.inf, 3], "float32"), ["(4,)", "2 ± 1, 2 nan or inf"]),
        (np.array([np.nan, np.nan], "float32"), ["(2,)", "2 nan or inf"]),
        (np.zeros((0, 3), "float32"), ["(0, 3)", "empty"]),
        (np.array([2.5], "float32"), ["(1,)", "2.5"]),
        (np.array(2.5, "float32"), ["2.5"]),
        (np.array(4), ["4 int64"]),
    ],
)
def test_blocks_in_a_few_characters(array, lines):
    assert values(array) == lines
    assert spread(array) == lines[-1].removesuffix(" int64")


def test_a_picture_describes_itself(nobody):
    assert repr(draw(Value(1) * 2)).startswith("<Picture of 3 boxes")
    assert isinstance(draw(Value(1)), Picture)
