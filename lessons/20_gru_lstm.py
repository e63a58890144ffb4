"""Lesson 20 · GRU and LSTM: how does a net remember for long?

You will see a net with memory fail to remember a single letter. Then you build gates, which say
what to keep, compare three kinds of memory in one table, and look at units while they read.
"""

import textwrap
import time

import numpy as np

from hello_dl import Tensor, manual_seed, nn, no_grad, optim
from hello_dl import functional as F
from hello_dl.course import begin
from hello_dl.data.texts import load_text
from hello_dl.models.text import TextRNN
from hello_dl.show.chart import Chart, save_charts
from hello_dl.show.shades import save_shades, show_shades
from hello_dl.text import CharTokenizer, OrderedWindows, RandomWindows, generate, split
from hello_dl.train import fit

if __name__ != "__main__":
    raise ImportError("a lesson is run, not imported")

lesson = begin(__doc__, __file__)

# %% A task for a memory: hold one letter, while others pass by.
lesson.section("A letter to remember")
gaps, steps = ((5, 40), 150) if lesson.quick else ((5, 20, 60), 400)
LETTERS, rng = "abcdefghijklmnop?", np.random.default_rng(20)
KINDS, losses, nets = {"RNN": nn.RNN, "GRU": nn.GRU, "LSTM": nn.LSTM}, {}, {}
turn, _ = np.linalg.qr(rng.normal(size=(64, 64)))


def riddles(gap, count=64):  # one of a to h, then so many of i to p, and the question
    x = rng.integers(8, 16, (gap + 2, count))
    x[0], x[-1] = rng.integers(8, size=count), 16
    return Tensor(x), Tensor(x[0])


class Memory(nn.Module):
    def __init__(self, name):
        self.letters, self.answer = nn.Embedding(17, 16), nn.Linear(64, 8)
        self.memory = KINDS[name.split()[0]](16, 64)
        if "*" in name:  # a U that turns, as in lesson 19
            self.memory.weight_hh_l0.data[...] = float(name.split("*")[1]) * turn
        elif "open" in name:  # the gate that keeps: of both, the second block of the biases
            self.memory.bias_hh_l0.data[64:128] += 5

    def forward(self, x):  # (steps, n) -> scores of a to h (n, 8)
        return self.answer(self.memory(self.letters(x))[0][-1])


def remember(name):  # learn riddles of each length, and print a row of the table
    print(f"  {name:18}", end="", flush=True)
    for gap in gaps:
        manual_seed(0)
        net, batches = Memory(name), [riddles(gap) for _ in range(steps)]
        list(fit(net, batches, optimizer=optim.Adam(net.parameters(), lr=0.003), clip=1.0))
        x, y = riddles(gap, 500)
        scores = net(x).detach()
        losses[name], right = F.cross_entropy(scores, y).item(), (scores.argmax(1) == y).mean()
        print(f"{100 * right.item():8.0f}", end="\n" if gap == gaps[-1] else "", flush=True)
    nets[name] = net
    return 100 * right.item()


riddle = "".join(LETTERS[i] for i in riddles(20)[0].numpy()[:, 0])
print(f"A riddle: {riddle}   The answer is the first letter: {riddle[0]}.")
print("Who guesses gets 12 %. Percent right, with so many letters between:")
print("\n" + " " * 20 + "".join(f"{gap:8}" for gap in gaps))
lesson.expect(f"RNN, {gaps[-1]} letters between", remember("RNN"), 5, 30, unit="%")
print("One letter, and it is lost! Lesson 19 says why: the gradient has vanished.")

# %% Gates by hand.
lesson.section("Build it here: gates")
print("An RNN makes its state anew in every step. So let it keep the old one, and let a")
print("gate say how much: for each unit a number from 0 to 1, a sigmoid of what is read")
print("and remembered. Then state = keep * state + (1 - keep) * note, and where keep is")
print("1 the gradient comes through as it is, like through the plus of lesson 13.")


def step(kind, x, state, cell, U, c):  # x: what the letter says, W @ letter + b
    heard = state @ U.T + c  # for all gates at once
    if kind == "RNN":
        state = cell = (x + heard).tanh()
    elif kind == "GRU":  # r: is the state heard? z: is it kept?
        (x_r, x_z, x_n), (s_r, s_z, s_n) = x.chunk(3, 1), heard.chunk(3, 1)
        r, z = (x_r + s_r).sigmoid(), (x_z + s_z).sigmoid()
        state = cell = z * state + (1 - z) * (x_n + r * s_n).tanh()
    else:  # i: is the note g let in? f: is the cell kept? o: is it shown?
        i, f, g, o = (x + heard).chunk(4, 1)
        cell = f.sigmoid() * cell + i.sigmoid() * g.tanh()  # what is remembered
        state = o.sigmoid() * cell.tanh()  # what is said of it
    return state, cell


def walk(kind, library, x):  # with the weights of a layer of the library; all states, all cells
    W, U, b, c = library.parameters()
    state = cell = Tensor(np.zeros((x.shape[1], U.shape[1])), dtype=x.dtype)
    states, cells = [], []
    for said in x @ W.T + b:
        state, cell = step(kind, said, state, cell, U, c)
        states, cells = [*states, state], [*cells, cell]
    return states, cells


for kind in ("GRU", "LSTM"):
    library, x = KINDS[kind](5, 4, dtype="float64"), Tensor(rng.normal(size=(12, 3, 5)))
    ours, theirs = walk(kind, library, x)[0], library(x)[0]
    worst = max(abs(a - b).max().item() for a, b in zip(ours, theirs))
    lesson.expect(f"difference to nn.{kind}", worst, 0, 1e-12)
print("Do they hold the letter?\n")
remember("GRU")
lesson.expect(f"LSTM, {gaps[-1]} letters between", remember("LSTM"), 5, 30, unit="%")
print("No better! They can keep, but do not know yet that they should. sigmoid(0) is")
print(f"0.5: {0.5 ** gaps[-1]:.0e} is left in the end. So add 5 to the bias of what keeps the old,")
print("as sigmoid(5) is 0.993. And the RNN may begin with the U of lesson 19.\n")
*_, share = map(remember, ("RNN * 1.2", "RNN * 1.5", "GRU open", "LSTM open"))
lesson.expect(f"LSTM, {gaps[-1]} letters between", share, 90, 100, unit="%")
print("The RNN gets further. How far hangs on its U, and on luck. The gates hold it.")

# %% How far back does a gradient get?
lesson.section("How far back?")
fades, (x, y) = {}, riddles(40)
for name in reversed(losses):
    net = Memory(name)
    states, cells = walk(name.split()[0], net.memory, net.letters(x))
    F.cross_entropy(net.answer(states[-1]), y).backward()
    sizes = np.array([(cell.grad**2).sum().item() ** 0.5 for cell in cells[::-1]])
    fades[name] = np.log10(sizes[1:] / sizes[0])
(chart := Chart(fades, "steps back", "log10 of the gradient")).show(14)
lesson.saved(save_charts(lesson.out / "fades.png", [chart]))

# %% The same three on a text.
lesson.section("On a text")
text, title, note = load_text(lesson.data, download=False)
tokenizer = CharTokenizer(text)
old, new = split(np.array(tokenizer.encode(text)))
print(textwrap.fill(f"{title}, {note}. For each as many steps and about as many weights:", 80))
print("\n        units  parameters  seconds    loss     loss of the riddle  begun well")
last, scores, steps = {name.split()[0]: name for name in losses}, {}, 100 if lesson.quick else 1000
tests = [[Tensor(part.numpy()) for part in batch] for batch in OrderedWindows(new, 64, 32, 20)]
for kind, units in {"RNN": 152, "GRU": 88, "LSTM": 75}.items():
    manual_seed(0)
    net = nets[kind] = TextRNN(tokenizer.vocab_size, kind.lower(), 32, units)
    optimizer, start = optim.Adam(net.parameters(), lr=0.004), time.perf_counter()
    slower = optim.lr_scheduler.LinearLR(optimizer, 1, 0.05, steps)
    how = {"schedule": slower, "clip": 1.0, "step_loss": lambda net, batch: net(*batch)[1]}
    list(fit(net, RandomWindows(old, 64, 32, steps), optimizer=optimizer, **how))
    seconds, count = time.perf_counter() - start, sum(p.numel() for p in net.parameters())
    with no_grad():
        scores[kind] = np.mean([net(*batch)[1].item() for batch in tests])
    print(f"  {kind:6}{units:5}{count:12,}{seconds:9.1f}{scores[kind]:8.2f}", end="")
    print(f"{losses[kind]:17.2f}{losses[last[kind]]:12.2f}", flush=True)
lesson.expect("\nthe GRU", scores["GRU"], 1.7, 2.8)
lesson.expect("RNN minus GRU", scores["RNN"] - scores["GRU"], -0.25, 0.15)
print("Here no gate is needed: the next letter is a matter of the last few. Gates pay")
print("where a thing has to be held for long. The GRU writes:\n")
written = "".join(tokenizer.stream(generate(nets["GRU"], tokenizer.encode("\n"), 300, seed=0)))
print(*(textwrap.fill(line, 80) for line in written.splitlines()), sep="\n")

lesson.section("Watch them read")


def read(memory, x):  # one text: all states (letters, units), and the gate that keeps
    W, U, b, c = memory.parameters()
    states = memory(x)[0][:, 0].detach()
    heard = F.pad(states[:-1], (0, 0, 1, 0)) @ U.T + c
    gates = (x[:, 0] @ W.T + b + heard).chunk(len(W) // U.shape[1], 1)
    return states.numpy(), gates[1].sigmoid().detach().numpy()  # z or f: both are the second


print("Which unit says most about a letter? More ink: its state is high (or low, if")
print("that means yes). Below stands its gate. More ink: it keeps more of what was.\n")
(riddle, _), part, rows = riddles(gaps[-1], 1), new[:2000], {}
letters = tokenizer.decode(part)
for kind in ("GRU", "LSTM"):
    net, hold = nets[kind], nets[f"{kind} open"]
    gates = read(hold.memory, hold.letters(riddle))[1]
    states, keeps = read(net.memory, net.tokens(Tensor(part[:, None])))
    for name, is_one in {"word": str.isalpha, "vowel": "aeiou".count}.items():
        alike = np.corrcoef([is_one(c) for c in letters], states.T)[0, 1:]
        unit = abs(alike).argmax()
        rows[f"{kind} {name}"] = 0.5 + np.sign(alike[unit]) * states[:132, unit] / 2
        rows[f"{kind} gate {unit}"] = keeps[:132, unit]
        lesson.expect(f"{kind}, {name}: unit {unit}, correlation", abs(alike[unit]), 0.15, 1)
    kept = f"{100 * keeps.mean():.0f} % on the text, {100 * gates.mean():.0f} % on a riddle"
    print(f"All gates of the {kind} together keep {kept}.\n")
show_shades(letters[:132], rows)
lesson.saved(save_shades(lesson.out / "units.png", letters[:132], rows))

lesson.finish(
    learned=[
        "A gate keeps a state as it is, and its gradient with it. It has to begin open.",
        "Then GRU and LSTM hold a letter for long. A plain RNN needs the right U, and luck.",
    ],
    try_this=["Give the RNN a U times 1, 2 or 3, and another seed. When does it hold 60?"],
)
