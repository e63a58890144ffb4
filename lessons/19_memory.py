"""Lesson 19 · A net with memory: how does a net read one letter after the other?

You will write names: by counting which letter follows which, with a net that remembers one step,
and with one that hands its memory on. And you see how far back in time a gradient gets.
"""

import copy

import numpy as np

from hello_dl import Tensor, manual_seed, nn, optim
from hello_dl import functional as F
from hello_dl.course import begin
from hello_dl.data.texts import load_words
from hello_dl.show.chart import Chart, save_charts
from hello_dl.show.shades import save_shades, show_shades
from hello_dl.train import fit

if __name__ != "__main__":
    raise ImportError("a lesson is run, not imported")

lesson = begin(__doc__, __file__)

# %% Names; where they are not on this machine, the words of Python's own help.
lesson.section("The names")
words, what, note = load_words(lesson.data, download=False)
rng = np.random.default_rng(19)
names = rng.permutation(sorted(set(words))).tolist()  # some are there twice, and a test is new
ALPHABET = ".abcdefghijklmnopqrstuvwxyz"  # the dot is where a name begins and ends
numbers = [[ALPHABET.index(letter) for letter in f".{name}."] for name in names]
table = np.array([row + [-100] * (17 - len(row)) for row in numbers])  # -100: there is no more
old, new = np.split(table, [len(names) * 9 // 10])
print(f"{len(names):,} {what}, {note}.\nSome of them: {', '.join(names[:6])}")
print(f"{len(new):,} are kept for tests. As numbers, a is 1, z is 26, and 0 is at both ends.")

# %% Count pairs.
lesson.section("Count pairs")
counts = np.ones((27, 27))  # this letter, the next one; from 1 on, as no pair is impossible
for row in old:
    for this, following in zip(row, row[row > -1][1:]):
        counts[this, following] += 1
pairs, readers, losses = counts / counts.sum(axis=1, keepdims=True), {}, {}
for letter in ".aq":
    p = pairs[ALPHABET.index(letter)]
    often = "   ".join(f"{ALPHABET[i]} {100 * p[i]:.0f} %" for i in p.argsort()[::-1][:7])
    print(f"  after {letter}   {often}")


def write(chances, count):  # draw letter after letter by its chance, until all names have ended
    x = np.zeros((count, 1), int)
    while x.shape[1] < 16:
        sums = chances(x)[:, -1].cumsum(axis=1)
        x = np.column_stack([x, (rng.random((count, 1)) * sums[:, -1:] > sums).sum(axis=1)])
    return ["".join(ALPHABET[i] for i in row[1:]).split(".")[0] for row in x]


def chance_of_next(chances, rows):  # which chance did each letter have that came?
    x, y = rows[:, :-1].clip(0), rows[:, 1:]
    return np.take_along_axis(chances(x), y.clip(0)[..., None], axis=2)[..., 0][y >= 0]


def try_out(name, chances, low, high):  # chances(x): of all 27, after each letter of x
    readers[name], losses[name] = chances, -np.log(chance_of_next(chances, new)).mean()
    print(f"\nIt writes: {', '.join(write(chances, 12))[:69].rpartition(',')[0]}")
    lesson.expect("loss on new ones", losses[name], low, high)


print(f"\nWho knows nothing guesses among 27: a loss of log(27) = {np.log(27):.2f}.")
try_out("counts", lambda x: pairs[x], 2.35, 2.55)
print("Each pair sounds right, the whole does not: all but one letter is forgotten.")

# %% One step of memory.
lesson.section("A net that remembers one step")
print("It takes a note of each letter and reads it one step later: so it knows two. A")
print("letter goes in as a row of numbers of its own, out of a table that is learned.")
size, steps = (64, 400) if lesson.quick else (128, 2000)
batches = [(Tensor(r[:, :-1].clip(0)), Tensor(r[:, 1:])) for r in rng.choice(old, (steps, 64))]


class OneStep(nn.Module):
    def __init__(self):
        self.U = nn.Linear(size, size)

    def forward(self, x):  # a row for each letter: (n, length, size)
        before = F.pad(x.tanh(), (0, 0, 1, 0))[:, :-1]  # the note on the letter before, at first 0
        return (x + self.U(before)).tanh(), None


class Reader(nn.Module):
    def __init__(self, memory):
        self.letters, self.memory, self.scores = nn.Embedding(27, size), memory, nn.Linear(size, 27)

    def forward(self, x):  # (n, length) -> scores of what comes next (n, 27, length)
        return self.scores(self.memory(self.letters(x))[0]).transpose(1, 2)


def learn(net):  # by cross-entropy, where -100 does not count; returns its chances
    list(fit(net, batches, optimizer=optim.Adam(net.parameters(), lr=0.003)))
    return lambda x: F.softmax(net(Tensor(x)).detach().transpose(1, 2), dim=2).numpy()


manual_seed(0)
try_out("one step", learn(Reader(OneStep())), 2, 2.4)
lesson.expect("better than counting by", losses["counts"] - losses["one step"], 0.05, 0.4)

# %% A recurrent net by hand: forward through time, and back.
lesson.section("Build it here: through time")
print("One change: the note is made of the letter and of the note before. The state:\n")
print("  state = tanh(W @ letter + U @ state + b)      the same W, U, b at every step\n")
print("Backward, from the last step to the first, carry the gradient of later ones.")


def forward(x, W, U, b):  # x (steps, n, features)
    states = [np.zeros((x.shape[1], len(U)))]
    for letter in x:
        states.append(np.tanh(letter @ W.T + states[-1] @ U.T + b))
    return states


def backward(x, states, U, direct):  # direct: the gradient of each state, without later steps
    dW, dU, db, carry, sizes = 0, 0, 0, 0, []
    for t in reversed(range(len(x))):
        d = (direct[t] + carry) * (1 - states[t + 1] ** 2)  # through tanh
        dW, dU, db = dW + d.T @ x[t], dU + d.T @ states[t], db + d.sum(axis=0)
        carry = d @ U
        sizes.append(np.linalg.norm(carry))
    return (dW, dU, db, db), sizes


library = nn.RNN(5, 4, dtype="float64")
W, U, b, b_too = (p.detach().numpy() for p in library.parameters())  # two biases, that add up
x, direct = rng.normal(size=(12, 3, 5)), rng.normal(size=(12, 3, 4))
states = forward(x, W, U, b + b_too)
y, _ = library(Tensor(x))
y.backward(Tensor(direct))
ours = [states[1:], *backward(x, states, U, direct)[0]]
theirs = [y.numpy(), *(p.grad.tolist() for p in library.parameters())]
worst = max(np.abs(a - b).max() for a, b in zip(ours, theirs))
lesson.expect("states and gradients: difference to nn.RNN", worst, 0, 1e-12)
reader = Reader(nn.RNN(size, size, batch_first=True))
try_out("all steps", learn(reader), 1.85, 2.3)
lesson.expect("better than one step by", losses["one step"] - losses["all steps"], 0.05, 0.4)

lesson.section("Watch it work")
print("  reader      loss    like a guess among   it writes")
for name, chances in readers.items():
    print(f"  {name:10}{losses[name]:6.2f}{np.exp(losses[name]):16.1f} letters   ", end="")
    print(", ".join(write(chances, 9))[:36].rpartition(",")[0])
shown = new[(new >= 0).sum(axis=1) > 10][:6]
text = "".join(ALPHABET[i] for i in shown[:, 1:][shown[:, 1:] >= 0])
sure = {name: chance_of_next(chances, shown) for name, chances in readers.items()}
print("\nTheir chances of the letters of new names: blank is below 12 %, full above 48 %.\n")
show_shades(text, sure, high=0.6)
lesson.saved(save_shades(lesson.out / "sure.png", text, sure, high=0.6))

# %% How far back does a gradient get?
lesson.section("How far back?")
print("The loss of the last step: how large is its gradient 1 to 40 steps before? Take")
print("a U that only turns. Times 1.2 makes up for tanh. And times 3, and times 0.5?\n")
turn, _ = np.linalg.qr(rng.normal(size=(64, 64)))
x, last, fades = 0.1 * rng.normal(size=(40, 16, 64)), np.zeros((40, 16, 64)), {}
last[-1] = 1
for name, factor in (("U * 3", 3), ("U * 1.2", 1.2), ("U * 0.5", 0.5)):
    states = forward(x, np.eye(64), factor * turn, np.zeros(64))
    sizes = backward(x, states, factor * turn, last)[1]
    fades[name] = np.log10(np.array(sizes) / np.linalg.norm(last))
chart = Chart(fades, "steps back", "log10 of the gradient")
chart.show(14)
lesson.saved(save_charts(lesson.out / "fades.png", [chart]))
lesson.expect("U * 1.2, 40 steps back: 10 to the power of", fades["U * 1.2"][-1], -2, 2)
print("Each step multiplies by U and by the slope of tanh. What shrinks 40 times")
print("vanishes: no loss asks for a memory so old. What grows 40 times explodes.")

lesson.section("Clip, and cut")
print("Where all gradients together, as one arrow, are too long: make them shorter.")
F.cross_entropy(reader(batches[0][0]), batches[0][1]).backward()
length = sum((p.grad**2).sum().item() for p in reader.parameters()) ** 0.5
before = nn.utils.clip_grad_norm_(reader.parameters(), 0.25).item()
lesson.expect("length: difference to clip_grad_norm_", abs(length - before), 0, 1e-5)
print("This reader goes on learning in large steps, and then clipped to 0.25. The loss:\n")
highest = []
for how, longest in (("as it is", None), ("clipped", 0.25)):
    net = copy.deepcopy(reader)
    optimizer = optim.SGD(net.parameters(), lr=2, momentum=0.9)
    *seen, _ = fit(net, batches[:20], optimizer=optimizer, clip=longest)
    highest.append(max(step.loss for step in seen))
    print(f"  {how:8}", *(f"{step.loss:6.2f}" for step in seen[::2]))
lesson.expect("\nhighest, as it is by clipped", highest[0] / highest[1], 1.05, 9)
print("Too long a way? Go on from state.detach(): it is remembered, the gradient ends.")

lesson.finish(
    learned=[
        "A recurrent net reads a letter and its own state. Its gradient walks back in time.",
        "What each step shrinks vanishes, what it stretches explodes. Clipping cures the second.",
    ],
    try_this=[
        "Let write() begin all names with 'mar'.",
        "Make the factor of U 0.9, 1, 1.1 and 2. How wide is the edge between the two?",
    ],
)
