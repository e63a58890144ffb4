"""What a reader learns from: MNIST, strokes, and pictures of what it is not to read.

The last are a class of their own, "none of these". Without it a net calls half a 4 a 1 and is sure
of it; with it, it can say where a character begins and ends (LeCun et al. 1998 trained so, too).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from hello_dl.backend import Array, module_of
from hello_dl.data import transforms
from hello_dl.data.mnist import Halves
from hello_dl.data.strokes import DIGITS, LETTERS, draw_characters, load_strokes
from hello_dl.read.glyphs import cropped, to_field

ALPHABETS = {"digits": DIGITS, "letters": LETTERS}
STROKES = {"digits": 60_000, "letters": 52 * 900}  # drawn pictures to learn from
HELD_OUT = 5_000  # pictures of each source that are kept to calibrate with
NONE = 1 / 8  # pictures of no character, for each of one
OTHER = 1 / 16  # pictures of characters that are not to be read, likewise
# Those that nobody takes for one of the alphabet: a Z may be a 2, a Y a 4, a 9 a g.
UNLIKE = {"digits": "EFHKMNRWXhkmnwx", "letters": "3478"}


class Examples(NamedTuple):
    """Pictures (n, 28, 28) uint8 and labels (n,), to learn from and held out.

    A label is an index into the alphabet, or its length: none of these.
    """

    images: np.ndarray
    labels: np.ndarray
    held_images: np.ndarray
    held_labels: np.ndarray


def make_examples(what: str, mnist: Halves | None, seed: int = 0, share: float = 1.0) -> Examples:
    """Examples of "digits" or "letters"; `share` makes do with fewer of them.

    Of MNIST only the training half is used: its test digits are on the pages that test a reader.
    """
    alphabet, held = ALPHABETS[what], round(HELD_OUT * share)
    drawn = load_strokes(round(STROKES[what] * share), held, alphabet, seed)
    images, labels, held_images, held_labels = drawn
    if mnist is not None and what == "digits":
        real, named = mnist.train_images, mnist.train_labels
        end = held + round((len(real) - held) * share)
        images, labels = _both(images, real[held:end]), _both(labels, named[held:end])
        held_images = _both(held_images, real[:held])
        held_labels = _both(held_labels, named[:held])
    random = np.random.default_rng(seed)
    none = nothing_known(what, images, random)
    some = nothing_known(what, held_images, random)
    return Examples(
        _both(images, none),
        _both(labels, np.full(len(none), len(alphabet))),
        _both(held_images, some),
        _both(held_labels, np.full(len(some), len(alphabet))),
    )


def _both(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.concatenate([a, b])


# ----------------------------------------------------------------------------- none of these


def nothing_known(what: str, images: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Pictures (n, 28, 28) of all that a net for `images` has to turn down, in number as they."""
    text = random.choice(list(UNLIKE[what]), round(len(images) * OTHER))
    others = draw_characters("".join(text), seed=int(random.integers(2**31)))
    return _both(no_characters(images, round(len(images) * NONE), random), others)


def no_characters(images: np.ndarray, count: int, random: np.random.Generator) -> np.ndarray:
    """Pictures (count, 28, 28) of what cuts in the wrong places leave of characters.

    Two characters, a character with a part of its neighbor, a part alone; and scribbles, stains.
    """
    fields = np.zeros((count, *images.shape[1:]), np.uint8)
    for i in range(count):
        one, other = (
            cropped(images[k] / np.float32(255)) for k in random.integers(len(images), size=2)
        )
        kind = random.choice(6, p=(0.25, 0.25, 0.25, 0.1, 0.1, 0.05))
        if kind == 0:
            ink = beside(one, other, int(random.integers(0, 5)))
        elif kind == 1:
            some = part(other, random.uniform(0.25, 0.6), random)
            pair = (one, some) if random.random() < 0.5 else (some, one)
            ink = beside(*pair, int(random.integers(0, 3)))
        elif kind == 2:
            ink = part(one, random.uniform(0.3, 0.7), random)
        elif kind == 3:
            ink = bar(random.uniform(-25, 25), random.uniform(1, 8), random.uniform(3, 12))
        else:
            ink = scribble(random) if kind == 4 else stain(random)
        fields[i] = np.rint(255 * np.clip(to_field(ink), 0, 1))
    return fields


def beside(left: np.ndarray, right: np.ndarray, gap: int) -> np.ndarray:
    """Two inks side by side, standing on the same line."""
    height = max(len(left), len(right))
    ink = np.zeros((height, left.shape[1] + gap + right.shape[1]), np.float32)
    ink[height - len(left) :, : left.shape[1]] = left
    ink[height - len(right) :, left.shape[1] + gap :] = right
    return ink


def bar(angle: float, length: float, pen: float) -> np.ndarray:
    """A dot or a bar, turned by `angle` degrees: of an i, of a 5, a hyphen; lengths in pens."""
    cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    half = round(pen * (length / 2 + 1))
    y, x = np.ogrid[-half : half + 1, -half : half + 1]
    along, off = x * cos + y * sin, y * cos - x * sin
    beyond = np.maximum(np.abs(along) - pen * (length - 1) / 2, 0)
    return np.clip(pen / 2 - np.hypot(beyond, off) + 0.5, 0, 1).astype(np.float32)


def scribble(random: np.random.Generator) -> np.ndarray:
    """To and fro, five times or more: crossed out, or just played with the pen."""
    picture = Image.new("L", (80, 80))
    way = [tuple(place) for place in random.uniform(10, 70, (random.integers(6, 13), 2)).tolist()]
    ImageDraw.Draw(picture).line(way, 255, int(random.integers(4, 9)), "curve")
    return np.asarray(picture) / np.float32(255)


def stain(random: np.random.Generator) -> np.ndarray:
    """A blot: some ellipses over each other, without strokes."""
    picture = Image.new("L", (80, 80))
    for _ in range(random.integers(1, 5)):
        (x, y), (wide, high) = random.uniform(30, 50, 2), random.uniform(8, 24, 2)
        ImageDraw.Draw(picture).ellipse((x - wide, y - high, x + wide, y + high), 255)
    return np.asarray(picture) / np.float32(255)


def part(ink: np.ndarray, share: float, random: np.random.Generator) -> np.ndarray:
    """That share of the ink: its left, right, upper or lower part."""
    if random.random() < 0.3 or ink.shape[1] < 8:  # a 1 cut lengthwise is a 1
        keep = max(2, round(share * len(ink)))
        return ink[:keep] if random.random() < 0.5 else ink[-keep:]
    keep = max(2, round(share * ink.shape[1]))
    return ink[:, :keep] if random.random() < 0.5 else ink[:, -keep:]


# ------------------------------------------------------------------------------- augmentation


class RandomPenWidth(transforms.Transform):
    """Make strokes thicker or thinner by chance, by up to one pixel at both of their sides.

    thicker    share of the way to where each pixel is the darkest of itself and its four neighbors
    thinner    likewise, to the lightest
    """

    def __init__(self, thicker: float = 1.0, thinner: float = 0.5) -> None:
        self.thicker, self.thinner = thicker, thinner

    def apply(self, pictures: Array, generator: np.random.Generator) -> Array:
        """Change pictures (N, C, H, W)."""
        xp, (height, width) = module_of(pictures), pictures.shape[2:]
        change = xp.asarray(generator.uniform(-1, 1, (len(pictures), 1, 1, 1)), pictures.dtype)
        around = xp.pad(pictures, ((0, 0), (0, 0), (1, 1), (1, 1)))
        darkest, lightest = pictures.copy(), pictures.copy()
        for down, across in ((0, 1), (1, 0), (1, 2), (2, 1)):
            neighbor = around[:, :, down : down + height, across : across + width]
            xp.maximum(darkest, neighbor, out=darkest)
            xp.minimum(lightest, neighbor, out=lightest)
        darkest -= pictures
        lightest -= pictures
        thicker, thinner = xp.maximum(change, 0), xp.maximum(-change, 0)
        return pictures + self.thicker * thicker * darkest + self.thinner * thinner * lightest


def augmentation() -> transforms.Compose:
    """Changes that leave a character what it is: lean, size, bends, the pen."""
    return transforms.Compose(
        [
            transforms.ToTensor(),
            transforms.RandomAffine(12, None, (0.85, 1.1), 12, interpolation="bilinear"),
            transforms.ElasticTransform(40.0, 5.0),
            RandomPenWidth(),
        ]
    )
