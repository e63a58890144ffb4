"""Lesson 21 · Attention: how does a token find what it needs?

A memory of fixed size forgets. You will build a look-up instead: every token asks all others, and
takes what fits. It answers questions that another net cannot. Then you take it apart: what it
knows of order, why one is not enough, and how it cheats if it may see the future.
"""

import math

import numpy as np

from hello_dl import Tensor, cat, nn, no_grad, optim, stack
from hello_dl import functional as F
from hello_dl.course import begin
from hello_dl.data.lists import make_lists, spell_list
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
print("How warm is the wind? From the north -4 degrees, east 8, south 22, west 14. And")
print("from the north-east? A dict of Python raises KeyError. So make each key an arrow,")
print("and ask with an arrow, (1.5, 1.5). Multiply number by number, add up: a score.")
scores = np.array([1.5 * x + 1.5 * y for (x, y), _ in winds.values()])
shares = np.exp(scores) / np.exp(scores).sum()
print("Softmax (lesson 08) turns scores into shares of 1:\n")
for (name, (key, value)), score, share in zip(winds.items(), scores, shares):
    print(f"  {name:6}{key!s:>8}   score {score:4.1f}   share {share:.3f} of {value:3} degrees")
warm = sum(share * value for share, (_, value) in zip(shares, winds.values()))
lesson.expect("\nfrom the north-east", warm, 2, 4, unit="degrees")
print("That is attention: a query meets all keys, and the answer is a mix of all values,")
print("most of it from where the key fits best. All of it has slopes: it can be learned.")

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


def results(function):  # what it gives, and the gradients of queries, keys and values
    inputs = [Tensor(block, requires_grad=True) for block in blocks]
    y = function(*inputs)
    (y * y).sum().backward()
    return [y.detach(), *(Tensor(x.grad) for x in inputs)]


blocks = rng.normal(size=(3, 5, 4))
print("Five tokens; each has a query, a key and a value of four numbers. By a loop, and")
print("by two products of matrices; how far from F.scaled_dot_product_attention?")
right = results(F.scaled_dot_product_attention)
for name, ours in (("loop", attend_by_loop), ("matrices", lambda *x: attend(*x)[0])):
    most = max((a - b).abs().max().item() for a, b in zip(results(ours), right))
    lesson.expect(f"{name}, gradients too", most, 0, 1e-12)

# %% A task for a look-up.
lesson.section("Watch it work: questions about a list")


class Look(nn.Module):  # each token makes a query, a key and a value of what it is
    def __init__(self, width, size, turn=None, hidden=None):
        self.q, self.k, self.v = (nn.Linear(width, size, bias=False) for _ in range(3))
        self.turn, self.hidden = turn or nn.Identity(), hidden  # for later

    def forward(self, x):
        y, self.shares = attend(self.turn(self.q(x)), self.turn(self.k(x)), self.v(x), self.hidden)
        return y


class Signs(nn.Module):  # a token of two signs is the sum of both: (n, tokens, 2) to 32 numbers
    def __init__(self):
        self.first, self.second = nn.Embedding(26, 32), nn.Embedding(37, 32)

    def forward(self, tokens):
        return self.first(tokens[:, :, 0]) + self.second(tokens[:, :, 1])


def lists(count, **how):
    return map(Tensor, make_lists(count, rng, **how))


def learn(net, steps, make=lists, **how):  # the last tokens are those with an answer
    optimizer = optim.Adam(net.parameters(), lr=0.003)
    for _ in range(steps):
        tokens, answers = make(64, **how)
        scores = net(tokens)[:, -answers.shape[1] :]
        loss = F.cross_entropy(scores.flatten(0, 1), answers.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return net


def test(net, make=lists, **how):  # on new ones: percent right, and the loss
    tokens, answers = make(500, **how)
    with no_grad():
        scores = net(tokens)[:, -answers.shape[1] :]
    loss = F.cross_entropy(scores.flatten(0, 1), answers.flatten()).item()
    return 100 * (scores.argmax(-1) == answers).float().mean().item(), loss


tokens, answers = lists(1)
names = spell_list(tokens[0].numpy())
print("  " + " ".join(names), "   the answers:", *answers[0].tolist())
print("Six entries, then questions; each list is new. A net of 256 neurons that sees all")
print("entries and a question, and one with a single look-up:\n")
flat = nn.Flatten(), nn.Linear(7 * 32, 256), nn.ReLU(), nn.Linear(256, 10), nn.Unflatten(1, (1, 10))
flat, net = nn.Sequential(Signs(), *flat), nn.Sequential(Signs(), Look(32, 32), nn.Linear(32, 10))
for name, body, steps in (
    ("look-up", net, 300),
    ("neurons", flat, 300),
    ("neurons", flat, 1000 if lesson.quick else 5000),
):
    share = test(learn(body, steps, questions=1), questions=1)[0]
    size = sum(p.numel() for p in body.parameters())
    words = f"  {name}{size:9,} parameters   {steps:5,} more steps"
    print(f"{words}{share:8.1f} % right", flush=True)
lesson.expect("\nwith a look-up", test(net)[0], 98, 100, unit="%")
lesson.expect("without", share, 20, 85, unit="%")
print("Whom does a token look at? Rows look, columns are looked at, more ink is more:\n")
net(tokens)
show_attention(net[1].shares.numpy()[0], names)
lesson.expect("\nthe same net, and lists of 20 entries", test(net, entries=20)[0], 60, 100, unit="%")
print("A question finds its letter in a list of any length. The neurons had to learn")
print("every letter anew for every place.")
