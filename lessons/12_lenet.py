"""Lesson 12 · LeNet: can a net read a digit that has moved?

You will build LeNet-5 from convolutions and pooling, count its parameters by hand, and find out how
much of the picture each of its numbers sees. It learns digits beside the net of lesson 08. Then you
move the digits by a few pixels, and look at what its kernels have become and what they find.
"""

import time

import numpy as np

from hello_dl import Tensor, manual_seed, nn, no_grad, optim, summary
from hello_dl import functional as F
from hello_dl.course import begin
from hello_dl.data.digits import load_digits
from hello_dl.models import DigitsMLP, LeNet5
from hello_dl.show.digits import captioned
from hello_dl.show.grids import save_grid, show_grid

if __name__ != "__main__":
    raise ImportError("a lesson is run, not imported")

lesson = begin(__doc__, __file__)

# %% The net: two convolutions, each with pooling, and three linear layers.
lesson.section("Build it here")
manual_seed(0)
first = nn.Sequential(nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2))
second = nn.Sequential(nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2))
read = nn.Sequential(
    nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)
)
lenet = nn.Sequential(first, second, read)

print("Two convolutions find things in a picture. Pooling forgets a little of where.")
print("Three linear layers read the digit from what was found. This is LeNet-5, of 1998")
print("(LeCun, Bottou, Bengio, Haffner), with ReLU and the largest of four, as it is")
print("built today. It read the numbers on bank checks.\n")
plan = [  # what it gives, its parameters by hand, how wide its window is, and its step
    ("convolution", "6 x 28 x 28", 6 * (1 * 5 * 5 + 1), 5, 1),
    ("largest of 2 x 2", "6 x 14 x 14", 0, 2, 2),
    ("convolution", "16 x 10 x 10", 16 * (6 * 5 * 5 + 1), 5, 1),
    ("largest of 2 x 2", "16 x 5 x 5", 0, 2, 2),
    ("linear", "120", 120 * (16 * 5 * 5 + 1), 0, 1),
    ("linear", "84", 84 * (120 + 1), 0, 1),
    ("linear", "10", 10 * (84 + 1), 0, 1),
]
print("  layer                    gives    parameters    each number sees")
sees, apart = 1, 1  # so many pixels across; and so many from one number to the next
for layer, gives, count, size, step in plan:
    sees, apart = sees + (size - 1) * apart if size else 28, apart * step
    print(f"  {layer:18}{gives:>12}{count:14,}{sees:14} x {sees}")
print("\nThe first six kernels have 25 weights and a bias each. The next sixteen look at")
print("all 6 maps: 6 * 25 weights and a bias. And what does a number see? After pooling")
print("neighbors lie 2 pixels apart and see 6 each. Five of them span 6 + 4 * 2 = 14.")

# %% The library's own count, its own LeNet5, and a gradient that shows what is seen.
lesson.section("Check it")
print(summary(lenet, (1, 1, 28, 28)))
by_hand = sum(count for _, _, count, *_ in plan)
difference = by_hand - summary(lenet).parameters
lesson.expect("parameters by hand, more than in the summary", difference, 0, 0)
library = LeNet5()
for theirs, ours in zip(library.parameters(), lenet.parameters()):
    theirs.data[...] = ours.data
noise = Tensor(np.random.default_rng(12).random((100, 1, 28, 28), "f"), requires_grad=True)
with no_grad():
    difference = abs(library(noise) - lenet(noise)).max().item()
lesson.expect("scores, difference to models.LeNet5", difference, 0, 1e-5)
second(first(noise))[:, :, 2, 2].sum().backward()  # the middle one of 5 x 5, of all maps
reached = np.array(noise.grad.tolist()).any(axis=(0, 1))  # (28, 28)
lesson.expect("rows that the middle of the last maps sees", reached.any(axis=1).sum(), 16, 16)

# %% The same epochs, the same batches, the same optimizer for both nets.
lesson.section("Two nets learn")
digits = load_digits(lesson.data, download=False)
count, epochs, many = (6_000, 3, 200) if lesson.quick else (None, 5, 1000)
images, labels = digits.train_images[:count, None] / np.float32(255), digits.train_labels[:count]
tests, answers = digits.test_images[:, None] / np.float32(255), digits.test_labels


def guess(net, pictures):
    """Ten probabilities for each picture (n, 1, 28, 28), a thousand at a time: (n, 10)."""
    with no_grad():
        parts = [Tensor(pictures[i : i + 1000]) for i in range(0, len(pictures), 1000)]
        return np.concatenate([F.softmax(net(part), 1).numpy() for part in parts])


def accuracy(net, pictures):
    return 100 * (guess(net, pictures).argmax(1) == answers[: len(pictures)]).mean()


manual_seed(0)
nets = {"MLP": DigitsMLP(), "LeNet": lenet}
print(f"{digits.name}, {digits.note}.")
print(f"{len(images):,} digits, {epochs} epochs of batches of 64, Adam with a falling rate.")
for name, net in nets.items():
    print(f"\n{name}, {summary(net).parameters:,} parameters")
    rng, start, steps = np.random.default_rng(0), time.perf_counter(), epochs * (len(images) // 64)
    optimizer = optim.Adam(net.parameters(), lr=0.002)
    schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps)
    for epoch in range(1, epochs + 1):
        losses = []
        for batch in rng.permutation(len(images))[: len(images) // 64 * 64].reshape(-1, 64):
            loss = F.cross_entropy(net(Tensor(images[batch])), Tensor(labels[batch]))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
        told = f"loss {np.mean(losses):.3f}   test accuracy {accuracy(net, tests):.2f} %"
        print(f"  epoch {epoch}   {told}   {time.perf_counter() - start:.0f} s")
right = {name: accuracy(net, tests) for name, net in nets.items()}
EXPECTED = {
    ("MNIST", False): ((97, 98.5), (98.5, 99.5)),
    ("MNIST", True): ((88, 94), (90, 96.5)),
    ("strokes", False): ((89, 94), (94, 98)),  # drawn digits are more varied, and there are fewer
    ("strokes", True): ((76, 88), (79, 92)),
}
for name, wanted in zip(nets, EXPECTED[digits.name, lesson.quick]):
    lesson.expect(f"{name}, test accuracy", right[name], *wanted, unit="%")

# %% The same test digits, moved in all directions.
lesson.section("Watch it work: the digits move")
print(f"Neither has seen a moved digit. So much of {many:,} test digits is read, in percent,")
print("when all are moved by up to three pixels. In the middle they are in place:\n")
moves = range(-3, 4)
tables = {}
for name, net in nets.items():
    # np.roll pushes; what falls off one edge comes back at the other, and is only paper
    rows = [[accuracy(net, np.roll(tests[:many], (y, x), (2, 3))) for x in moves] for y in moves]
    tables[name] = np.array(rows)
print("".join(f"  {name:33}" for name in tables).rstrip())
for pair in zip(*tables.values()):
    print("".join("  " + "".join(f"{n:4.0f}" for n in row) + "     " for row in pair).rstrip())
far = np.maximum.outer(abs(np.array(moves)), abs(np.array(moves)))  # how far: 0, 1, 2 or 3
print("\n  moved by" + "".join(f"{name:>10}" for name in tables))
for n in range(4):
    print(f"  {n:8}" + "".join(f"{table[far == n].mean():8.1f} %" for table in tables.values()))
gain = tables["LeNet"][far == 2].mean() - tables["MLP"][far == 2].mean()
lesson.expect("\nLeNet's gain where digits moved by 2", gain, 8, 35, "points")
print("Its convolutions find the same things, two pixels on. Pooling forgives some of")
print("that. But the linear layers behind it go by place, and these places are new.")

# %% What its kernels have become, and what they find.
lesson.section("Look inside")
kernels = first[0].weight.numpy()[:, 0]  # (6, 5, 5)
names = [f"kernel {n}" for n in range(1, 7)]
print("The six kernels of the first convolution. + and # are above 0, - and = below:\n")
show_grid(kernels, names)
one = Tensor(tests[:1])
with no_grad():
    maps = [first[:2](one).numpy()[0], second[:2](first(one)).numpy()[0]]
lines, parts = (m / m.max(axis=(1, 2), keepdims=True).clip(1e-9) for m in maps)  # each up to 1
print(f"\nWhat each finds in the first test digit, {answers[0]}, in 28 x 28 numbers:\n")
show_grid(lines[:, 3:25, 2:26], names, columns=3)
print("\nWhat the second convolution finds in these six maps, 16 times 10 x 10:\n")
show_grid(parts)
lesson.saved(save_grid(lesson.out / "kernels.png", kernels, names, title="Learned kernels"))
lesson.saved(save_grid(lesson.out / "maps.png", lines, names, title="What they find in a digit"))
title = "What the second convolution finds in these six"
lesson.saved(save_grid(lesson.out / "maps_of_maps.png", parts, title=title))

# %% What is still misread.
lesson.section("Its mistakes")
chances = guess(lenet, tests)
wrong = np.flatnonzero(chances.argmax(1) != answers)
mlp, ours = (round((100 - share) * len(tests) / 100) for share in right.values())
print(f"Of {len(tests):,} digits the MLP misreads {mlp:,} and LeNet {ours:,}. Of its mistakes, it")
print("was surest of these:\n")
worst = wrong[chances[wrong].max(1).argsort()[::-1][:3]]
captions = [f"{chances[i].argmax()}? It is a {answers[i]}." for i in worst]
print(*captioned(list(tests[worst, 0]), captions, 80), sep="\n")

lesson.finish(
    learned=[
        "A net of small windows has fewer parameters and reads more digits: what it learns at one"
        " place it knows at all.",
        "Windows on windows see more: 5, then 14, then 16 pixels across.",
        "Nobody has drawn its kernels. They have become detectors of strokes and their edges.",
        "One pixel costs it little, three cost it much: its last layers still go by place.",
    ],
    try_this=[
        "Let both learn from moved digits, as in lesson 10. How flat do the tables get?",
        "Move a digit by 4 pixels. How do the last 16 maps of 5 x 5 change? And if it is by 1?",
        "Take both poolings out, and give the convolutions stride=2. What is pooling worth?",
        "hello-dl digits --model lenet --augment",
    ],
)
