"""Lesson 14 · Your own handwriting: can a net read a page that somebody wrote?

You will find the ink on a photo, cut it into pieces, and show each piece to a net. It fails until
the pieces look like what it has practiced. Then it practices other hands, and what is no digit.
At last you ask whether you may believe it when it says that it is sure.
"""

import numpy as np

from hello_dl import Tensor, manual_seed, models, optim, read, train
from hello_dl import functional as F
from hello_dl.course import begin
from hello_dl.data import DataLoader, TensorDataset, transforms
from hello_dl.data.digits import load_digits
from hello_dl.data.strokes import DIGITS, draw_characters, load_strokes
from hello_dl.show.grids import show_grid

if __name__ != "__main__":
    raise ImportError("a lesson is run, not imported")

lesson = begin(__doc__, __file__)
count, rounds, many = (6_000, 6, 4) if lesson.quick else (30_000, 6, 20)
full = np.float32(255)  # a pixel full of ink

# %% A photo, and a gray that parts nothing.
lesson.section("Find the ink")
photo, truth = read.compose_page(193, "hard", lines=3, per_line=(6, 8), height=34)
gray = np.asarray(photo.convert("L")) / full  # (height, width): 0 is black, 1 is white


def resized(picture, height, width):
    for size in (height, width):  # look at 8 places for each new pixel, and average
        places = np.arange(8 * size) * len(picture) // (8 * size)
        picture = picture[places].reshape(size, 8, -1).mean(axis=1).T
    return picture


def show(page):
    for row in resized(page[25:225].clip(0, 1), 13, 76):
        print(("  " + "".join(" .:-=+*#%@"[int(9.99 * dark)] for dark in row)).rstrip())


print("Our program wrote this page and took a photo of it, with a shadow:")
show(1.3 - 1.6 * gray)
print("Ink is dark. So all that is darker than 0.45 is ink?")
show(gray < 0.45)
block = Tensor(gray[None, None])
near, far = (F.avg_pool2d(block, 2 * r + 1, 1, r, count_include_pad=False) for r in (1, 24))
missing = (1 - near / far).numpy()[0, 0]  # share of the light of 24 pixels all around
paper, ink = np.percentile(gray[missing < 0.05], 5), np.percentile(gray[missing > 0.2], 95)
print(f"No: paper in the shadow is {paper:.2f} bright, and ink in the light {ink:.2f}.")
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
print("Pour paint on a pixel of ink: where it flows, neighbor to neighbor, is a piece.")
print(f"Rows without ink part the lines. They begin in the rows {', '.join(map(str, tops))}.")
cuts, written = [], "".join(truth.lines).replace(" ", "")
for piece in sorted(pieces, key=lambda p: (sum(p[:, 0].mean() > tops), p[:, 1].min())):
    y, x = (piece - piece.min(axis=0)).T
    cuts.append(np.zeros((y.max() + 1, x.max() + 1)))
    cuts[-1][y, x] = dark[tuple(piece.T)]  # its ink, and nothing of what is beside it
lesson.expect("pieces for each digit", len(cuts) / len(written), 1, 1)

# %% One preprocessing for all.
lesson.section("Read them")
digits = load_digits(lesson.data, download=False)
images, labels = digits.train_images[:count], digits.train_labels[:count]


def learn(images, labels, *changes):
    manual_seed(0)
    change = transforms.Compose([transforms.ToTensor(), *changes])
    loader = DataLoader(TensorDataset(images, labels, transform=change), 64, shuffle=True)
    net, epochs = models.LeNet5(11), round(rounds * count / len(images))  # class 10 is for later
    optimizer = optim.AdamW(net.parameters(), lr=0.002)
    slower = optim.lr_scheduler.OneCycleLR(optimizer, 0.002, total_steps=epochs * len(loader))
    list(train.fit(net, loader, optimizer=optimizer, epochs=epochs, schedule=slower))
    return read.Reader(net, DIGITS)  # the net, and what its classes stand for


def as_mnist(cut):  # 20 pixels large, its center of mass in the middle of 28 x 28
    height, width = (max(1, round(20 * side / max(cut.shape))) for side in cut.shape)
    small, field = resized(cut, height, width), np.zeros((28, 28))
    center = np.array([small.sum(1) @ np.arange(height), small.sum(0) @ np.arange(width)])
    top, left = np.rint(14 - center / small.sum()).clip(0, 28 - np.array(small.shape)).astype(int)
    field[top : top + height, left : left + width] = small
    return field


neat, hits = learn(images, labels), {}
right = 100 * (neat.logits(digits.test_images / full).argmax(1) == digits.test_labels).mean()
print(f"LeNet reads {right:.1f} % of {digits.name}. And our page?\n\n  written     {written}")
ways = {"stretched": lambda c: resized(c, 28, 28), "as MNIST": as_mnist, "library's": read.to_field}
for name, way in ways.items():
    said = neat.logits(np.float32([way(cut) for cut in cuts]))[:, :10].argmax(1)
    hits[name] = sum(str(s) == w for s, w in zip(said, written))
    print(f"  {name:10}  {''.join(map(str, said))}   {hits[name]} of {len(cuts)}")
print("Stretched, a 1 is a wall. MNIST's digits are 20 pixels large, their shape kept,")
print("their center of mass in the middle. Make yours as those that it has practiced.")
lesson.expect("gain, in digits", hits["as MNIST"] - hits["stretched"], 5, 20)

# %% Other hands, and what is no digit.
lesson.section("The gap")
print("Pages have other hands. So lean, stretch and bend digits, each time anew. Add")
print("strokes, digits that we draw. At last add small letters, of a class: no digit.\n")
bend = transforms.RandomAffine(12, None, (0.8, 1.1), 12, "bilinear"), transforms.ElasticTransform()
readers = {"neat digits": neat, "+ augmentation": learn(images, labels, *bend)}
drawn, answers = load_strokes(count, 0, seed=1)[:2]
images, labels = np.concatenate([images, drawn]), np.concatenate([labels, answers])
readers["+ strokes"] = learn(images, labels, *bend)
small = draw_characters("cdefhkmnprtuvwxy" * (count // 64), seed=2)
images, labels = np.concatenate([images, small]), np.append(labels, [10] * len(small))
readers["+ letters"] = learn(images, labels, *bend)
wrong, fields, true = np.zeros((4, 2)), [], []
for seed, kind in enumerate(("clean", "hard") * many):
    photo, truth = read.compose_page(seed, kind, lines=4, per_line=10, height=32)
    for row, reader in enumerate(readers.values()):
        lines = reader.read(photo).lines
        found = ["".join(c.text for c in line) for line in lines]
        wrong[row, seed % 2] += read.wrong_characters(truth.lines, found) / (0.4 * many)
    if list(map(len, found)) == [10] * 4:  # the last has found all digits of the page: keep them
        fields += [c.field for line in lines for c in line]
        true += map(int, "".join(truth.lines).replace(" ", ""))
print(f"Misread, lost or invented, in % of {40 * many} digits:\n\n{'clean':>26}{'hard':>12} pages")
for name, shares in zip(readers, wrong):
    print("  {:17}{:7.1f}{:12.1f}".format(name, *shares))
most = 90 if digits.name == "MNIST" else 130  # without MNIST all of them are strokes
lesson.expect("\nerrors left with strokes", 100 * wrong[2].sum() / wrong[0].sum(), 20, most, "%")

# %% How far may you believe it?
lesson.section("How sure may it be?")
fields, true, heats = np.stack(fields), np.array(true), np.geomspace(0.4, 3, 100)


def sure(logits, heat):
    return F.softmax(Tensor(logits / heat), 1).numpy()[:, :10].max(axis=1)


print("Divide all scores by a temperature, the one with the least loss on every second")
print("digit of the pages. No answer changes, but how sure it is does. On the others:\n")
print("                      right  it says  temperature  then it says")
for name, reader in readers.items():
    logits = reader.logits(fields)
    losses = [F.cross_entropy(Tensor(logits[::2] / h), Tensor(true[::2])).item() for h in heats]
    heat, right = heats[np.argmin(losses)], logits[:, :10].argmax(axis=1) == true
    told = [100 * x[1::2].mean() for x in (right, sure(logits, 1.0), sure(logits, heat))]
    print("  {:17}{:6.1f} %{:7.1f} %{:13.2f}{:12.1f} %".format(name, *told[:2], heat, told[2]))
print("Above 1 it was too sure, below 1 not sure enough.")
lesson.expect("ratio to library's", heat / read.find_temperature(logits[::2], true[::2]), 0.9, 1.1)
print("\nIt may refuse what it is less sure of. Capital letters, too? It has seen none.\n")
print("  at least  digits answered   right    capitals, by neat digits   by + letters")
letters = draw_characters("AEFHJLNR" * 40) / full
said = [sure(x, heat) for x in (logits, neat.logits(letters), reader.logits(letters))]
for least in (0, 0.5, 0.8, 0.9, 0.95, 0.99):
    digit, *capitals = (x >= least for x in said)
    shares = [100 * x.mean() for x in (digit, right[digit], *capitals)]
    print("  {:6.0f} %{:14.1f} %{:6.1f} %{:19.1f} %{:17.1f} %".format(100 * least, *shares))

# %% Watch it work.
lesson.section("Watch it work")
photo, truth = read.compose_page(18, "hard", lines=3, per_line=(8, 12), height=36)
reading = read.Reader(reader.model, DIGITS, heat).read(photo)
print(*map("  written  {:20}  read  {}".format, truth.lines, reading.text), sep="\n")
read.draw_boxes(photo, reading).save(lesson.out / "boxed.png")
lesson.saved(lesson.out / "boxed.png")
print("On the pages before, it misread these:")
wrong = np.flatnonzero(~right)[:3]
show_grid(fields[wrong, 4:24, 4:24], [f"{true[i]}, read {logits[i, :10].argmax()}" for i in wrong])

lesson.finish(
    learned=[
        "Undo what can be undone: light, place, size. Let it practice what cannot: hands.",
        "How sure a net is holds for what it has practiced. Measure it on what it will read.",
        "It says that it does not know only if it has practiced not to know.",
    ],
    try_this=[
        "Write digits, take a photo of them: hello-dl read photo.jpg --out boxed.png",
        "Compose page 3 instead of 193. It is tilted. Which of your steps fails?",
    ],
)
