"""Lesson 08 · Digits: can a net learn to read handwriting?

You will turn scores into probabilities, measure how wrong they are, and train a net of three
layers on thousands of digits: first with everything in sight, then with the parts that the library
has for it. At the end you know what `hello-dl digits` does.
"""

import time

import numpy as np

from hello_dl import functional as F
from hello_dl import nn, no_grad, optim
from hello_dl.course import begin
from hello_dl.data.digits import load_digits
from hello_dl.show.digits import digit_lines
from hello_dl.tensor import Tensor

if __name__ != "__main__":
    raise ImportError("a lesson is run, not imported")

lesson = begin(__doc__, __file__)

# %% The data.
lesson.section("The data")

digits = load_digits(lesson.data, download=False)
count = 6_000 if lesson.quick else len(digits.train_images)
train_images, train_labels = digits.train_images[:count], digits.train_labels[:count]
print(f"{digits.name}, {digits.note}.")
print(f"{count:,} to learn from, and {len(digits.test_images):,} others to be tested on.")
print(f"A picture is {train_images.shape[1]} × {train_images.shape[2]} numbers: ink from 0 to 255.")
print("\n".join(digit_lines(train_images[0])))
print(f"Its label says {train_labels[0]}.")


def blocks(images, labels):
    """Make Tensors of a batch: ink as 784 numbers from 0 to 1, labels as whole numbers."""
    ink = images.reshape(len(images), 784).astype(np.float32) / 255
    return Tensor(ink), Tensor(labels)


# %% Build it here: from scores to a loss.
lesson.section("Build it here: scores, probabilities, loss")

print("The net gives ten scores for a picture, one for each digit: its logits.")
scores = np.array([2.0, -1.0, 0.5, 0.0, 1.0, -2.0, 0.0, 4.0, 0.5, 3.0], dtype=np.float32)
print("  scores  ", *(f"{s:6.2f}" for s in scores))
positive = np.exp(scores)
probabilities = positive / positive.sum()
print("  softmax ", *(f"{p:6.3f}" for p in probabilities))
print("exp makes them positive, dividing by the sum makes them add up to 1: softmax.")
print("The loss is -log of the probability that the right digit got:")
for right in (7, 9, 5):
    p = probabilities[right]
    print(f"  if it is a {right}: -log({p:.3f}) = {-np.log(p):.2f}")
print("Sure and right costs almost nothing, sure and wrong a lot: cross-entropy.")

by_hand = -np.log(probabilities[9])
by_library = F.cross_entropy(Tensor(scores.reshape(1, 10)), Tensor([9])).item()
lesson.expect("difference to F.cross_entropy", abs(by_hand - by_library), 0, 1e-5)

logits = Tensor(scores.reshape(1, 10), requires_grad=True)
F.cross_entropy(logits, Tensor([9])).backward()
print("And its gradient for the ten scores, if it is a 9:")
print("  gradient", *(f"{g:6.3f}" for g in logits.grad[0].tolist()))
print("That is the probabilities, with 1 taken off the right one. Compare the rows!")

# %% The net, with everything in sight.
lesson.section("A net with everything in sight")

rng = np.random.default_rng(0)


def layer(in_features, out_features):
    """Make random weights and biases; the fewer inputs, the larger they may be."""
    bound = in_features**-0.5
    weight = rng.uniform(-bound, bound, (out_features, in_features)).astype(np.float32)
    bias = rng.uniform(-bound, bound, out_features).astype(np.float32)
    return Tensor(weight, requires_grad=True), Tensor(bias, requires_grad=True)


parameters = [*layer(784, 128), *layer(128, 64), *layer(64, 10)]
total = sum(p.numel() for p in parameters)
print(f"784 numbers in, 128 neurons, 64 neurons, 10 scores out: {total:,} parameters.")


def net(x):
    """Score pictures: (n, 784) -> (n, 10)."""
    W1, b1, W2, b2, W3, b3 = parameters
    x = (x @ W1.T + b1).relu()  # (n, 128)
    x = (x @ W2.T + b2).relu()  # (n, 64)
    return x @ W3.T + b3  # (n, 10)


def accuracy(model):
    """Share of the test digits that the model reads right, in percent."""
    with no_grad():  # no gradients wanted, so no graph has to be kept
        x, labels = blocks(digits.test_images, digits.test_labels)
        return 100 * (model(x).argmax(1) == labels).mean().item()


def batches(size=64):
    """Yield all training digits once, in random order, `size` at a time."""
    order = rng.permutation(len(train_images))
    for start in range(0, len(order) - size + 1, size):
        chosen = order[start : start + size]
        yield blocks(train_images[chosen], train_labels[chosen])


before = accuracy(net)
print("Before learning it guesses.")
lesson.expect("accuracy", before, 2, 25, unit="%")
print("Take 64 digits, go forward, go backward, step downhill. Take the next 64:")
for i, (x, labels) in zip(range(91), batches()):
    loss = F.cross_entropy(net(x), labels)
    for p in parameters:
        p.zero_grad()
    loss.backward()
    for p in parameters:
        p.data -= 0.1 * p.grad
    if i % 25 == 0:
        print(f"  batch {i:3}   loss {loss.item():.3f}")
lesson.expect("accuracy after 91 batches", accuracy(net), 50, 90, unit="%")

# %% The same with the library's parts.
lesson.section("The same with nn and optim")

model = nn.Sequential(
    nn.Linear(784, 128),
    nn.ReLU(),
    nn.Linear(128, 64),
    nn.ReLU(),
    nn.Linear(64, 10),
)
print(model)
for ours, theirs in zip(parameters, model.parameters()):
    theirs.data[...] = ours.data  # the weights learned so far
x, labels = next(batches())
difference = abs(F.cross_entropy(net(x), labels) - F.cross_entropy(model(x), labels)).item()
print("It is the same net: with the same weights it has the same loss.")
lesson.expect("difference", difference, 0, 1e-5)

print("SGD does `p.data -= 0.1 * p.grad`, and can do one thing more: momentum. It")
print("keeps 0.9 of its last step and adds the new one, like a ball that rolls")
print("downhill. And an epoch is one pass through all digits to learn from:")
optimizer = optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
epochs = 2 if lesson.quick else 5
start = time.perf_counter()
for epoch in range(1, epochs + 1):
    losses = []
    for x, labels in batches():
        loss = F.cross_entropy(model(x), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    print(f"  epoch {epoch}   loss {np.mean(losses):.3f}   test accuracy {accuracy(model):.2f} %")
seconds = time.perf_counter() - start
print(f"{epochs * (count // 64):,} steps in {seconds:.1f} s.")

# %% Watch it work.
lesson.section("Watch it work")

expected = {
    ("MNIST", False): (96.5, 99),
    ("MNIST", True): (86, 94),
    ("strokes", False): (88, 96),  # drawn digits are more varied, and there are fewer of them
    ("strokes", True): (74, 88),
}
lesson.expect("test accuracy", accuracy(model), *expected[digits.name, lesson.quick], unit="%")
x, labels = blocks(digits.test_images, digits.test_labels)
chances = F.softmax(model(x)).numpy()  # (tests, 10)
guesses = chances.argmax(1)
wrong = np.flatnonzero(guesses != digits.test_labels)
print(
    f"It misreads {len(wrong):,} of {len(guesses):,}. One that it reads, and one that it misreads:"
)
for i in (0, wrong[chances[wrong, guesses[wrong]].argmax()]):
    verdict = "got it" if guesses[i] == digits.test_labels[i] else "missed"
    print("\n".join(digit_lines(digits.test_images[i])))
    print(f"predicted {guesses[i]} ({100 * chances[i, guesses[i]]:.0f} %), ", end="")
    print(f"actual {digits.test_labels[i]}: {verdict}")
print("Watch it live: hello-dl digits. It also makes its steps smaller and smaller.")

lesson.finish(
    learned=[
        "Softmax turns any scores into probabilities.",
        "Cross-entropy is -log of the probability of the right answer. Its gradient is the "
        "probabilities minus the truth.",
        "Learning from 64 pictures at a time is enough to know roughly which way is down.",
        "nn.Linear, nn.Sequential and optim.SGD hold nothing that you have not written yourself.",
    ],
    try_this=[
        "Take both ReLUs out. How far can a straight line get?",
        "Set momentum to 0. How many epochs does the same accuracy take now?",
        "Let optimizer.lr fall to 0 over the epochs, as hello-dl digits does. What is it worth?",
        "Shift a test digit by two pixels with np.roll. Does the net still read it?",
    ],
)
