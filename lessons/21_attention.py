"""Lesson 21 · Attention: how does a token find what it needs?

A memory of fixed size forgets. You will build a look-up instead: every token asks all others, and
takes what fits. It answers questions that other nets cannot. Then you take it apart: what it knows
of order, why one is not enough, and how it cheats if it may see the future.
"""

import numpy as np

from hello_dl import Tensor, cat, nn, optim, stack
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
print("the north-east? A dict of Python raises KeyError. So make an arrow of each key,")
print("and ask with an arrow, (1.5, 1.5). Multiply number by number, add up: a score.")
scores = np.array([1.5 * x + 1.5 * y for (x, y), _ in winds.values()])
shares = np.exp(scores) / np.exp(scores).sum()
print("Softmax (lesson 08) turns scores into shares:\n")
for (name, (key, value)), score, share in zip(winds.items(), scores, shares):
    print(f"  {name:6}{key!s:>8}   score {score:4.1f}   share {share:.3f} of {value:3} degrees")
warm = sum(share * value for share, (_, value) in zip(shares, winds.values()))
lesson.expect("\nfrom the north-east", warm, 2, 4, unit="degrees")
print("That is attention: a query meets all keys, and the answer is a mix of all values,")
print("most of it from where the key fits best. All of it has slopes: it can be learned.")

# %% By a loop, by matrices, by the library.
lesson.section("Build it here: every token asks all tokens")


def attend_by_loop(queries, keys, values):  # each (tokens, d)
    answers = []
    for q in queries:
        scores = [(q * k).sum() / len(q) ** 0.5 for k in keys]  # why the root? See the end
        shares = F.softmax(stack(scores), 0)
        answers.append(sum(share * v for share, v in zip(shares, values)))
    return stack(answers)


class Look(nn.Module):  # the same at once. A token makes its query, key and value of what it is
    def __init__(self, width, size, turn=None, hidden=None):
        self.q, self.k, self.v = (nn.Linear(width, size, bias=False) for _ in range(3))
        self.turn, self.hidden = turn or nn.Identity(), hidden  # for later

    def forward(self, x):  # (..., tokens, width)
        q, k, v = self.turn(self.q(x)), self.turn(self.k(x)), self.v(x)
        scores = q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5  # (..., tokens, tokens)
        if self.hidden is not None:
            scores = scores.masked_fill(self.hidden[: x.shape[1], : x.shape[1]], -np.inf)
        self.shares = F.softmax(scores, -1)  # kept, to look at
        return self.shares @ v


def results(y):  # all answers, and the gradients of the weights, in one row
    look.zero_grad()
    (y * y).sum().backward()
    return cat([y.detach().flatten(), *(Tensor(p.grad).flatten() for p in look.parameters())])


look, x = Look(8, 4), Tensor(rng.normal(size=(5, 8)), dtype="float32")
print("Five tokens of eight numbers. How far are answers and gradients from those of")
print("F.scaled_dot_product_attention? By a loop over tokens, and by products of matrices:")
wanted = results(F.scaled_dot_product_attention(look.q(x), look.k(x), look.v(x)))
by_loop = results(attend_by_loop(look.q(x), look.k(x), look.v(x)))
lesson.expect("loop", (by_loop - wanted).abs().max().item(), 0, 1e-5)
lesson.expect("matrices", (results(look(x)) - wanted).abs().max().item(), 0, 1e-5)

# %% A task for a look-up.
lesson.section("Watch it work: questions about a list")


class Signs(nn.Module):  # a token of two signs is the sum of both: (n, tokens, 2) to 32 numbers
    def __init__(self):
        self.first, self.second = nn.Embedding(26, 32), nn.Embedding(37, 32)

    def forward(self, tokens):
        return self.first(tokens[:, :, 0]) + self.second(tokens[:, :, 1])


def lists(count, **how):
    return map(Tensor, make_lists(count, rng, **how))


def judge(net, tokens, answers):  # the loss, and percent right; the last tokens have answers
    scores = net(tokens)[:, -answers.shape[1] :]
    right = 100 * (scores.argmax(-1) == answers).float().mean().item()
    return F.cross_entropy(scores.flatten(0, 1), answers.flatten()), right


def learn(net, steps, make=lists, **how):
    optimizer = optim.Adam(net.parameters(), lr=0.003)
    for _ in range(steps):
        optimizer.zero_grad()
        judge(net, *make(64, **how))[0].backward()
        optimizer.step()
    return judge(net, *make(500, **how))[1]  # of new ones


tokens, answers = lists(1)
names = spell_list(tokens[0].numpy())
print("  " + " ".join(names), "   the answers:", *answers[0].tolist())
print("Entries, then questions; every list is new. One look-up, and 256 neurons that see")
print("six entries and a question. How many answers are right?\n")
flat = nn.Flatten(), nn.Linear(7 * 32, 256), nn.ReLU(), nn.Linear(256, 10), nn.Unflatten(1, (1, 10))
flat, net = nn.Sequential(Signs(), *flat), nn.Sequential(Signs(), Look(32, 32), nn.Linear(32, 10))
more = 1000 if lesson.quick else 5000
for name, body, steps in (("look-up", net, 300), ("neurons", flat, 300), ("neurons", flat, more)):
    share, size = learn(body, steps, questions=1), sum(p.numel() for p in body.parameters())
    print(f"  {name} {size:7,} parameters  {steps:5,} more steps {share:6.1f} %", flush=True)
lesson.expect("\nneurons", share, 20, 85, unit="%")
lesson.expect("look-up, six questions", judge(net, *lists(500))[1], 98, 100, unit="%")
lesson.expect("look-up, 20 entries", judge(net, *lists(500, entries=20))[1], 60, 100, unit="%")
print("Whom does a token look at? Rows look, columns are looked at, more ink is more:\n")
before = net(tokens)[:, -6:]
show_attention(net[1].shares.numpy()[0], names)
print("\nA question finds its letter wherever it is. The neurons have to learn each letter")
print("anew for each place.")

# %% Order.
lesson.section("Shuffle the list")
after = net(tokens[:, [*rng.permutation(6).tolist(), *range(6, 12)]])[:, -6:]
lesson.expect("the answers move by", (after - before).abs().max().item(), 0, 1e-4)
print("To attention a text is a bag of tokens! Now let letters come again, and ask for")
print("the newest digit: `a3 b7 a5 a?` is 5. Tokens have to say where they stand. Add a")
print("learned row for each place; or sines and cosines of it, quick and slow ones, as")
print("the hands of a clock; or turn queries and keys by such angles (rotary), so that")
print("their score knows how far apart they are.")


def clock(x, rotary):  # x (..., tokens, d)
    angles = np.arange(x.shape[-2])[:, None] / 10_000 ** np.linspace(0, 1, x.shape[-1] // 2, False)
    cos, sin = (Tensor(f(angles), dtype=x.dtype) for f in (np.cos, np.sin))
    a, b = x.chunk(2, -1)
    turned = cat([a * cos - b * sin, b * cos + a * sin], -1)
    return turned if rotary else x + stack([sin, cos], -1).flatten(-2)


for rotary, way in enumerate((nn.SinusoidalPositions(8), nn.RotaryPositions(8))):
    most = (way(x) - clock(x, rotary)).abs().max().item()
    lesson.expect(f"difference to nn.{type(way).__name__}", most, 0, 1e-5)
ways = {"no": nn.Identity(), "learned": nn.LearnedPositions(32, 16)}
ways |= {"sinusoidal": nn.SinusoidalPositions(32), "rotary": nn.RotaryPositions(32)}
for name, way in ways.items():
    looks = (Look(32, 32, turn=way),) if name == "rotary" else (way, Look(32, 32))
    share = learn(nn.Sequential(Signs(), *looks, nn.Linear(32, 10)), 500, kind="repeats")
    lesson.expect(f"{name} positions", share, *((35, 70) if name == "no" else (95, 100)), unit="%")

# %% Several look-ups.
lesson.section("Two questions at once")


class Heads(nn.Module):  # several look-ups, each with a part of the width
    def __init__(self, width, count):
        self.looks = nn.ModuleList([Look(width, width // count) for _ in range(count)])

    def forward(self, x):
        return cat([look(x) for look in self.looks], -1)


print("Now `ba` asks for the digit of b minus that of a.")
for count, low, high in ((1, 15, 45), (2, 80, 100)):
    net = nn.Sequential(Signs(), Heads(32, count), nn.Linear(32, 19))
    share = learn(net, 2000 if lesson.quick else 3000, kind="differences")
    lesson.expect(f"heads: {count}", share, low, high, unit="%")
print("One look-up gives one mix, and it is lost whose each digit was. Two half the size:\n")
tokens, _ = lists(1, questions=3, kind="differences")
net(tokens)
names, titles = spell_list(tokens[0].numpy()), ["first head", "second head"]
shares = [look.shares[0, -3:].numpy() for look in net[1].looks]
show_attention(shares, names[-3:], names, titles)
lesson.saved(save_attention(lesson.out / "heads.png", shares, names[-3:], names, titles))

# %% The future.
lesson.section("A language model that is too good")
text = load_text(lesson.data, download=False)
tokenizer = CharTokenizer(text.text)
parts, signs = split(np.array(tokenizer.encode(text.text))), tokenizer.vocab_size
shares, titles = [], ["sees all", "sees no future"]


def windows(count, part=parts[0]):  # 32 characters, and what comes after each of them
    pieces = part[rng.integers(len(part) - 32, size=(count, 1)) + np.arange(33)]
    return Tensor(pieces[:, :-1]), Tensor(pieces[:, 1:])


def language_model(hidden, low, high):
    ends = nn.Embedding(signs, 64), nn.Linear(64, signs)
    net = nn.Sequential(ends[0], nn.LearnedPositions(64, 32), Look(64, 64, None, hidden), ends[1])
    learn(net, 500 if lesson.quick else 2000, windows)
    lesson.expect("loss on new text", judge(net, *windows(500, parts[1]))[0].item(), low, high)
    known = tokenizer.encode("The ")
    for _ in range(60):
        chances = F.softmax(net(Tensor([known[-32:]]))[0, -1].double(), -1).numpy()
        known.append(int(rng.choice(signs, p=chances)))
    print(" ", repr(tokenizer.decode(known)))
    net(seen)
    shares.append(net[2].shares[0, :14, :14].numpy())


print(f"{text.name}, {text.note}. Which character comes next?")
print("A row for each, learned positions, one look-up. Its loss, and what it writes:")
seen, _ = windows(1, parts[1])
language_model(None, 0, 0.3)
print("It beats every net of lesson 20 by far, and writes nonsense! Whom does it look at?")
names = [tokenizer.decode([sign]) for sign in seen[0, :14].tolist()]
show_attention(shares, names)
print("The next character is the answer, and here it can be seen. When it writes, there is")
print("none yet. So hide the future: minus infinity for its scores. That is a mask:")
language_model(Tensor(np.triu(np.ones((32, 32), bool), 1)), 2.2, 2.7)
show_attention(shares[1:], names)
lesson.saved(save_attention(lesson.out / "mask.png", shares, names, titles=titles))

# %% Why the root?
lesson.section("Why divide by the root of d?")
