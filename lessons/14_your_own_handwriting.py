"""Lesson 14 · Your own handwriting: can a net read a page that somebody wrote?

You will find the ink on a photo, take it apart into pieces, and show each piece to a net. It fails
until the pieces look like what it has learned from. Then it practices other hands, and learns what
is no digit. At last you ask how far you may believe it when it says that it is sure.
"""

import numpy as np

from hello_dl import Tensor, manual_seed, optim, read
from hello_dl import functional as F
from hello_dl.course import begin
from hello_dl.data import DataLoader, TensorDataset, transforms
from hello_dl.data.digits import load_digits
from hello_dl.data.strokes import DIGITS, draw_characters, load_strokes
from hello_dl.models import LeNet5
from hello_dl.show.grids import show_grid
from hello_dl.train import fit

if __name__ != "__main__":
    raise ImportError("a lesson is run, not imported")

lesson = begin(__doc__, __file__)
count, rounds, many = (6_000, 6, 4) if lesson.quick else (30_000, 6, 20)
rng, full = np.random.default_rng(14), np.float32(255)

# %% A photo, and a gray that parts nothing.
lesson.section("Find the ink")
photo, truth = read.compose_page(53, "hard", lines=3, per_line=(6, 8), height=34)
gray = np.asarray(photo.convert("L")) / full  # (height, width): 0 is black, 1 is white


def resized(picture, height, width):
    for size in (height, width):  # look at 8 places for each new pixel, and average
        places = np.arange(8 * size) * len(picture) // (8 * size)
        picture = picture[places].reshape(size, 8, -1).mean(axis=1).T
    return picture


def show(page):
    for row in resized(page[25:225].clip(0, 1), 13, 76):
        print("  " + "".join(" .:-=+*#%@"[int(9.99 * dark)] for dark in row).rstrip())


def around(reach):  # the page, each pixel averaged with those of `reach` rows and columns each way
    padded = Tensor(np.pad(gray, reach, mode="edge")[None, None])
    return F.avg_pool2d(padded, 2 * reach + 1, stride=1).numpy()[0, 0]


print("Our program wrote this page and took a photo of it, with a shadow:")
show(1.2 - 1.2 * gray)
print("Ink is dark. So all that is darker than 0.45 is ink?")
show(gray < 0.45)
missing = 1 - around(1) / around(24)  # how much light, by that of the neighborhood
paper, ink = np.percentile(gray[missing < 0.05], 5), np.percentile(gray[missing > 0.2], 95)
print(f"Paper in the shadow is {paper:.2f} bright, ink in the light {ink:.2f}. No gray parts them.")
print("Ask instead: is it clearly darker than its neighborhood?")
dark = np.where(missing > 0.12, np.clip(3 * missing, 0, 1), 0)
show(1.7 * dark)

# %% Pixels that touch belong together.
lesson.section("Build it here: pieces and lines")


def find_pieces(mask):
    left, found = set(zip(*np.nonzero(mask))), []
    while left:
        piece = [left.pop()]
        for y, x in piece:  # it grows while we walk along it
            near = {(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)} & left
            left -= near
            piece += near
        found.append(np.array(piece))
    return found


pieces = [piece for piece in find_pieces(dark > 0) if len(piece) > 25]  # others are specks
inked = np.isin(np.arange(len(dark)), np.concatenate(pieces)[:, 0])  # is there ink in the row?
tops = np.flatnonzero(np.diff(inked, prepend=False) & inked)
print("Pour paint on a pixel of ink. Where it flows, from neighbor to neighbor, is one piece.")
print(f"Rows without ink part the lines, which begin in the rows {', '.join(map(str, tops))}.")
cuts, written = [], "".join(truth.lines).replace(" ", "")
for piece in sorted(pieces, key=lambda p: (sum(p[:, 0].mean() > tops), p[:, 1].min())):
    (top, left), (bottom, right) = piece.min(axis=0), piece.max(axis=0) + 1
    alone = np.zeros(dark.shape)
    alone[tuple(piece.T)] = dark[tuple(piece.T)]  # without what is beside it
    cuts.append(alone[top:bottom, left:right])
lesson.expect("pieces for each digit", len(cuts) / len(written), 1, 1)

# %% One preprocessing for all.
lesson.section("Read them")
digits = load_digits(lesson.data, download=False)
images, labels = digits.train_images[:count], digits.train_labels[:count]


def learn(images, labels, *changes):
    manual_seed(0)
    change = transforms.Compose([transforms.ToTensor(), *changes])
    loader = DataLoader(TensorDataset(images, labels, transform=change), 64, shuffle=True)
    net, epochs = LeNet5(11), round(rounds * count / len(images))  # class 10 is for later
    optimizer = optim.AdamW(net.parameters(), lr=0.002)
    slower = optim.lr_scheduler.OneCycleLR(optimizer, 0.002, total_steps=epochs * len(loader))
    list(fit(net, loader, optimizer=optimizer, epochs=epochs, schedule=slower))
    return read.Reader(net, DIGITS)  # the net, and what its classes stand for


def as_mnist(cut):  # 20 pixels large, its center of mass in the middle of 28 x 28
    height, width = (max(1, round(20 * side / max(cut.shape))) for side in cut.shape)
    small, field = resized(cut, height, width), np.zeros((28, 28))
    y, x = small.sum(1) @ np.arange(height), small.sum(0) @ np.arange(width)
    middle = np.rint(14 - np.array([y, x]) / small.sum())
    top, left = middle.clip(0, [28 - height, 28 - width]).astype(int)
    field[top : top + height, left : left + width] = small
    return field


neat, hits = learn(images, labels), {}
right = 100 * (neat.logits(digits.test_images / full).argmax(1) == digits.test_labels).mean()
print(f"LeNet learns {digits.name} and reads {right:.1f} % of its test digits. And our page?")
print(f"  written     {written}")
ways = {"stretched": lambda cut: resized(cut, 28, 28), "as MNIST": as_mnist}
for name, way in (ways | {"library's": read.to_field}).items():
    said = neat.logits(np.float32([way(cut) for cut in cuts]))[:, :10].argmax(1)
    hits[name] = sum(str(s) == w for s, w in zip(said, written))
    print(f"  {name:10}  {''.join(map(str, said))}   {hits[name]} of {len(cuts)}")
print("Stretched to 28 x 28, a 1 is a wall. MNIST's digits were scaled to 20 pixels, their")
print("proportions kept, their center of mass put in the middle. Treat yours likewise!")
lesson.expect("gain of digits", hits["as MNIST"] - hits["stretched"], 5, 20)

# %% Other hands, and what is no digit.
lesson.section("The gap")
bend = transforms.RandomAffine(12, None, (0.85, 1.1), 12, "bilinear")
bend = bend, transforms.ElasticTransform(40.0, 5.0)
readers = {"neat digits": neat, "+ augmentation": learn(images, labels, *bend)}
drawn, answers = load_strokes(count, 0, seed=1)[:2]
images, labels = np.concatenate([images, drawn]), np.concatenate([labels, answers])
readers["+ strokes"] = learn(images, labels, *bend)
pairs = images[rng.integers(len(images), size=(count // 8, 2)), :, 4:24] / full
pairs = np.uint8([255 * read.to_field(np.hstack(pair)).clip(0, 1) for pair in pairs])
small = draw_characters("cdefhkmnprtuvwxy" * (count // 128), seed=2)
images = np.concatenate([images, pairs, small])
labels = np.pad(labels, (0, len(images) - len(labels)), constant_values=10)
readers["+ no digits"] = learn(images, labels, *bend)
style = {"lines": 4, "per_line": 10, "height": 32}
kinds = {k: [read.compose_page(n, k, **style) for n in range(many)] for k in ("clean", "hard")}
print(f"Of {40 * many} digits on pages, in percent, are misread, lost or invented:\n")
print("                   clean pages  hard pages")
bad = []
for name, reader in readers.items():
    wrong, fields, true = dict.fromkeys(kinds, 0), [], []
    for kind, photo, truth in ((kind, *page) for kind, pages in kinds.items() for page in pages):
        lines = reader.read(photo).lines
        found = ["".join(c.text for c in line) for line in lines]
        wrong[kind] += read.wrong_characters(truth.lines, found) / (0.4 * many)
        if list(map(len, found)) == [10] * 4:  # it has found all digits of the page: keep them
            fields += [c.field for line in lines for c in line]
            true += map(int, "".join(truth.lines).replace(" ", ""))
    bad.append(sum(wrong.values()))
    print("  {:17}{:11.1f}{:12.1f}".format(name, *wrong.values()))
lesson.expect("\nerrors left by strokes", 100 * bad[2] / bad[0], 20, 90, unit="%")

# %% How far may you believe it?
lesson.section("How sure may it be?")
order, half = rng.permutation(len(true)), len(true) // 2
fields, true, heats = np.stack(fields)[order], np.array(true)[order], np.geomspace(0.4, 3, 100)
print("                      right   it says   temperature   then it says")
for name, reader in readers.items():
    logits = reader.logits(fields)
    losses = [F.cross_entropy(Tensor(logits[:half] / h), Tensor(true[:half])).item() for h in heats]
    heat, right = heats[np.argmin(losses)], logits.argmax(1) == true
    says = [F.softmax(Tensor(logits / h), 1).numpy()[half:].max(1).mean() for h in (1, heat)]
    print(name, right[half:].mean(), says, heat)
lesson.expect(
    "by the library's", heat / read.find_temperature(logits[:half], true[:half]), 0.97, 1.03
)
letters = reader.logits(draw_characters("AEFHJLNR" * 40) / full)
said = [F.softmax(Tensor(x / heat), 1).numpy()[:, :10] for x in (logits, letters)]
for least in (0, 0.5, 0.8, 0.9, 0.95, 0.99):
    keep, others = (p.max(1) >= least for p in said)
    print(least, keep.mean(), right[keep].mean(), others.mean())
wrong = np.flatnonzero(~right)[:3]
show_grid(fields[wrong, 4:24, 4:24], [f"{true[i]}, read {logits[i].argmax()}" for i in wrong])
photo, truth = read.compose_page(18, "hard", lines=3, per_line=(8, 12), height=36)
reading = read.Reader(reader.model, DIGITS, heat).read(photo)
for line, text in zip(reading.text, truth.lines):
    print(line, text)
read.draw_boxes(photo, reading).save(lesson.out / "boxed.png")
lesson.saved(lesson.out / "boxed.png")
lesson.finish(learned=["a"], try_this=["b"])
