"""Lesson 21 · Attention: how does a token find what it needs?

A memory of fixed size forgets. You will build a look-up instead: every token asks all others, and
takes what fits. It answers questions that another net cannot. Then you take it apart: what it
knows of order, why it needs several heads, and how it cheats if it may see the future.
"""

import math

import numpy as np

from hello_dl import Tensor, cat, manual_seed, nn, no_grad, optim, stack
from hello_dl import functional as F
from hello_dl.course import begin
from hello_dl.data.texts import load_text
from hello_dl.show.attention import save_attention, show_attention
from hello_dl.text import CharTokenizer, split

if __name__ != "__main__":
    raise ImportError("a lesson is run, not imported")

lesson = begin(__doc__, __file__)
rng = np.random.default_rng(21)

# %% A dictionary that always has an answer.
lesson.section("A dictionary with soft keys")
winds = {"north": ((0, 1), -4), "east": ((1, 0), 8), "south": ((0, -1), 22), "west": ((-1, 0), 14)}
print("How warm is the wind? North -4, east 8, south 22, west 14 degrees. And from the")
print("north-east? A dict of Python says KeyError. So make each key an arrow, and ask")
print("with an arrow, too: (1.5, 1.5). Multiply number by number, add up: a score.")
query, scores = (1.5, 1.5), []
for key, _ in winds.values():
    scores.append(query[0] * key[0] + query[1] * key[1])
shares = np.exp(scores) / np.exp(scores).sum()
print("Softmax (lesson 08) makes shares of the scores:\n")
for (name, (key, value)), score, share in zip(winds.items(), scores, shares):
    print(f"  {name:6}{key!s:>8}   score {score:4.1f}   share {share:.3f}   of {value:3}")
warm = sum(share * value for share, (_, value) in zip(shares, winds.values()))
lesson.expect("\nfrom the north-east", warm, 2, 4, unit="degrees")
print("This is attention: a query meets all keys, and the answer is a mix of all values,")
print("most of it from where the key fits best. It has slopes, so it can be learned.")

# %% By loop, by matrices, by the library.
lesson.section("Build it here: every token asks all tokens")


def attend_by_loop(queries, keys, values):  # each (tokens, d)
    answers = []
    for q in queries:
        scores = [(q * k).sum() / len(q) ** 0.5 for k in keys]  # why the root? See the end
        shares = F.softmax(stack(scores), 0)
        answers.append(sum(share * v for share, v in zip(shares, values)))
    return stack(answers)


def attend(q, k, v, hidden=None):  # all at once: (..., tokens, d), many texts beside each other
    scores = q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5  # (..., tokens, tokens)
    if hidden is not None:  # for later
        scores = scores.masked_fill(hidden, -math.inf)
    shares = F.softmax(scores, -1)
    return shares @ v, shares


def results(function):  # its values, and the gradients of queries, keys and values
    inputs = [Tensor(block, requires_grad=True) for block in blocks]
    y = function(*inputs)
    (y * y).sum().backward()
    return [y.detach(), *(Tensor(x.grad) for x in inputs)]


blocks = rng.normal(size=(3, 5, 4))
print("Five tokens, each with a query, a key and a value: a score for each two of them.")
print("Once by a loop, once by two products of matrices, and F's own:")
right = results(F.scaled_dot_product_attention)
for name, ours in (("loop", attend_by_loop), ("matrices", lambda *x: attend(*x)[0])):
    most = max((a - b).abs().max().item() for a, b in zip(results(ours), right))
    lesson.expect(f"{name}: difference, gradients too", most, 0, 1e-12)

# %% A task for a look-up.
lesson.section("Watch it work: questions about a list")
ALPHABET, DIGITS = "abcdefghijklmnopqrstuvwxyz", "0123456789?"


def recall(count, entries=6, repeats=False):  # the signs of each token, and the answers
    letters = rng.random((count, 26)).argsort(axis=1)[:, :entries]  # all different
    if repeats:
        letters = rng.integers(3, size=(count, entries))
    digits, asked = rng.integers(10, size=(count, entries)), rng.permuted(letters, axis=1)
    same = letters[:, None] == asked[:, :, None]
    newest = entries - 1 - same[:, :, ::-1].argmax(axis=2)
    signs = np.hstack([letters, asked]), np.hstack([digits, np.full_like(digits, 10)])
    return *map(Tensor, signs), Tensor(np.take_along_axis(digits, newest, axis=1))


def spelled(first, second, signs=DIGITS):  # of the first list
    return [ALPHABET[a] + signs[b] for a, b in zip(first[0].tolist(), second[0].tolist())]


class Look(nn.Module):  # each token makes a query, a key and a value of what it is
    def __init__(self, width, size, turn=None, hidden=None):
        self.q, self.k, self.v = (nn.Linear(width, size, bias=False) for _ in range(3))
        self.turn, self.hidden = turn or nn.Identity(), hidden  # for later

    def forward(self, x):
        y, self.shares = attend(self.turn(self.q(x)), self.turn(self.k(x)), self.v(x), self.hidden)
        return y


class NoLook(nn.Module):  # instead: six entries side by side, and the question, into 256 neurons
    def __init__(self):
        self.layer = nn.Linear(7 * 32, 256)

    def forward(self, x):
        entries = x[:, :6].flatten(1).unsqueeze(1).expand(-1, x.shape[1], -1)
        return self.layer(cat([entries, x], -1)).relu()


class Net(nn.Module):  # tokens of two signs; answers to those in the second half
    def __init__(self, body, width=32, positions=None, answers=10):
        self.first, self.second = nn.Embedding(26, 32), nn.Embedding(37, 32)
        self.positions, self.body = positions or nn.Identity(), body
        self.answer = nn.Linear(width, answers)

    def forward(self, first, second):
        x = self.positions(self.first(first) + self.second(second))  # (n, tokens, 32)
        return self.answer(self.body(x)[:, x.shape[1] // 2 :])


def learn(net, steps, make=recall, **how):
    optimizer = optim.Adam(net.parameters(), lr=0.003)
    for _ in range(steps):
        *tokens, answers = make(64, **how)
        loss = F.cross_entropy(net(*tokens).flatten(0, 1), answers.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return test(net, make, **how)


def test(net, make=recall, **how):  # on new ones: the loss, and percent right
    *tokens, answers = make(500, **how)
    with no_grad():
        scores = net(*tokens)
    loss = F.cross_entropy(scores.flatten(0, 1), answers.flatten()).item()
    return loss, 100 * (scores.argmax(-1) == answers).float().mean().item()


first, second, answers = recall(1)
print("  " + " ".join(spelled(first, second)), "   the answers:", *answers[0].tolist())
print("Six entries, six questions, always new ones. A net with 256 neurons that sees all")
print("of the list at once, and one with a single look-up:\n")
steps, many = 300, 600 if lesson.quick else 3000
net, other = Net(Look(32, 32)), Net(NoLook(), width=256)
told = {}
for name, body, count in (("look-up", net, steps), ("neurons", other, steps), ("", other, many)):
    told[name], size = learn(body, count)[1], sum(p.numel() for p in body.parameters())
    words = f"  {name or 'and more':9}{size:8,} parameters   {count:5} steps"
    print(f"{words}{told[name]:8.1f} % right", flush=True)
lesson.expect("\nwith a look-up", told["look-up"], 98, 100, unit="%")
lesson.expect("without", told[""], 25, 85, unit="%")
print("Who takes one of the six digits at random is right about 25 % of the time. Whom")
print("does a token look at? A row looks, a column is looked at, more ink is more:\n")
net(first, second)
names = spelled(first, second)
show_attention(net.body.shares.numpy(), names, titles=[""])
print("\nEach question has found its letter. And it can count on that: lists of 20 entries,")
print("of which it has never seen one, with the same weights:")
lesson.expect("20 entries", test(net, entries=20)[1], 60, 100, unit="%")

# %% Order.
lesson.section("Shuffle the list")
order = rng.permutation(6).tolist() + list(range(6, 12))
moved = (net(first[:, order], second[:, order]) - net(first, second)).abs().max().item()
lesson.expect("entries in another order: the answers move by", moved, 0, 1e-4)
print("Nothing. To attention a text is a bag of tokens! Now let letters come again, and")
print("ask for the newest digit, as in `a3 b7 a5 a?`: 5. Each token has to say where it")
print("stands. Three ways: add a learned row for each place; add sines and cosines of")
print("the place, some quick and some slow, as the hands of a clock; or turn queries and")
print("keys by such angles, so that scores know how far apart two tokens are.")


def angles(places, size):
    return np.arange(places)[:, None] * 10_000 ** -(np.arange(0, size, 2) / size)


def sinusoidal(x):
    turns = angles(*x.shape[-2:])
    return x + Tensor(np.stack([np.sin(turns), np.cos(turns)], -1).reshape(x.shape[-2:]), dtype=x.dtype)


def rotary(x):
    turns = angles(*x.shape[-2:])
    cos, sin = (Tensor(f(turns), dtype=x.dtype) for f in (np.cos, np.sin))
    a, b = x.chunk(2, -1)
    return cat([a * cos - b * sin, b * cos + a * sin], -1)


x = Tensor(rng.normal(size=(2, 9, 8)), dtype="float32")
pairs = (sinusoidal, nn.SinusoidalPositions(8)), (rotary, nn.RotaryPositions(8))
most = max((ours(x) - theirs(x)).abs().max().item() for ours, theirs in pairs)
lesson.expect("difference to nn's", most, 0, 1e-5)
ways = {
    "none": Net(Look(32, 32)),
    "learned": Net(Look(32, 32), positions=nn.LearnedPositions(32, 16)),
    "sinusoidal": Net(Look(32, 32), positions=nn.SinusoidalPositions(32)),
    "rotary": Net(Look(32, 32, turn=nn.RotaryPositions(32))),
}
print("Eight entries of three letters:\n")
told = {}
for name, net in ways.items():
    told[name] = learn(net, 500, entries=8, repeats=True)[1]
    print(f"  positions: {name:12}{told[name]:8.1f} % right", flush=True)
lesson.expect("\nwithout positions", told["none"], 35, 60, unit="%")
lesson.expect("the worst with", min(list(told.values())[1:]), 95, 100, unit="%")

# %% Several look-ups.
lesson.section("Two questions at once")


def differences(count):  # `a3 b7 ... ba`: b minus a, as a number from 0 (-9) to 18 (+9)
    letters, digits, _ = (x.numpy()[:, :6] for x in recall(count))
    places = [rng.permuted(np.tile(np.arange(6), (count, 1)), axis=1) for _ in "ab"]
    (a, b), (da, db) = ([np.take_along_axis(x, p, 1) for p in places] for x in (letters, digits))
    first, second = np.hstack([letters, a]), np.hstack([digits, 11 + b])
    return Tensor(first), Tensor(second), Tensor(9 + da - db)


class Heads(nn.Module):  # several look-ups, each with a part of the width, side by side
    def __init__(self, width, count, **how):
        self.looks = nn.ModuleList([Look(width, width // count, **how) for _ in range(count)])

    def forward(self, x):
        return cat([look(x) for look in self.looks], -1)


print("A question of two letters, and the answer is the first one's digit minus the")
print("second one's. As many parameters, as one look-up or as two of half the size:\n")
for count in (1, 2):
    net = Net(Heads(32, count), answers=19)
    told[count] = learn(net, 600 if lesson.quick else 1500, differences)[1]
    print(f"  heads: {count}{told[count]:8.1f} % right", flush=True)
lesson.expect("\none head", told[1], 15, 45, unit="%")
lesson.expect("two heads", told[2], 60, 100, unit="%")
print("One look-up gives one mix, and it does not say which digit was whose. Two heads:\n")
first, second, _ = differences(1)
net(first, second)
names, shares = spelled(first, second, DIGITS + ALPHABET), [h.shares[0].numpy() for h in net.body.looks]
titles = ["first head", "second head"]
show_attention([s[6:] for s in shares], names[6:], names, titles)
lesson.saved(save_attention(lesson.out / "heads.png", shares, names, titles=titles))

# %% The future.
lesson.section("A language model that is too good")
text = load_text(lesson.data, download=False)
tokenizer = CharTokenizer(text.text)
learned, new = split(np.array(tokenizer.encode(text.text)))


def windows(count, tokens=learned, length=32):  # pieces of text, and what comes after each sign
    starts = rng.integers(len(tokens) - length, size=(count, 1))
    pieces = tokens[starts + np.arange(length + 1)]
    return Tensor(pieces[:, :-1]), Tensor(pieces[:, 1:])


def write(net, text="The ", count=60):
    known = tokenizer.encode(text)
    for _ in range(count):
        chances = F.softmax(net(Tensor([known[-32:]]))[0, -1], -1).numpy().astype(float)
        known.append(int(rng.choice(len(chances), p=chances / chances.sum())))
    return repr(tokenizer.decode(known))


def language_model(**how):
    ends = nn.Embedding(tokenizer.vocab_size, 64), nn.Linear(64, tokenizer.vocab_size)
    return nn.Sequential(ends[0], nn.LearnedPositions(64, 32), Look(64, 64, **how), ends[1])


print(f"The text: {text.name}, {text.note}.")
print("After each character, which one is next? Table, positions, one look-up, answer.")
net, steps = language_model(), 400 if lesson.quick else 1000
learn(net, steps, windows)
lesson.expect("loss on new text", test(net, windows, tokens=new)[0], 0, 0.3)
print("In lesson 20 all of a GRU did not come near that. Let it write:")
print(" ", write(net))
