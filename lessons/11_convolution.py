"""Lesson 11 · Convolution: what if the same few weights looked at every place of a picture?

You will slide nine weights over a digit, and they find its edges. You spell this as a loop, then as
one matrix product, and see how much faster that is. Then nine weights learn to find edges by
themselves. At last you move a digit: what becomes of the numbers that a layer makes of it?
"""

import itertools
import timeit

import numpy as np

from hello_dl import Tensor, optim, stack
from hello_dl import functional as F
from hello_dl.course import begin
from hello_dl.data.digits import load_digits
from hello_dl.show.grids import save_grid, show_grid

if __name__ != "__main__":
    raise ImportError("a lesson is run, not imported")

lesson = begin(__doc__, __file__)

# %% One place: multiply what lies under the kernel by its weights, and add up. That is a neuron.
lesson.section("Nine weights")


def slide(picture, kernel, stride=1, padding=0, dilation=1):
    """Lay the kernel on one place after the other. (What the three options do comes later.)"""
    picture = np.pad(picture, padding)  # zeros around it
    kh, kw = (dilation * (n - 1) + 1 for n in kernel.shape)  # rows and columns that it covers
    found = []
    for y in range(0, picture.shape[0] - kh + 1, stride):
        found.append([])
        for x in range(0, picture.shape[1] - kw + 1, stride):
            under = picture[y : y + kh : dilation, x : x + kw : dilation]
            found[-1].append((under * kernel).sum())
    return np.array(found)


def numbers(form="3.0f", **blocks):  # print small blocks side by side, each under its name
    lines = {n: ["".join(format(x, form) for x in row) for row in b] for n, b in blocks.items()}
    told = [[f"  {name}", *rows] for name, rows in lines.items()]
    widths = [max(map(len, column)) + 3 for column in told]
    for row in itertools.zip_longest(*told, fillvalue=""):
        print(" " + "".join(map(str.ljust, row, widths)).rstrip())


across = np.float32([[-1, 0, 1], [-1, 0, 1], [-1, 0, 1]])
print("A stroke of ink, a kernel of nine weights, and what it finds:\n")
stroke = np.float32([[0, 0, 0, 1, 1, 1, 0, 0]] * 5)
numbers(picture=stroke, kernel=across, map=slide(stroke, across))
print("\nLay the kernel on the top left corner. Multiply each pixel by the weight on it,")
print("add up, and write the sum down: 0. Go one to the right and do it again: 3. The")
print("map has 6 places across and 3 down. It is 3 where ink begins, -3 where it ends.")

# %% The same on a digit, with more kernels.
digits = load_digits(lesson.data, download=False)
digit = digits.train_images[0] / np.float32(255)  # (28, 28)
kernels = {
    "across": across,
    "down": across.T,
    "sharpen": np.float32([[0, -1, 0], [-1, 5, -1], [0, -1, 0]]),
    "outline": np.float32([[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]]),
    "blur": np.full((3, 3), 1 / 9, dtype=np.float32),
}
print(f"\n{digits.name}, {digits.note}.")
print("A digit, and what five kernels find in it: + and # are above 0, - and = below.\n")
maps = {"the digit": digit} | {name: slide(digit, k, padding=1) for name, k in kernels.items()}
scaled = np.stack([found / abs(found).max() for found in maps.values()])  # (6, 28, 28)
show_grid(scaled[:, 3:25, 2:26], list(maps), columns=3)
lesson.saved(save_grid(lesson.out / "kernels.png", scaled, list(maps), 3, "What five kernels find"))
numbers("z5.1f", **{name: kernels[name] for name in ("down", "sharpen", "outline", "blur")})

# %% Padding, stride and dilation: where the kernel is laid, and what it covers.
lesson.section("Sizes")
seven = np.float32([list(row) for row in ("11111", "00010", "00100", "01000", "10000")])
options = {"plain": (), "padding": (1, 1), "stride": (2, 1), "dilation": (1, 2, 2)}
print("A kernel of nine ones counts the ink under it. Here on a picture of 5 x 5:\n")
numbers(picture=seven, **{name: slide(seven, np.ones((3, 3)), *o) for name, o in options.items()})
print("\n  plain     three places across and three down: the map is smaller")
print("  padding   a border of one zero around the picture: the map is as large as it")
print("  stride    the same border, and two steps at once: half the places, rounded up")
print("  dilation  every other pixel: the kernel covers 5 x 5, with a border of 2\n")
worst, tried, rng = 0, 0, np.random.default_rng(11)
for n, k, s, p, d in itertools.product((7, 8, 12), (1, 2, 3), (1, 2, 3), (0, 1, 2), (1, 2)):
    picture, kernel = rng.random((1, n, n)), rng.random((1, 1, k, k))
    by_hand = slide(picture[0], kernel[0, 0], s, p, d)
    library = F.conv2d(Tensor(picture), Tensor(kernel), None, s, p, d).numpy()[0]
    assert by_hand.shape == 2 * ((n + 2 * p - d * (k - 1) - 1) // s + 1,)
    worst, tried = max(worst, abs(by_hand - library).max()), tried + 1
print("places = (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1")
print(f"holds in all of {tried} settings, and F.conv2d finds the same in each:")
lesson.expect("largest difference", worst, 0, 1e-12)

# %% All windows are the columns of one matrix, all kernels the rows of another.
lesson.section("Build it here: one matrix product")


def conv(x, weight):
    """Lay weight (out, channels, k, k) on all places of pictures x (n, channels, h, w)."""
    k = weight.shape[-1]
    h, w = x.shape[2] - k + 1, x.shape[3] - k + 1
    moved = [x[:, :, i : i + h, j : j + w] for i in range(k) for j in range(k)]
    columns = stack(moved, 2).reshape(len(x), -1, h * w)  # im2col: (n, channels * k * k, places)
    return (weight.reshape(len(weight), -1) @ columns).reshape(len(x), -1, h, w)


print("The loop stops at 676 places of a digit, for each kernel. Instead, move the")
print("whole picture nine times, so that each weight once lies on every pixel. Stacked,")
print("that is a matrix with a column for each place. The kernels are the rows of")
print("another, and one product does it all. Lesson 07 knows its way back. If a picture")
print("has channels (red, green, blue, or the maps of a layer before), so has a kernel.\n")
data = rng.normal(size=(4, 3, 9, 7)), rng.normal(size=(5, 3, 3, 3)), rng.normal(size=(4, 5, 7, 5))
results = []
for function in (conv, F.conv2d):
    x, weight = Tensor(data[0], requires_grad=True), Tensor(data[1], requires_grad=True)
    y = function(x, weight)
    y.backward(Tensor(data[2]))  # some gradient from above
    results.append([np.array(part.tolist()) for part in (y, x.grad, weight.grad)])
for name, a, b in zip(("maps", "gradient of pictures", "gradient of weights"), *results):
    lesson.expect(f"{name}, difference to F.conv2d", abs(a - b).max(), 0, 1e-12)

count = 16 if lesson.quick else 64
batch, bank = digits.train_images[:count, None] / np.float32(255), np.stack(list(kernels.values()))
x, weight = Tensor(batch), Tensor(bank[:, None])
runs = {
    "the loop": (1, lambda: [[slide(picture[0], kernel) for kernel in bank] for picture in batch]),
    "one product": (20, lambda: conv(x, weight)[0, 0, 0, 0].item()),
    "F.conv2d": (20, lambda: F.conv2d(x, weight)[0, 0, 0, 0].item()),
}
print(f"\nFive kernels on {count} digits:")
times = [min(timeit.repeat(run, number=1, repeat=many)) for many, run in runs.values()]
print(*(f"  {name:12}{1e3 * seconds:9.2f} ms" for name, seconds in zip(runs, times)), sep="\n")
lesson.expect("gain by the product", times[0] / times[1], 50, float("inf"), "times")
print("The library writes less down for the same product. See hello_dl/backend/conv.py.")

# %% Nine weights that learn.
lesson.section("Watch it learn a kernel")
print("Nobody has to think kernels up. Show some digits, and what 'across' finds there.")
print("Nine random weights follow the mean squared difference down, with Adam:\n")
after = conv(x, Tensor(across[None, None]))
kernel = Tensor(rng.normal(0, 0.5, (1, 1, 3, 3)).astype("f"), requires_grad=True)
optimizer, seen, shares = optim.Adam([kernel], lr=0.1), {}, {}
for step in range(301):
    seen[step] = kernel.numpy()[0, 0].copy()
    loss = F.mse_loss(F.conv2d(x, kernel), after)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
numbers("z5.1f", **{f"step {n}": seen[n] for n in (0, 5, 20, 300)})
lesson.expect("largest difference to 'across'", abs(kernel.numpy() - across).max(), 0, 0.01)

# %% The same digit, somewhere else.
lesson.section("Now move the digit")
here_and_there = [slide(np.roll(digit, (n, n), (0, 1)), across, padding=1) for n in (0, 2)]
show_grid(np.stack(here_and_there)[:, 3:], ["across, in the digit", "in the digit, moved by 2"])
print("\nThe map moves along. Now for random weights, too, without and with max pooling,")
print("which keeps only the largest of each k x k numbers:")
tests = np.pad(digits.test_images[:200, None] / np.float32(255), 2 * [(0, 0)] + 2 * [(6, 6)])
eight, matrix = rng.normal(size=(8, 1, 5, 5)).astype("f"), rng.normal(size=(1600, 784))
pushed = {n: np.roll(tests, (n, n), (2, 3)) for n in (0, 1, 2, 4)}  # down and to the right
after = {n: F.conv2d(Tensor(x), Tensor(eight), padding=2).relu() for n, x in pushed.items()}
maps = {n: found.numpy() for n, found in after.items()}  # (200, 8, 40, 40)
linear = {n: (x.reshape(200, -1) @ matrix).clip(0) for n, x in pushed.items()}
layers = {"linear layer": linear, "convolution": maps}
layers["and moved back"] = {n: np.roll(found, (-n, -n), (2, 3)) for n, found in maps.items()}
for k in (2, 4, 10, 40):
    squares = {n: found.reshape(200, 8, 40 // k, k, 40 // k, k) for n, found in maps.items()}
    layers[f"max of {k} x {k}"] = {n: square.max(axis=(3, 5)) for n, square in squares.items()}
unlike = (layers["max of 4 x 4"][0] != F.max_pool2d(after[0], 4).numpy()).sum()
lesson.expect("numbers unlike those of F.max_pool2d", unlike, 0, 0)
print("So much a layer's numbers change when a digit moves, in percent of their length:\n")
print("  moved by              1       2       4    another digit")
for name, found in layers.items():
    start, *moved = (maps.reshape(200, -1) for maps in found.values())
    far = [np.linalg.norm(end - start, axis=1) for end in (*moved, np.roll(start, 1, axis=0))]
    shares[name] = [100 * (n / np.linalg.norm(start, axis=1)).mean() for n in far]
    print(f"  {name:15}" + "{:7.1f} {:7.1f} {:7.1f} {:12.1f}".format(*shares[name]))
lesson.expect("\nlinear layer, moved by 2", shares["linear layer"][1], 85, 110, "%")
lesson.expect("convolution, and its maps moved back", shares["and moved back"][1], 0, 0.01, "%")
lesson.expect("the largest of a whole map", shares["max of 40 x 40"][1], 0, 0.01, "%")
print("To a linear layer a digit moved by 2 is as new as another digit. The maps of a")
print("convolution move along: equivariance. The more is pooled, the more stays as it")
print("was: invariance. But see the last column: the less it also knows of the digit.")

lesson.finish(
    learned=[
        "A convolution is one neuron with a small window, and it is at every place.",
        f"A linear map of 28 x 28 to 26 x 26 numbers has {784 * 676:,} weights. A kernel has nine.",
        "With all windows in a matrix it is one product, values and gradients.",
        "Move the picture, and the maps move along. Pooling forgets a little of where.",
    ],
    try_this=[
        "Let it learn 'blur', or 'down' after 'blur'. Is a kernel of 3 x 3 enough for both?",
        "Write conv for a stride of 2. Which slices change?",
        "Time conv2d_by_winograd of hello_dl/ops/winograd.py. Do fewer products pay here?",
    ],
)
