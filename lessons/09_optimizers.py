"""Lesson 09 · Optimizers race: is straight downhill the best way down?

You will walk down a valley that is steep across and almost flat along. No learning rate suits both,
so you build four better ways to step. They race down the valley, and then they learn digits.
"""

from collections import defaultdict

import numpy as np

from hello_dl import Tensor, Value, manual_seed, no_grad, optim
from hello_dl import functional as F
from hello_dl.course import begin
from hello_dl.data.digits import load_digits
from hello_dl.models import DigitsMLP
from hello_dl.show.surface import Surface

if __name__ != "__main__":
    raise ImportError("a lesson is run, not imported")

lesson = begin(__doc__, __file__)

# %% A valley over two numbers.
lesson.section("A valley in fog")


def height(x, y):  # a floor along y = x * x / 10, which sinks until x = 3
    return (y - x * x / 10) ** 2 + ((x - 3) / 10) ** 2


def walk(rule, rate, steps=300, noise=0.0):  # a path: where each step led, (steps + 1, 2)
    path, memory, rng = [np.array([-3.6, -1.0])], defaultdict(float), np.random.default_rng(9)
    for rate_now in np.broadcast_to(rate, steps):
        x, y = map(Value, path[-1])
        height(x, y).backward()
        slope = np.array([x.grad, y.grad]) + noise * rng.standard_normal(2)
        path.append(path[-1] - rate_now * rule(slope, memory))
    return np.array(path)


def sgd(g, memory):  # lesson 08: go straight against the gradient g
    return g


print("A valley: height = (y - x*x/10)**2 + ((x - 3)/10)**2. Its floor bends and sinks")
print("to one lowest point, of height 0. You start on a wall, in fog, and feel only the")
print("slope. Your step is the slope times a learning rate, downhill:\n")
print(f"  at the start          height {height(-3.6, -1.0):6.3f}")
for rate, steps in ((0.01, 100), (0.1, 100), (0.7, 100), (1.0, 10)):
    print(f"  rate {rate:<4}  {steps:3} steps  height {height(*walk(sgd, rate, steps)[-1]):6.3f}")
print("\nSmall rates crawl. With rate 1 you climb, each leap ends higher. This is 0.7.")
print("S is you, s is where you were, and the more ink, the higher:\n")
valley = Surface(height, x=(-4.2, 4.2), y=(-1.6, 2.4))
seconds = 1 if lesson.quick else 6
valley.play({"SGD": walk(sgd, 0.7, 100)}, stills=[100], trail=100, seconds=seconds)
print("From wall to wall, then a crawl. One unit from the lowest point, the wall rises")
print(f"to {height(3, 1.9):.2f}, and the floor to {height(2, 0.4):.2f}. One rate cannot suit both.")

# %% A rule turns the gradient g into a step. It works on a number and on a block of numbers.
lesson.section("Build it here: four better ways to step")


def momentum(g, memory):
    memory["speed"] = 0.9 * memory["speed"] + g
    return memory["speed"]


def nesterov(g, memory):
    return 0.9 * momentum(g, memory) + g


def rmsprop(g, memory):
    memory["square"] = 0.9 * memory["square"] + 0.1 * g**2
    return g / (memory["square"] ** 0.5 + 1e-8)


def adam(g, memory):
    n = memory["n"] = memory["n"] + 1
    memory["mean"] = 0.9 * memory["mean"] + 0.1 * g
    memory["square"] = 0.999 * memory["square"] + 0.001 * g**2
    mean, square = memory["mean"] / (1 - 0.9**n), memory["square"] / (1 - 0.999**n)
    return mean / (square**0.5 + 1e-8)


print("Momentum keeps 0.9 of its speed and adds the slope. Slopes that agree add up, to")
print("ten times one of them at most. Slopes that point to and fro cancel.")
print("Nesterov takes the step that momentum would take next time: it looks ahead.")
print("RMSprop divides each slope by its usual size, the root of a mean of squares. So,")
print("steep or flat, a step is about as long as the rate. Adam does both, and makes up")
print("for its means being too small at first, as they start at 0.")

# %% All five at once, each with a rate that suits it here.
lesson.section("The race")
RACERS = {  # the rule, its rate, and what the library calls it
    "SGD": (sgd, 0.7, optim.SGD),
    "momentum": (momentum, 0.2, lambda p, lr: optim.SGD(p, lr, momentum=0.9)),
    "Nesterov": (nesterov, 0.2, lambda p, lr: optim.SGD(p, lr, momentum=0.9, nesterov=True)),
    "RMSprop": (rmsprop, 0.1, lambda p, lr: optim.RMSprop(p, lr, alpha=0.9)),
    "Adam": (adam, 0.5, optim.Adam),
}
paths = {name: walk(rule, rate) for name, (rule, rate, _) in RACERS.items()}
valley.play(paths, stills=[5, 20, 60], trail=3, seconds=2 * seconds)
print("  height    rate   after 30  after 100  after 300   over the floor   last step")
for name, (_, rate, _) in RACERS.items():
    x, y = paths[name].T
    after = "".join(f"{n:11.2g}" for n in height(x, y)[[30, 100, 300]])
    over = np.count_nonzero(np.diff(y > x * x / 10))
    last = np.hypot(x[-1] - x[-2], y[-1] - y[-2])
    print(f"  {name:9} {rate:4}{after}{over:8} times{last:13.1g}")
lesson.saved(valley.save(lesson.out / "race.png", paths))
print("Momentum swings from wall to wall, and at first it is behind SGD. But its slopes")
print("agree along the floor, and it overtakes. Nesterov swings less. RMSprop walks at")
print("an even pace, wall or floor. So it cannot stop: it paces up and down at the end.")

# %% The library's optimizers walk the same way.
lesson.section("Check it")
for name, (_, rate, make) in RACERS.items():
    p = Tensor(paths[name][0].copy(), requires_grad=True)  # (2,)
    optimizer = make([p], lr=rate)
    for _ in range(50):
        optimizer.zero_grad()
        height(p[0], p[1]).backward()
        optimizer.step()
    distance = np.hypot(*(p.numpy() - paths[name][50]))
    lesson.expect(f"{name:8} distance to optim's after 50 steps", distance, 0, 1e-6)

# %% A rate that falls.
lesson.section("Slopes that shake, and a rate that falls")
print("A batch of 64 digits knows the slope only roughly. So shake all slopes, and walk")
print("with a large rate, a small one, and one that falls from 0.7 along half a cosine:\n")
falling = 0.7 * (1 + np.cos(np.pi * np.arange(300) / 300)) / 2  # 0.7 down to 0
schedule = optim.lr_scheduler.CosineAnnealingLR(optim.SGD([p], lr=0.7), T_max=300)
for rate in falling:
    assert abs(schedule.get_last_lr()[0] - rate) < 1e-9
    schedule.step()
rates = {"large": 0.7, "small": 0.07, "falling": falling}
shaken = {name: walk(sgd, rate, noise=0.3) for name, rate in rates.items()}
valley.play(shaken, stills=[300], trail=50, seconds=seconds)
for (name, path), wanted in zip(shaken.items(), ((0.05, 0.2), (0.1, 0.2), (0, 0.01))):
    lesson.expect(f"{name:7} mean of its last 50 heights", height(*path[-50:].T).mean(), *wanted)
print("Large arrives and never rests. Small has not arrived. Falling arrives and rests.")

# %% Digits: the net of lesson 08.
lesson.section("Digits: each wants a rate of its own")
digits = load_digits(lesson.data, download=False)
tests = Tensor(digits.test_images / np.float32(255))  # (n, 28, 28)


def misread(make, rate, steps, falls=False):  # in percent of the tests, after so many steps
    manual_seed(0)  # the same net to start with, and the same batches for all
    net = DigitsMLP()
    optimizer = make(net.parameters(), lr=rate)
    schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps)
    for batch in np.random.default_rng(0).integers(len(digits.train_images), size=(steps, 64)):
        scores = net(Tensor(digits.train_images[batch] / np.float32(255)))
        loss = F.cross_entropy(scores, Tensor(digits.train_labels[batch]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if falls:
            schedule.step()
    with no_grad():
        return 100 * np.mean(net(tests).argmax(1).numpy() != digits.test_labels)


rates, best, saved = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0), {}, []
steps = 50 if lesson.quick else 150
print(f"{digits.name}, {digits.note}.")
print(f"Percent of {len(tests):,} digits misread after {steps} steps, by learning rate:\n")
print("  rate    ", *(f"{rate:8}" for rate in rates))
for name, (_, _, make) in RACERS.items():
    shares = [misread(make, rate, steps) for rate in rates]
    best[name] = rates[np.argmin(shares)]
    print(f"  {name:9}", *(f"{n:7.1f}{'*' if n == min(shares) else ' '}" for n in shares))
print("\nGuessing is 90. A rate too small is not there yet, one too large is thrown out.")
print("RMSprop and Adam divide by the slope, which is small here: so are their rates.")
lesson.expect("factor from Adam's best rate to SGD's", best["SGD"] / best["Adam"], 10, 300)

steps, scale = 300 if lesson.quick else 1876, None
print(f"\nAfter {steps:,} steps: # misread with a falling rate, . more with a constant one:\n")
for name, (_, _, make) in RACERS.items():
    still, fell = (misread(make, best[name], steps, falls) for falls in (False, True))
    scale = scale or 18 / still  # SGD is the measure
    saved.append(still - fell)
    marks = "#" * round(fell * scale) + "." * round((still - fell) * scale)
    print(f"  {name:9}{best[name]:5}  constant {still:5.2f}  falling {fell:5.2f}  {marks}")
lesson.expect("\na falling rate saves, on average", np.mean(saved), 0, 6, unit="points")

lesson.finish(
    learned=[
        "Momentum adds up slopes that agree. RMSprop and Adam scale the step of every number.",
        "Each optimizer wants its own rate. Try some, each about three times the last.",
        "Where slopes are noisy, a constant rate never rests. Let it fall, once you are near.",
    ],
    try_this=[
        "Turn the valley: put (x + y) / 1.4 for x, (x - y) / 1.4 for y. Who minds, and why?",
        "The library's RMSprop keeps 0.99 of its mean, not 0.9. Race so. Why is step 1 so long?",
        "Let Adam's rate for the digits first rise, then fall, from a higher top.",
    ],
)
