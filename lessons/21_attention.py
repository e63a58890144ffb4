"""Lesson 21 · Attention: how does a token find what it needs?

You will build a look-up: every token asks all others, and takes what fits. Then you take it apart:
what it knows of order, why one is not enough, and how it cheats if it may see the future.
"""

import textwrap

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
print("The wind: north -4 degrees, east 8, south 22, west 14. And from the north-east?")
print("A dict raises KeyError. So make an arrow of each key, and ask with an arrow:")
print("(1.5, 1.5). Multiply number by number and add up: a score. Softmax makes shares:\n")
scores = np.array([1.5 * x + 1.5 * y for (x, y), _ in winds.values()])
shares = np.exp(scores) / np.exp(scores).sum()
for (name, (key, value)), score, share in zip(winds.items(), scores, shares):
    print(f"  {name:6}{key!s:>8}   score {score:4.1f}   share {share:.3f} of {value:3} degrees")
warm = sum(share * value for share, (_, value) in zip(shares, winds.values()))
lesson.expect("\nfrom the north-east", warm, 2, 4, unit="degrees")
print("That is attention: a query meets all keys. The answer is a mix of all values,")
print("most of it from where the key fits best. It has slopes, so it can be learned.")
lesson.section("Build it here: every token asks all tokens")


def attend_by_loop(queries, keys, values):  # each (tokens, d)
    answers = []
    for q in queries:
        scores = [(q * k).sum() / len(q) ** 0.5 for k in keys]  # why the root? See the end
        answers.append(sum(share * v for share, v in zip(F.softmax(stack(scores), 0), values)))
    return stack(answers)


class Look(nn.Module):  # the same at once. A token makes its query, key and value of what it is
    def __init__(self, width, size, turn=None, mask=None):
        self.q, self.k, self.v = (nn.Linear(width, size, bias=False) for _ in range(3))
        self.turn, self.mask = turn or nn.Identity(), mask or nn.Identity()  # for later

    def forward(self, x):  # (..., tokens, width)
        q, k, v = self.turn(self.q(x)), self.turn(self.k(x)), self.v(x)
        scores = q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5  # (..., tokens, tokens)
        self.shares = F.softmax(self.mask(scores), -1)  # kept, to look at
        return self.shares @ v


look, x, rows = Look(8, 4), Tensor(rng.normal(size=(5, 8)), dtype="float32"), []
for way in (F.scaled_dot_product_attention, attend_by_loop, None):
    y = way(look.q(x), look.k(x), look.v(x)) if way else look(x)
    look.zero_grad()
    (y * y).sum().backward()
    grads = [Tensor(p.grad).flatten() for p in look.parameters()]
    rows.append(cat([y.detach().flatten(), *grads]))
print("Five tokens: how far are answers and gradients from those of F's own attention?")
for name, row in zip(("a loop over tokens", "products of matrices"), rows[1:]):
    lesson.expect(name, (row - rows[0]).abs().max().item(), 0, 1e-5)

# %% A task for a look-up.
lesson.section("Watch it work: questions about a list")


def judge(net, tokens, answers):  # the loss, and percent right; the last tokens have answers
    scores, answers = net(Tensor(tokens))[:, -answers.shape[1] :], Tensor(answers)
    right = 100 * (scores.argmax(-1) == answers).float().mean().item()
    return F.cross_entropy(scores.flatten(0, 1), answers.flatten()), right


def learn(net, steps, make=make_lists, **how):
    optimizer = optim.Adam(net.parameters(), lr=0.003)
    for _ in range(steps):
        optimizer.zero_grad()
        judge(net, *make(64, rng, **how))[0].backward()
        optimizer.step()
    return judge(net, *make(500, rng, **how))[1]  # of new ones


def net_of(*layers):  # a token of two signs: 16 learned numbers for each, side by side
    return nn.Sequential(nn.Embedding(37, 16), nn.Flatten(2), *layers)


tokens, answers = make_lists(1, rng)
names = spell_list(tokens[0])
print("  " + " ".join(names), "   the answers:", *answers[0])
print("Six entries, then questions. One look-up, or 256 neurons that see all of it?\n")
flat = nn.Flatten(), nn.Linear(7 * 32, 256), nn.ReLU(), nn.Linear(256, 10), nn.Unflatten(1, (1, 10))
flat, net = net_of(*flat), net_of(Look(32, 32), nn.Linear(32, 10))
limits = {"look-up": (net, 300, 98, 100), "neurons": (flat, 1000 if lesson.quick else 5000, 20, 85)}
for name, (body, steps, *expected) in limits.items():
    share, size = learn(body, steps, questions=1), sum(p.numel() for p in body.parameters())
    lesson.expect(f"{name}, {size:,} parameters, {steps:,} steps", share, *expected, unit="%")
lesson.expect("look-up, 20 entries", judge(net, *make_lists(500, rng, 20))[1], 60, 100, unit="%")
print("Whom does a token look at? Rows look, columns are looked at, more ink is more:\n")
before = net(tokens)[:, -6:]
show_attention(net[2].shares[0].numpy(), names)
print("\nA question finds its letter anywhere. Neurons learn it anew for each place.")
lesson.section("Shuffle the list")
after = net(tokens[:, [3, 1, 5, 2, 0, 4, *range(6, 12)]])[:, -6:]
lesson.expect("the answers move by", (after - before).abs().max().item(), 0, 1e-4)
print("To attention a text is a bag of tokens! Now let letters come again, and ask for")
print("the newest digit: `a3 b7 a5 a?` is 5. Tokens must say where they stand. Add a")
print("learned row for each place; or sines and cosines of the place, as the hands of a")
print("clock; or turn queries and keys by such angles, to see how far apart they are.")
angles = np.arange(5)[:, None] / 10_000 ** np.linspace(0, 1, 4, endpoint=False)  # (5, 4)
cos, sin = (Tensor(f(angles), dtype="float32") for f in (np.cos, np.sin))
clock, (a, b) = x + stack([sin, cos], -1).flatten(1), x.chunk(2, 1)
turned = cat([a * cos - b * sin, b * cos + a * sin], 1)
for way, own in ((nn.SinusoidalPositions(8), clock), (nn.RotaryPositions(8), turned)):
    lesson.expect(f"by hand, nn.{type(way).__name__}", (way(x) - own).abs().max().item(), 0, 1e-5)
ways = {"no": nn.Identity(), "learned": nn.LearnedPositions(32, 16)}
ways |= {"sinusoidal": nn.SinusoidalPositions(32), "rotary": nn.RotaryPositions(32)}
for name, way in ways.items():
    looks = (Look(32, 32, turn=way),) if name == "rotary" else (way, Look(32, 32))
    share = learn(net_of(*looks, nn.Linear(32, 10)), 500, kind="repeats")
    lesson.expect(f"{name} positions", share, *((35, 70) if name == "no" else (95, 100)), unit="%")
lesson.section("Two questions at once")


class Heads(nn.ModuleList):  # several look-ups, side by side
    def forward(self, x):
        return cat([look(x) for look in self], -1)


print("Now `ba` asks for the digit of b minus that of a:")
for count, name, *expected in ((1, "one look-up", 15, 45), (2, "two of half the size", 80, 100)):
    heads = Heads([Look(32, 32 // count) for _ in range(count)])
    net, steps = net_of(heads, nn.Linear(32, 19)), 1500 if lesson.quick else 3000
    lesson.expect(name, learn(net, steps, kind="differences"), *expected, unit="%")
print("One look-up gives one mix, and it is lost whose each digit was. The two:\n")
net(tokens := make_lists(1, rng, questions=3, kind="differences").tokens)
names, shares = spell_list(tokens[0]), [look.shares[0, -3:].numpy() for look in heads]
show_attention(shares, names[-3:], names, ["first head", "second head"])

# %% The future.
lesson.section("A language model that is too good")
text = load_text(lesson.data, download=False)
tokenizer = CharTokenizer(text.text)
learned, new = split(np.array(tokenizer.encode(text.text)))


def windows(count, rng, part=learned):  # 32 characters, and what comes after each of them
    pieces = part[rng.integers(len(part) - 32, size=(count, 1)) + np.arange(33)]
    return pieces[:, :-1], pieces[:, 1:]


print(textwrap.fill(f"{text.name}, {text.note}. Which character comes next?", 80))
size, (seen, _), maps = tokenizer.vocab_size, windows(1, rng, new), []
later = Tensor(np.triu(np.ones((32, 32), bool), 1))  # what is above the diagonal
for mask, low, high in ((None, 0, 0.3), (lambda s: s.masked_fill(later, -np.inf), 2, 2.7)):
    layers = nn.LearnedPositions(64, 32), Look(64, 64, mask=mask)
    net = nn.Sequential(nn.Embedding(size, 64), *layers, nn.Linear(64, size))
    learn(net, 500 if lesson.quick else 2000, windows)
    lesson.expect("\nloss on new text", judge(net, *windows(500, rng, new))[0].item(), low, high)
    known = seen[0].tolist()
    for _ in range(60):
        chances = F.softmax(net(Tensor([known[-32:]]))[0, -1].double(), -1).numpy()
        known.append(int(rng.choice(size, p=chances)))
    print(f"It writes: {tokenizer.decode(known[32:])!r}")
    net(Tensor(seen))
    maps.append(layers[1].shares[0, :12, :12].numpy())
    show_attention(maps[-1], shown := tokenizer.decode(seen[0, :12]))
    if not mask:
        print("It beats all nets of lesson 20 by far, and writes nonsense! It looks at the")
        print("next character: the answer. When it writes, there is none yet. So give the")
        print("future a score of minus infinity. That is a mask:")
lesson.saved(save_attention(lesson.out / "mask.png", maps, shown, titles=("no mask", "a mask")))
lesson.section("Why divide by the root of d?")
print("16 keys, a query, d random numbers each: the largest share, its slope p * (1 - p).\n")
print("             spread of scores    share  slope    divided: share  slope")
for d in (4, 64, 1024):
    scores = (rng.normal(size=(500, 1, d)) * rng.normal(size=(500, 16, d))).sum(-1)
    p, q = (F.softmax(Tensor(s), -1).numpy().max(-1) for s in (scores, scores / d**0.5))
    print(f"  d {d:4}{scores.std():17.1f}{p.mean():13.2f}{(p - p * p).mean():7.3f}", end="")
    print(f"{q.mean():18.2f}{(q - q * q).mean():7.3f}")
print("\nLarge scores make it sure before it has learned, and leave no slope to learn by.")
lesson.finish(
    learned=[
        "Attention is a dictionary with soft keys: queries meet keys, values are mixed.",
        "It reaches any distance. Order it knows only if tokens say where they stand.",
        "One head is one look-up. And who may look ahead learns to copy: use a mask.",
    ],
    try_this=[
        "Leave the root out of Look, and give it 512 numbers. Does it still learn?",
        "Let it learn from lists of two entries. Does it read lists of 20?",
    ],
)
