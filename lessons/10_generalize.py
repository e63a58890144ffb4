"""Lesson 10 · Training that generalizes: does a net know digits, or only those it has seen?

You will let a net learn a thousand digits by heart, and see what that does to its reading of all
others. Then you build four remedies and measure what each is worth. At last the digits get moved
and spoiled, the net may say "I don't know", and it is shown letters and noise.
"""

import copy

import numpy as np

from hello_dl import Tensor, manual_seed, nn, no_grad, optim
from hello_dl import functional as F
from hello_dl.course import begin
from hello_dl.data import DataLoader, TensorDataset, transforms
from hello_dl.data.digits import load_digits
from hello_dl.data.strokes import draw_characters
from hello_dl.show.chart import Chart, save_charts
from hello_dl.show.digits import captioned
from hello_dl.train import checkpoint, fit

if __name__ != "__main__":
    raise ImportError("a lesson is run, not imported")

lesson = begin(__doc__, __file__)

# %% A net that is large enough to remember all that it is shown.
lesson.section("By heart")
digits = load_digits(lesson.data, download=False)
count, epochs, seeds, many = (600, 40, 1, 2000) if lesson.quick else (1000, 50, 3, None)
ink, rng = np.float32(255), np.random.default_rng(10)
images, labels = digits.train_images[:count] / ink, digits.train_labels[:count]
validation = digits.train_images[-1000:] / ink, digits.train_labels[-1000:]
tests, answers = digits.test_images[:many] / ink, digits.test_labels[:many]
print(f"{digits.name}, {digits.note}.")
print(f"A net learns from {count:,} digits. 1,000 others, the validation digits, show after")
print(f"every epoch how it reads new ones. {len(tests):,} test digits are kept for later.\n")


def make_net(drop):
    inner = nn.Linear(784, 256), nn.ReLU(), drop(), nn.Linear(256, 128), nn.ReLU(), drop()
    return nn.Sequential(nn.Flatten(), *inner, nn.Linear(128, 10))


def chances(net, images):  # ten for each picture
    with no_grad():
        return F.softmax(net.eval()(Tensor(images)), 1).numpy()


def judge(net, images, labels):  # the loss, percent read right, how sure it is where it is wrong
    p = chances(net, images)
    right = p.argmax(1) == labels
    loss = -np.log(p[np.arange(len(p)), labels] + 1e-30).mean()
    return loss, 100 * right.mean(), 100 * p.max(1) @ ~right / max(sum(~right), 1)


def learn(seed, drop=nn.Identity, change=lambda images: images, decay=0.0):  # no remedies so far
    manual_seed(seed)
    net = make_net(drop)
    optimizer = optim.Adam(net.parameters(), lr=0.001)
    for _ in range(epochs):
        net.train()
        for batch in rng.permutation(count).reshape(-1, 50):
            loss = F.cross_entropy(net(Tensor(change(images[batch]))), Tensor(labels[batch]))
            optimizer.zero_grad()
            loss.backward()
            for p in net.parameters():
                p.data *= 1 - 0.001 * decay
            optimizer.step()
        yield net


rows = np.array([[*judge(net, images, labels)[:2], *judge(net, *validation)] for net in learn(0)])
lowest, last = rows[:, 2].argmin(), epochs - 1
print("  epoch   learned: loss    right    new: loss    right    sure where it is wrong")
for n in sorted({0, 1, 4, lowest, 19, last}):
    print("  {:5}{:14.3f}{:7.1f} %{:13.3f}{:7.1f} %{:17.0f} %".format(n + 1, *rows[n]))
by_heart = Chart({"learned": rows[:, 0], "new": rows[:, 2]}, "epoch", high=2.5 * rows[lowest, 2])
by_heart.show()
lesson.expect("gap between learned and new digits", rows[last, 1] - rows[last, 3], 5, 35, "points")
print("This gap is over-fitting: it knows its digits better than what a digit is.")
lesson.expect("last loss on new digits, by its lowest", rows[last, 2] / rows[lowest, 2], 1.05, 2.5)
print("It rises again, yet about as many of them are read. How can that be? See the")
print("last column: the net gets surer and surer, also where it is wrong.")

# %% Four remedies.
lesson.section("Build it here: four remedies")
print("Early stopping: if ten epochs in a row do not lower the loss on the validation")
print("digits, stop, and take the weights of the best epoch.")
print("Weight decay: before each step every weight shrinks by 0.03 %. What the gradient")
print("does not ask for again and again fades away.")
print("Dropout: each step leaves out three of ten neurons, whichever. The others count")
print("1 / 0.7 times. So none can rely on a certain other one. In a test all are there.")
print("Augmentation: push each digit by up to two pixels, another way every time.")


def train(seed, patience=None, **remedies):
    history = []  # of the loss on validation digits
    for net in learn(seed, **remedies):
        history.append(judge(net, *validation)[0])
        if history[-1] == min(history):
            best, best_epoch = copy.deepcopy(net), len(history)
        if patience and len(history) == best_epoch + patience:
            break
    return best if patience else net, history


class Dropout(nn.Module):
    def forward(self, x):
        keep = np.float32(rng.random(x.shape) >= 0.3)
        return x * Tensor(keep / 0.7) if self.training else x


def shifted(images):
    moves = rng.integers(-2, 3, (len(images), 2))
    return np.stack([np.roll(image, move, (0, 1)) for image, move in zip(images, moves)])


every = {"patience": 10, "decay": 0.3, "drop": Dropout, "change": shifted}
names = "early stopping", "weight decay", "dropout", "augmentation"
remedies = {"nothing": {}} | {n: {k: every[k]} for n, k in zip(names, every)} | {"all four": every}

# %% Before and after, on test digits as they are, and on harder ones.
lesson.section("Before and after")
order = rng.random((len(tests), 784)).argsort(axis=1).reshape(tests.shape)  # of the pixels
harder = {
    "as they are": tests,
    "moved by 2": np.stack([np.roll(x, rng.choice([-2, 2], 2), (0, 1)) for x in tests]),
    "5 pixels flipped": abs(tests - (order < 5)),  # ink where paper was, paper where ink was
    "25 pixels flipped": abs(tests - (order < 25)),
}
print(*captioned([x[0, 2:26, 2:26] for x in harder.values()][1:], list(harder)[1:], 80), sep="\n")
print(f"\nTest digits read right, in percent. Runs of each, with other first weights: {seeds}\n")
print("                  epochs  loss    as they are     moved   5 flipped  25 flipped")
nets, curves, right = {}, {}, {}
for name, some in remedies.items():
    runs = [train(seed, **some) for seed in range(seeds)]
    nets[name], curves[name] = runs[0]
    scores = np.array([[judge(net, x, answers)[:2] for x in harder.values()] for net, _ in runs])
    loss, right[name] = scores[:, 0, 0].mean(), scores[:, :, 1].mean(axis=0)
    length, each = np.mean([len(history) for _, history in runs]), scores[:, 0, 1]
    print(f"  {name:15}{length:6.0f}{loss:8.2f}   {each.min():.1f} to {each.max():.1f}", end="")
    print("{:10.1f}{:12.1f}{:12.1f}".format(*right[name][1:]))
gain = right["all four"] - right["nothing"]
lesson.expect("\ngain by all four", gain[0], 2 if lesson.quick else 4, 13, unit="points")
lesson.expect("gain by all four, moved digits", gain[1], 25, 65, unit="points")
print("Where ranges overlap, the difference may be chance. Stopping, decay and dropout")
print("lower the loss, but hardly the mistakes. Augmentation lowers both: it shows that")
print("a moved digit is the same digit. Of flipped pixels it shows nothing.")

# %% A net that may refuse.
lesson.section("I don't know")
kinds = tests, draw_characters("ACEFHKMNPRTUVWXY" * 20) / ink, rng.random((320, 28, 28), "f")
print("A net may refuse if its best chance is too low. What does it answer, in percent,")
print("and how many of the digits are right then? It has never seen letters or noise.\n")
print("              no remedy                           all four")
print("  at least    digits   right letters   noise    digits   right letters   noise")
said = [[chances(nets[name], x) for x in kinds] for name in ("nothing", "all four")]
for least in (0, 0.5, 0.8, 0.9, 0.95, 0.99):
    told = f"  {100 * least:6.0f} %"
    for digit, *others in said:
        sure, hits = digit.max(1) >= least, digit.argmax(1) == answers
        shares = sure.mean(), hits[sure].mean(), *((p.max(1) >= least).mean() for p in others)
        told += "  " + "".join(f"{100 * share:8.1f}" for share in shares)
    print(told)
print("\nThe surer it must be, the fewer mistakes. But it answers letters and noise, too.")
print("The digit 'all four' is least sure of, the letter it is surest of, and noise:")
chosen = said[1][0].max(1).argmin(), said[1][1].max(1).argmax(), 0
captions = [f"{p[i].argmax()}: {100 * p[i].max():.1f} %" for p, i in zip(said[1], chosen)]
print(*captioned([x[i, 2:26, 2:26] for x, i in zip(kinds, chosen)], captions, 80), sep="\n")
print("Its ten chances add up to 100 %, and none of them is for what is no digit.")

# %% The library's parts, all at once.
lesson.section("Check it")
manual_seed(0)
net = make_net(lambda: nn.Dropout(0.3))
optimizer = optim.AdamW(net.parameters(), lr=0.001, weight_decay=0.3)
push = transforms.RandomAffine(degrees=0, translate=(2 / 28, 2 / 28))
loader = DataLoader(TensorDataset(images, labels, transform=push), batch_size=50, shuffle=True)
early = {"validate": [validation], "patience": 10, "out": lesson.out / "fit"}
*_, last = fit(net, loader, optimizer=optimizer, epochs=epochs, **early)
checkpoint.load(lesson.out / "fit" / "best.safetensors", net)
print(f"nn.Dropout, AdamW, RandomAffine, and fit with patience, {last.epoch} epochs:")
library = judge(net, tests, answers)[1] - right["all four"][0]
lesson.expect("gain over our own four", library, -3, 3, unit="points")
remedied = Chart(curves, "epoch", "loss on validation digits", high=2 * min(curves["nothing"]))
lesson.saved(save_charts(lesson.out / "remedies.png", [by_heart, remedied]))

lesson.finish(
    learned=[
        "Only digits that a net has not learned from tell how good it is.",
        "Stop, shrink, leave out: it is less sure of its mistakes. Show it more: it makes fewer.",
        "It knows what it has practiced. It has no word for all else, and may be very sure of it.",
    ],
    try_this=[
        "Learn from 100 digits, or 10,000. Which remedy is worth most?",
        "Let it practice flipped pixels. Which columns of the table change?",
        "hello-dl digits --augment: all of MNIST, turned and moved. How far does it get?",
    ],
)
