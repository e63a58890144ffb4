"""Lesson 19 · A net with memory: how does a net read one letter after the other?

You will write names letter by letter: first by counting which letter follows which, then with a
net that remembers one step, then with one that hands its memory on from letter to letter. You go
back through time by hand, and see how far back a gradient gets: it fades, or it explodes.
"""

import re

import numpy as np

from hello_dl import Tensor, manual_seed, nn, no_grad, optim
from hello_dl import functional as F
from hello_dl.course import begin
from hello_dl.data.sources import UnavailableError
from hello_dl.data.texts import load_names, load_python_topics
from hello_dl.show.chart import Chart, save_charts
from hello_dl.show.shades import save_shades, show_shades

if __name__ != "__main__":
    raise ImportError("a lesson is run, not imported")

lesson = begin(__doc__, __file__)

# %% Names; where they are not on this machine, the words of Python's own help.
lesson.section("The names")
try:
    names, what = load_names(lesson.data, download=False), "names"
except UnavailableError:
    found = re.findall(r"\b[a-zA-Z]{3,14}\b", load_python_topics())
    names, what = sorted({word.lower() for word in found}), "words of Python's help"
    print("Names are not on this machine (hello-dl data names fetches them). Instead:")
rng = np.random.default_rng(19)
names = rng.permutation(names).tolist()
ALPHABET = ".abcdefghijklmnopqrstuvwxyz"  # the dot is where a name begins and ends
table = np.full((len(names), 17), -100)  # -100: there is nothing any more
for row, name in zip(table, names):
    row[: len(name) + 2] = [ALPHABET.index(letter) for letter in f".{name}."]
cut = len(names) * 9 // 10
old, new = table[:cut], table[cut:]
print(f"{len(names):,} {what}: {', '.join(names[:6])}, ...")
print(f"The first one as numbers: {table[0, table[0] >= 0].tolist()}. A 0 is where it begins")
print(f"and ends. {len(new):,} are kept for tests. After each letter, what comes next?")

# %% Count pairs.
lesson.section("Count pairs")
counts = np.ones((27, 27))  # this letter, the next one; from 1 on, as no pair is impossible
for row in old:
    for this, following in zip(row, row[1:]):
        if following >= 0:
            counts[this, following] += 1
pairs = counts / counts.sum(axis=1, keepdims=True)
for letter in ".aq":
    p = pairs[ALPHABET.index(letter)]
    often = "   ".join(f"{ALPHABET[i]} {100 * p[i]:.0f} %" for i in p.argsort()[::-1][:7])
    print(f"  after {letter}   {often}")


def write(chances, count):  # draw letter after letter by its chance, until all names have ended
    x = np.zeros((count, 1), int)
    while x.shape[1] < 16:
        sums = chances(x)[:, -1].cumsum(axis=1)
        drawn = (rng.random((count, 1)) * sums[:, -1:] > sums).sum(axis=1)
        x = np.column_stack([x, drawn])
    return ["".join(ALPHABET[i] for i in row[1:]).split(".")[0] for row in x]


readers, losses, told = {}, {}, {}


def try_out(name, chances, low, high):  # chances: of what comes after each letter, all 27
    x, y, there = new[:, :-1].clip(0), new[:, 1:], new[:, 1:] >= 0
    of_next = np.take_along_axis(chances(x), y.clip(0)[..., None], axis=2)[..., 0]
    readers[name], losses[name] = chances, -np.log(of_next[there]).mean()  # as in lesson 08
    written = write(chances, 500)
    real = 100 * np.mean([each in names for each in written])
    told[name] = f"{losses[name]:8.2f}{np.exp(losses[name]):12.1f}{real:16.1f} %"
    print(f"\nIt writes: {', '.join(each for each in written[:9] if each)}")
    lesson.expect("loss on new ones", losses[name], low, high)


print(f"\nWho knows nothing guesses among 27: a loss of log(27) = {np.log(27):.2f}.")
try_out("counts", lambda x: pairs[x], 2.3, 2.9)
print("Each pair sounds right, the whole does not: all but one letter is forgotten.")

# %% One step of memory.
lesson.section("A net that remembers one step")
print("Let a net take a note of each letter, and read the note one step later. So it")
print("knows two letters. A letter goes in as a row of numbers of its own: nn.Embedding")
print("is the table of these rows, and they are learned, like all weights.")
size, epochs = (64, 1) if lesson.quick else (128, 3)


class OneStep(nn.Module):
    def __init__(self):
        self.U = nn.Linear(size, size)

    def forward(self, x):  # a row for each letter: (n, length, size)
        before = F.pad(x.tanh(), (0, 0, 1, 0))[:, :-1]  # the note on the letter before, at first 0
        return (x + self.U(before)).tanh(), None


class Reader(nn.Module):
    def __init__(self, memory):
        self.letters, self.memory, self.scores = nn.Embedding(27, size), memory, nn.Linear(size, 27)

    def forward(self, x):  # (n, length) -> scores of what comes next (n, length, 27)
        return self.scores(self.memory(self.letters(x))[0])


def loss_of(net, rows):
    return F.cross_entropy(net(Tensor(rows[:, :-1].clip(0))).flatten(0, 1), Tensor(rows[:, 1:].reshape(-1)))


def learn(net):
    optimizer = optim.Adam(net.parameters())
    for epoch in range(epochs):
        optimizer.lr = 0.005 * 0.4**epoch
        for batch in rng.permutation(cut)[: cut // 64 * 64].reshape(-1, 64):
            loss = loss_of(net, old[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return lambda x: F.softmax(net(Tensor(x)).detach(), dim=2).numpy()


manual_seed(0)
try_out("one step", learn(Reader(OneStep())), 2.2, 2.9)
lesson.expect("better than counting by", losses["counts"] - losses["one step"], 0.05, 0.4)

# %% A recurrent net by hand: forward through time, and back.
lesson.section("Build it here: through time")
print("Now one change: the note is made of the letter and of the note before it, which")
print("was made of the one before that. Such a note is called the state:\n")
print("  state = tanh(W @ letter + U @ state + b)      the same W, U, b at every step\n")
print("Backward, walk from the last step to the first, and carry along what all later")
print("steps want of the state. The gradients of all steps add up, as the weights are one.")


def forward(x, W, U, b):  # x (steps, n, features)
    states = [np.zeros((x.shape[1], len(U)))]
    for letter in x:
        states.append(np.tanh(letter @ W.T + states[-1] @ U.T + b))
    return states


def backward(x, states, U, wanted):  # wanted: what the loss wants of each state directly
    dW, dU, db, carry, sizes = 0, 0, 0, 0, []
    for t in reversed(range(len(x))):
        d = (wanted[t] + carry) * (1 - states[t + 1] ** 2)  # through tanh
        dW, dU, db = dW + d.T @ x[t], dU + d.T @ states[t], db + d.sum(axis=0)
        carry = d @ U
        sizes.append(np.linalg.norm(carry))
    return (dW, dU, db, db), sizes


library = nn.RNN(5, 4, dtype="float64")
W, U, b, b_too = (p.detach().numpy() for p in library.parameters())  # two biases, that add up
x, wanted = rng.normal(size=(12, 3, 5)), rng.normal(size=(12, 3, 4))
states = forward(x, W, U, b + b_too)
y, _ = library(Tensor(x))
lesson.expect("states: difference to nn.RNN", abs(y.numpy() - states[1:]).max(), 0, 1e-12)
y.backward(Tensor(wanted))
both = zip(backward(x, states, U, wanted)[0], library.parameters())
worst = max(np.abs(np.subtract(ours, p.grad.tolist())).max() for ours, p in both)
lesson.expect("gradients: difference to nn.RNN", worst, 0, 1e-12)
memory = nn.RNN(size, size, batch_first=True)
try_out("all steps", learn(Reader(memory)), 1.9, 2.6)
lesson.expect("better than one step by", losses["one step"] - losses["all steps"], 0.05, 0.4)

# %% All three side by side.
lesson.section("Watch it work")
print("                  loss    as among   real ones, of 500")
for name, line in told.items():
    print(f"  {name:12}{line}")
print("As among: as unsure as who guesses among so many letters.")
shown = sorted(names[cut:], key=len)[-5:]
text, sure = "".join(f"{name}." for name in shown), {}
for name, chances in readers.items():
    rows = [[ALPHABET.index(letter) for letter in f".{each}."] for each in shown]
    every = [chances(np.array([r[:-1]]))[0, np.arange(len(r) - 1), r[1:]] for r in rows]
    sure[name] = np.concatenate(every)
print("\nHow sure was each of the next letter, in words it never saw? Full: 100 %.\n")
show_shades(text, sure)
lesson.saved(save_shades(lesson.out / "sure.png", text, sure))

# %% How far back does a gradient get?
lesson.section("How far back?")
print("What does the loss of the last step want of the state 1, 2, ..., 40 steps before?")
print("Every step back multiplies by U, and by the slope of tanh, which is 1 at most.\n")
turn, _ = np.linalg.qr(rng.normal(size=(64, 64)))  # a turn: it changes the size of nothing
x, last = 0.1 * rng.normal(size=(40, 16, 64)), np.zeros((40, 16, 64))
last[-1] = rng.normal(size=(16, 64)) 
fades = {}
for name, factor in (("large U", 3), ("right U", 1.2), ("small U", 0.5)):
    U = factor * turn
    _, sizes = backward(x, forward(x, np.eye(64), U, np.zeros(64)), U, last)
    fades[name] = np.log10(np.array(sizes) / np.linalg.norm(last[-1]))
chart = Chart(fades, "steps back", "log10 of the gradient")
chart.show(14)
lesson.saved(save_charts(lesson.out / "fades.png", [chart]))
lesson.expect("small U, 40 steps: log10", fades["small U"][-1], -16, -10)
lesson.expect("large U, 40 steps: log10", fades["large U"][-1], 3, 9)
