"""Lesson 13 · Deeper: what goes wrong in a deep net, and what helps?

You will stack layers until a net learns nothing, and look inside to see why. Then you build what
makes deep nets possible: a better start, batch norm, a plus sign. One learns to name photographs.
"""

import math

import numpy as np

from hello_dl import Tensor, manual_seed, nn, no_grad, optim
from hello_dl import functional as F
from hello_dl.course import begin
from hello_dl.data import ImageSet
from hello_dl.data.cifar import both_halves
from hello_dl.data.digits import load_digits
from hello_dl.models.resnet import BasicBlock, ResNet
from hello_dl.show.chart import Chart, save_charts
from hello_dl.show.grids import save_grid
from hello_dl.train import fit, live
from hello_dl.train.pictures import name_pictures, picture_training

if __name__ != "__main__":
    raise ImportError("a lesson is run, not imported")

lesson = begin(__doc__, __file__)

# %% The net of lesson 08, with more and more layers.
lesson.section("More layers")
digits = load_digits(lesson.data, download=False)
ink, rng, (x, y) = np.float32(255), np.random.default_rng(13), digits[:2]
depths, steps = ((5, 20), 200) if lesson.quick else ((5, 10, 20, 40), 400)
batches = [(Tensor(x[i] / ink), Tensor(y[i])) for i in rng.integers(len(x), size=(steps, 64))]
tests, answers = digits.test_images[:2000] / ink, digits.test_labels[:2000]
recipes, nets, scores = {}, {}, {}


def make_net(name, depth):  # a recipe makes a layer of 64 neurons, to go between first and last
    manual_seed(0)
    inner = [recipes[name]() for _ in range(depth - 2)]
    for layer in inner:
        layer[0].weight.data *= 6**0.5 if name == "better start" else 1
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 64), nn.ReLU(), *inner, nn.Linear(64, 10))


def right(net, some):  # percent of some of the tests
    with no_grad():
        return 100 * np.mean(net(Tensor(tests[some])).argmax(1).numpy() == answers[some])


def learn(*names):  # with nets of all depths, and print a row of the table for each name
    print("\n  layers          ", *(f"{depth:7}" for depth in depths))
    for name in names:
        nets[name] = [make_net(name, depth) for depth in depths]
        for net in nets[name]:
            list(fit(net, batches, optimizer=optim.Adam(net.parameters(), lr=0.001)))
        scores[name] = [right(net.eval(), slice(None)) for net in nets[name]]
        print(f"  {name:16}", *(f"{share:7.1f}" for share in scores[name]), flush=True)


print(f"{digits.name}, {digits.note}.")
print(f"Nets of layers of 64 neurons learn for {steps} steps. Percent of new digits read:")
recipes["plain"] = lambda: nn.Sequential(nn.Linear(64, 64), nn.ReLU())
learn("plain")
lesson.expect("\nthe deepest", scores["plain"][-1], 5, 50, unit="%")
print("Who guesses gets 10 %. Why is more less? Some layers could just pass things on.")
lesson.section("Look inside")


def look(*names):  # two charts: of activations and of gradients, by layer
    spreads, slopes = {}, {}
    for name in names:
        net, (x, labels), spread = make_net(name, depth=20), batches[0], []
        for layer in net:
            x = layer(x)
            spread.append(x.data.std(axis=0).mean().item())  # how far apart are the digits here?
        F.cross_entropy(x, labels).backward()
        squares = [(p.grad**2).sum().item() for p in net.parameters() if p.ndim > 1]  # of weights
        spreads[name], slopes[name] = np.log10(spread[2:]), np.log10(squares) / 2
    return Chart(spreads, "layer", "log10 of spread"), Chart(slopes, "layer", "log10 of gradient")


print("Before it learns, 64 digits go through a net of 20 layers. What is their spread,")
print("how far apart are they in each? And how large is the gradient of its weights?\n")
for chart in look("plain"):
    chart.show(8)
kept = 10 ** np.diff(look("plain")[0].curves["plain"][:15]).mean()
lesson.expect("\nof the spread, a layer keeps", 100 * kept, 35, 50, unit="%")
print(f"Fourteen layers keep {kept**14:.6f}: all digits look the same, and who cannot tell")
print("them apart cannot name them. And the first layers hear next to nothing.")

lesson.section("Remedy 1: a better start")
keeps = (32 * nn.Linear(64, 64).weight.var().item()) ** 0.5
print("A neuron adds up 64 inputs. Its weights leave a third of their mean square, and")
print(f"ReLU halves that: a layer keeps about the root of a sixth, here {keeps:.2f}. So start")
print("with weights that are larger by the root of 6 (He and others, 2015).")
recipes["better start"] = recipes["plain"]  # and make_net makes the weights larger
learn("better start")

# %% Batch norm by hand.
lesson.section("Remedy 2: batch norm")
print("Soon all weights have moved. So make the size right in each layer, each step:")
print("subtract the mean of the batch, and divide by its deviation.")
running = {"mean": np.zeros(3), "variance": np.ones(3)}  # over many batches


def batch_norm(x, training):  # x (n, neurons)
    mean, variance, n = x.mean(axis=0), x.var(axis=0), len(x)
    if training:
        running["mean"] += 0.1 * (mean - running["mean"])
        running["variance"] += 0.1 * (variance * n / (n - 1) - running["variance"])
    else:
        mean, variance = running.values()
    return (x - mean) / (variance + 1e-5) ** 0.5


library = nn.BatchNorm1d(3)
for batch in rng.normal((5, 0, -2), (1, 9, 0.1), (50, 64, 3)):  # three neurons, 50 batches of 64
    ours, theirs = batch_norm(batch, training=True), library(Tensor(batch, dtype="float32"))
lesson.expect("difference to nn.BatchNorm1d", abs(theirs.numpy() - ours).max(), 0, 1e-4)
ours, theirs = batch_norm(batch, training=False), library.eval()(Tensor(batch, dtype="float32"))
lesson.expect("and after eval()", abs(theirs.numpy() - ours).max(), 0, 1e-4)
recipes["batch norm"] = lambda: nn.Sequential(nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU())
learn("batch norm")
spread, slope = (10 ** chart.curves["batch norm"] for chart in look("batch norm"))
lesson.expect("\nspread in layer 19, by that in layer 2", spread[18] / spread[1], 0.8, 1.2)
lesson.expect("gradient of layer 2, by that of layer 19", slope[1] / slope[18], 5, 100)
print("Five layers gain, but the deepest net is worse than before! Forward, all is")
print("well. But see the gradients: what one layer changes, the next ones enlarge.")

lesson.section("A trap: train() and eval()")
print("Five layers, the same digits, but 50 of a kind at once, and without eval():")
net, order = nets["batch norm"][0].train(), answers.argsort(kind="stable").reshape(-1, 50)
share, before = np.mean([right(net, some) for some in order]), scores["batch norm"][0]
lesson.expect(f"of {before:.1f} % read right, there remain", share, 8, 40, unit="%")
print("A digit is compared with its neighbors, and among sevens a 7 is nothing special:")
print("the mean takes it away. So eval() takes the running mean, over many batches.")

# %% A plus sign.
lesson.section("Remedy 3: add, do not replace")


class Residual(nn.Sequential):
    def forward(self, x):
        return x + super().forward(x)


recipes["residual"] = lambda: Residual(nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU())
recipes["residual, GELU"] = lambda: Residual(nn.Linear(64, 64), nn.BatchNorm1d(64), nn.GELU())
print("Let a layer give x + f(x), not f(x): it corrects what it was given. A plus hands")
print("its gradient to both sides as it is: each layer hears from the loss directly.")
print("And GELU bends where ReLU breaks: x times the share of the bell curve below x.")
x = Tensor([-2.0, -1.0, 0.0, 1.0, 2.0])
by_hand = [n * (1 + math.erf(n / 2**0.5)) / 2 for n in x.tolist()]
print("GELU of -2, -1, 0, 1, 2:", *(f"{y:6.2f}" for y in by_hand))
lesson.expect("difference to F.gelu", np.abs(F.gelu(x).numpy() - by_hand).max(), 0, 1e-6)
learn("residual", "residual, GELU")
lesson.expect("\nthe deepest residual net", scores["residual"][-1], 70, 96, unit="%")
look("batch norm", "better start", "residual")[1].show(8)
lesson.saved(save_charts(lesson.out / "layers.png", look(*recipes)))

# %% The same with convolutions; photographs, where they are and there is time for them.
lesson.section("A residual net learns pictures")
block, x = BasicBlock(16, 16), Tensor(rng.normal(size=(8, 16, 9, 9)), dtype="float32")
y = block.bn1(F.conv2d(x, block.conv1.weight, padding=1)).relu()
y = block.bn2(F.conv2d(y, block.conv2.weight, padding=1))
lesson.expect(
    "ResNet's block by hand, difference", ((x + y).relu() - block(x)).norm().item(), 0, 1e-4
)
photos = None if lesson.quick or lesson.data == "strokes" else both_halves(lesson.data)
most, two = 3000 if lesson.quick else 20_000, (digits[:2], digits[2:4])
learned, new = photos or (ImageSet(x[:most, None], y[:most], "0123456789") for x, y in two)
blocks, epochs = (3, 50) if photos and lesson.device == "cuda" else (1, 2)
widths, size = ((8, 16, 32), 50) if lesson.quick else ((16, 32, 64), 128)
net = ResNet(widths, blocks, channels=learned.images.shape[1])
note = learned.note or f"{len(learned):,} digits (photographs: hello-dl data cifar10)"
print(f"\n{6 * blocks + 2} layers learn {note}:")
how = {"shift": 4, "mirror": True} if photos else {"shift": 2, "mirror": False}
*_, last = live(picture_training(net, learned, new, epochs=epochs, batch_size=size, **how))
expected = ((80, 92) if lesson.device == "cuda" else (45, 62)) if photos else (60, 99.5)
lesson.expect("new ones named right", 100 * last.validation["accuracy"], *expected, unit="%")
guesses, truth = name_pictures(net, new, like=learned), new.targets
mistakes = np.bincount(10 * truth[guesses != truth] + guesses[guesses != truth], minlength=100)
most, (a, b) = mistakes.max(), (new.classes[k] for k in divmod(mistakes.argmax(), 10))
print(f"Its most common mistake, {most} times: {a} taken for {b}.")
some = rng.permutation(len(new))[:24]
titles = [new.classes[guesses[i]] + "?" * int(guesses[i] != truth[i]) for i in some]
images = np.moveaxis(new.images[some], 1, -1).squeeze()
lesson.saved(save_grid(lesson.out / "guesses.png", images, titles))
lesson.finish(
    learned=[
        "What each layer makes a little smaller is gone after twenty: look inside.",
        "Batch norm holds all sizes. It needs a batch, so mind train() and eval().",
        "A layer that adds to what it was given does little harm: nets may be deep.",
    ],
    try_this=[
        "Put nn.Tanh for nn.ReLU in the plain net. What does a layer keep now?",
        "Leave batch norm out of the residual layer. How does the spread grow in 40 layers?",
    ],
)
