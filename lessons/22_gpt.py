"""Lesson 22 · A small GPT: which parts make a language model, and what is each of them worth?

You will start from a table and add part after part until it is a GPT, and train it after each
addition. Then you choose how it writes, make that faster, and watch it.
"""

import textwrap
import time

import numpy as np

from hello_dl import Tensor, cat, nn, no_grad, optim
from hello_dl import functional as F
from hello_dl.course import begin
from hello_dl.data.texts import load_text
from hello_dl.models.text import GPT, Bigram, GPTConfig
from hello_dl.show.digits import bar
from hello_dl.text import CharTokenizer, OrderedWindows, RandomWindows, generate, split
from hello_dl.text.generate import probabilities

if __name__ != "__main__":
    raise ImportError("a lesson is run, not imported")

lesson = begin(__doc__, __file__)
text, title, note = load_text(lesson.data, download=False)
tokenizer, width, length = CharTokenizer(text), 64, 64
known, new = split(np.array(tokenizer.encode(text)))  # the last tenth is for tests
size, steps = tokenizer.vocab_size, 80 if lesson.quick else 1000

# %% The parts, each in a few lines.
lesson.section("Build it here: the parts")
print(textwrap.fill(f"{title}, {note}: {len(text):,} characters, {size} different ones.", 80))
print("Read in the code: a Head is the look-up of lesson 21, with its mask. Heads are")
print("four, and a layer to mix what they find. Then a small net thinks for each token.")
print("A Net: a table of characters, parts, and the table again. Which row fits best?")


class Head(nn.Module):
    def __init__(self, width, size):
        self.q, self.k, self.v = (nn.Linear(width, size) for _ in range(3))

    def forward(self, x, cache=None):  # (n, tokens, width) to (n, tokens, size)
        q, k, v = self.q(x), self.k(x), self.v(x)
        if cache is not None:  # for later: keys and values of all that was read before
            old = cache.get(self, (k[:, :0], v[:, :0]))
            k, v = cache[self] = cat([old[0], k], 1), cat([old[1], v], 1)
        scores = q @ k.transpose(1, 2) / q.shape[-1] ** 0.5  # (n, queries, keys)
        future = np.triu(np.ones(scores.shape[1:], bool), 1 + k.shape[1] - q.shape[1])
        return F.softmax(scores.masked_fill(Tensor(future), -np.inf), -1) @ v


class Heads(nn.ModuleList):
    def forward(self, x, cache=None):
        *heads, mix = self
        return mix(cat([head(x, cache) for head in heads], -1))


def blocks(count):
    for _ in range(count):
        yield Heads([*(Head(width, width // 4) for _ in range(4)), nn.Linear(width, width)])
        yield nn.Sequential(nn.Linear(width, 256), nn.GELU("tanh"), nn.Linear(256, width))


class Net(nn.Module):
    def __init__(self, *parts, residuals=False, norm=nn.Identity, length=length):
        self.table, self.places = nn.Embedding(size, width), nn.LearnedPositions(width, length)
        self.parts, self.residuals = nn.ModuleList(parts), residuals
        self.norms = nn.ModuleList([norm(width) for _ in range(len(parts) + 1)])
        for weight in self.table.weight, self.places.rows.weight:
            weight.data *= 0.1  # scores shall begin small

    def forward(self, tokens, targets=None, cache=None, start=0):
        x = self.places(self.table(tokens), start)
        for part, norm in zip(self.parts, self.norms):
            y = part(norm(x)) if isinstance(part, nn.Sequential) else part(norm(x), cache)
            x = x + y if self.residuals else y
        y = F.linear(self.norms[-1](x), self.table.weight)  # (n, tokens, size)
        return y, None if targets is None else F.cross_entropy(y.flatten(0, 1), targets.flatten())


def learn(net, steps, lr):  # and return the loss on new text
    optimizer = optim.AdamW(net.parameters(), lr=lr)
    for step, (x, y) in enumerate(RandomWindows(known, length, 12, steps, seed=1)):
        optimizer.lr = lr * min(10 * step / steps + 0.01, 1, 2 - 2 * step / steps)  # up, on, down
        optimizer.zero_grad()
        net(x.to(lesson.device), y.to(lesson.device))[1].backward()
        optimizer.step()
    with no_grad():
        return np.mean([net(*(x.to(lesson.device) for x in pair))[1].item() for pair in tests])


# %% Add one after the other.
lesson.section("Watch it grow")
print(f"Loss on new text, after {steps:,} steps of 12 pieces of {length} characters:\n")
tests, losses = list(OrderedWindows(new, length, 50, 8)), []
for name, make in {
    "bigram: a table of what comes next": lambda: Bigram(size),
    "one head": lambda: Net(Head(width, width)),
    "four heads": lambda: Net(next(blocks(1))),
    "a block: four heads, and think": lambda: Net(*blocks(1)),
    "four blocks": lambda: Net(*blocks(4)),
    "and residuals": lambda: Net(*blocks(4), residuals=True),
    "and residuals and norms": lambda: Net(*blocks(4), residuals=True, norm=nn.LayerNorm),
}.items():
    losses.append(learn(net := make(), steps, 0.006 if losses else 0.2))
    count = sum(p.numel() for p in net.parameters())
    print(f"  {name:36}{count:8,} parameters {losses[-1]:8.3f}", flush=True)
lesson.expect("\nwith all parts", losses[6], 1.7, 3.2)
print("So few steps are hardly a beginning: run it without --quick.\n" * lesson.quick, end="")
print("A head alone forgets who has asked. Four blocks in a row lose all, as in lesson")
print("13. Residuals add to what is there. Norms give a token mean 0 and deviation 1.")
x = Tensor(np.random.default_rng(22).normal(3, 2, (5, width)), dtype="float32")
y = (x - x.mean(1, keepdim=True)) / (x.var(1, correction=0, keepdim=True) + 1e-5) ** 0.5
lesson.expect("by hand and nn.LayerNorm", (nn.LayerNorm(width)(x) - y).abs().max().item(), 0, 1e-5)
lesson.section("Check it")
gpt = GPT(GPTConfig(size, block_size=length, n_layer=4, n_head=4, n_embd=width))
ours = [net.table.weight, net.places.rows.weight]
for i in range(0, 8, 2):  # the library makes all queries, keys and values by one product
    (*heads, mix), think = net.parts[i], net.parts[i + 1]
    three = [getattr(head, name) for name in "qkv" for head in heads]
    joined = (cat([getattr(x, name) for x in three]) for name in ("weight", "bias"))
    ours += [*net.norms[i].parameters(), *joined]
    ours += [p for part in (mix, net.norms[i + 1], think) for p in part.parameters()]
for theirs, own in zip(gpt.parameters(), [*ours, *net.norms[-1].parameters()], strict=True):
    theirs.data[...] = own.data
x = Tensor(new[None, :length].astype(int))
lesson.expect("difference to models.text.GPT", (net(x)[0] - gpt(x)[0]).abs().max().item(), 0, 1e-4)

# %% How it writes.
lesson.section("How should it choose?")


def chances(scores, temperature=1.0, top_k=None, top_p=1.0):
    p = np.exp((scores - scores.max()) / temperature)
    order = p.argsort()[::-1]
    p[order[top_k or size :]] = 0  # only the k best
    p /= p.sum()
    p[order[p[order].cumsum() - p[order] >= top_p]] = 0  # only the best that have p together
    return p / p.sum()


print("What comes after 'The wh'? As it is; cold and hot: scores divided by 0.5 or 1.5;")
print("only the best three; only the best that have 80 % together:\n")
ways = {"as it is": {}, "cold 0.5": {"temperature": 0.5}, "hot 1.5": {"temperature": 1.5}}
ways |= {"top_k 3": {"top_k": 3}, "top_p 0.8": {"top_p": 0.8}}
prompt = tokenizer.encode("The wh")
scores = gpt(Tensor([prompt]))[0][0, -1].numpy().astype(float)
shares = [chances(scores, **way) for way in ways.values()]
print("      ", *(f"{name:13}" for name in ways))
for i in scores.argsort()[::-1][:5]:
    print(f"  {tokenizer.decode([i])!r:4}", *(f"{bar(p[i], 13):13}" for p in shares))
theirs = [probabilities(scores, **way) for way in ways.values()]
lesson.expect("\ndifference to the library's", np.abs(np.subtract(shares, theirs)).max(), 0, 1e-12)
for name, way in ways.items():
    print(f"  {name:9}  {'The wh' + tokenizer.decode(generate(gpt, prompt, 56, seed=1, **way))!r}")
lesson.section("Write faster")


def write(net, count, use_cache):  # always the most probable
    written, cache = [0], {} if use_cache else None
    for i in range(count):
        with no_grad():
            new = Tensor([written[-1:] if use_cache else written])
            scores, _ = net(new, cache=cache, start=i * use_cache)
        written.append(scores[0, -1].argmax().item())
    return written[1:]


print("For each character it reads all again, though the keys and values of what was")
print("there are the same. A cache keeps them: only the last character is read.\n")
print("  characters       all again     cache   faster   same text")
for count in (64, 256) if lesson.quick else (64, 256, 512):
    net = Net(*blocks(4), residuals=True, norm=nn.LayerNorm, length=count)
    big = GPT(GPTConfig(size, count, n_layer=4, n_head=4, n_embd=width))
    for name in ("ours", "library"):
        texts, times = [], [time.process_time()]
        for use in (False, True):
            library = generate(big, [0], count, temperature=0, use_cache=use)
            texts.append(write(net, count, use) if name == "ours" else list(library))
            times.append(time.process_time())
        (slow, fast), same = np.diff(times), texts[0] == texts[1]
        print(f"  {count:4} {name:10}{slow:7.2f} s{fast:8.2f} s{slow / fast:9.1f}   {same}")
lesson.expect("\nlibrary: faster by", slow / fast, 5 if lesson.device == "cpu" else 0.8, 60)
print("Ours makes small Tensors, which takes time. The library reads on in plain arrays.")
lesson.section("Watch it write")
lesson.expect(f"loss {2 * steps:,} steps later", learn(gpt, 2 * steps, 0.003), 1.5, 3.2)
print()
column = 0
for piece in tokenizer.stream(generate(gpt, [0], 500, temperature=0.8, seed=22)):
    column = 0 if piece == "\n" or (piece == " " and column > 66) else column + 1
    print(piece if column else "\n", end="", flush=True)
print("\n\nA larger one: hello-dl train-text, then hello-dl write --prompt 'The '")
lesson.finish(
    learned=[
        "A GPT is a table, look-ups, small nets that think, plus signs and norms. No more.",
        "It gives chances. How to choose by them is up to you: colder is safer and duller.",
        "The past never changes: its keys and values can be kept.",
    ],
    try_this=["Take 8 heads, or 8 blocks, or 128 numbers. Which lowers the loss most?"],
)
