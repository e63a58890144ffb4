"""Transforms: torchvision's meaning, every picture of a batch on its own, any kind of picture."""

import math
import pickle

import numpy as np
import pytest
from helpers import DEVICES, import_torch, on_device, plain
from PIL import Image

from hello_dl import Tensor, manual_seed
from hello_dl.backend import device_of
from hello_dl.data.randomness import Stream, current_generator
from hello_dl.data.transforms import (
    CenterCrop,
    Compose,
    ElasticTransform,
    GaussianNoise,
    Lambda,
    Normalize,
    Pad,
    RandomAffine,
    RandomCrop,
    RandomErasing,
    RandomHorizontalFlip,
    RandomRotation,
    RandomVerticalFlip,
    Resize,
    ToTensor,
    Transform,
)
from hello_dl.data.transforms.warp import affine, gaussian, read_at

RANDOM = {
    "affine": RandomAffine(40, (0.2, 0.3), (0.7, 1.3), (-20, 20, -10, 10), "bilinear"),
    "affine nearest": RandomAffine((-170, 170), shear=30, fill=0.5),
    "rotation": RandomRotation(90, "bilinear"),
    "elastic": ElasticTransform(60.0, 2.0),
    "crop": RandomCrop(6, padding=2),
    "flip": RandomHorizontalFlip(),
    "flip down": RandomVerticalFlip(),
    "noise": GaussianNoise(0.1, 0.3),
    "erasing": RandomErasing(0.7, value=0.3),
    "erasing with noise": RandomErasing(0.7, value="random"),
}
FIXED = {
    "pad": Pad((1, 2, 3, 0), fill=0.5),
    "center": CenterCrop((5, 12)),
    "resize": Resize((5, 7)),
    "normalize": Normalize(0.5, 0.25),
}
ALL = RANDOM | FIXED
each = pytest.mark.parametrize("change", ALL.values(), ids=ALL)
each_random = pytest.mark.parametrize("change", RANDOM.values(), ids=RANDOM)

rng = np.random.default_rng(0)
GRAY = rng.random((5, 9, 8), np.float32)  # five pictures
COLOR = rng.random((5, 3, 9, 8), np.float32)


def seeded(change, pictures, seed=1, batch=False):
    with Stream(seed):
        return change.batch(pictures) if batch else change(pictures)


# --------------------------------------------------------------------------- kinds of pictures


@each
@pytest.mark.parametrize("device", DEVICES)
def test_all_kinds_of_pictures_give_the_same(change, device):
    """(C, H, W), (H, W), a batch of one, Tensors and arrays: the same pixels in the same shape."""
    expected = seeded(change, GRAY[:1, None])
    assert expected.shape[:2] == (1, 1) and expected.dtype == np.float32
    for picture, result in [
        (GRAY[0], expected[0, 0]),
        (GRAY[:1], expected[0]),
        (GRAY[None, :1, None], expected[None]),
        (GRAY[0].T.copy().T, expected[0, 0]),
    ]:
        made = seeded(change, on_device(picture, device))
        assert device_of(made) == device
        np.testing.assert_allclose(plain(made), result, atol=1e-6)
        tensor = seeded(change, Tensor(on_device(picture, device)))
        assert isinstance(tensor, Tensor) and tensor.device == device
        np.testing.assert_array_equal(plain(tensor), plain(made))
    in_batch = seeded(change, on_device(GRAY[:1], device), batch=True)
    np.testing.assert_allclose(plain(in_batch), expected[0], atol=1e-6)


@each
def test_pictures_are_not_changed_themselves(change):
    before = COLOR.copy()
    seeded(change, COLOR)
    seeded(change, COLOR, batch=True)
    assert (COLOR == before).all()


@each_random
def test_every_picture_of_a_batch_draws_its_own(change):
    same = np.repeat(COLOR[:1], 40, axis=0)
    changed = seeded(change, same)
    different = {picture.tobytes() for picture in changed}
    assert len(different) > 1 if isinstance(change, RandomHorizontalFlip) else len(different) > 15
    alike = np.repeat(GRAY[:1, None], 3, axis=1)  # one picture of three equal channels
    if isinstance(change, GaussianNoise) or getattr(change, "value", 0) == "random":
        return
    channels = seeded(change, alike[0])
    assert (channels == channels[:1]).all(), "all channels of a picture move together"


@each_random
def test_batches_and_single_pictures_have_one_distribution(change):
    """Mean and spread of every pixel over many draws agree: by hand 4 standard errors apart."""
    picture, n = COLOR[0, :1], 3000
    batch = seeded(change, np.repeat(picture[None], n, axis=0), batch=True)
    with Stream(2):
        single = np.stack([change(picture) for _ in range(n)])
    assert batch.shape == single.shape
    error = np.sqrt((batch.var(0) + single.var(0)) / n) + 1e-6
    assert (np.abs(batch.mean(0) - single.mean(0)) < 5 * error).all()
    np.testing.assert_allclose(batch.std(0), single.std(0), rtol=0.2, atol=0.02)


@each_random
def test_chance_comes_from_the_stream_or_manual_seed(change):
    first = seeded(change, COLOR, seed=4)
    assert (seeded(change, COLOR, seed=4) == first).all()
    assert (seeded(change, COLOR, seed=5) != first).any()
    manual_seed(9)
    first = change(COLOR)
    manual_seed(9)
    assert (change(COLOR) == first).all()
    copy = pickle.loads(pickle.dumps(change))
    assert (seeded(copy, COLOR) == seeded(change, COLOR)).all()


@each
@pytest.mark.parametrize("dtype", ["uint8", "float16", "float64"])
def test_dtypes_stay(change, dtype):
    pictures = (COLOR * 255).astype(dtype) if dtype == "uint8" else COLOR.astype(dtype)
    if isinstance(change, Normalize) and dtype == "uint8":
        with pytest.raises(TypeError, match="put ToTensor before it"):
            change(pictures)
        return
    assert seeded(change, pictures).dtype == dtype


@each
def test_no_pictures_at_all(change):
    assert seeded(change, COLOR[:0], batch=True).shape[0] == 0


def test_pillow_pictures_and_files_with_channels_last():
    pixels = (rng.random((9, 8, 3)) * 255).astype(np.uint8)
    picture = Image.fromarray(pixels)
    for change in (*RANDOM.values(), FIXED["pad"], FIXED["resize"]):
        channels_first = seeded(change, np.moveaxis(pixels, -1, 0)[None])[0]
        expected = np.moveaxis(channels_first, 0, -1)
        made = seeded(change, picture)
        assert isinstance(made, Image.Image) and made.mode == "RGB"
        np.testing.assert_array_equal(np.asarray(made), expected)
        np.testing.assert_array_equal(seeded(change, pixels), expected)
    gray = seeded(RANDOM["affine"], picture.convert("L"))
    assert gray.mode == "L" and gray.size == (8, 9)


@each
@pytest.mark.parametrize("wrong", ["text", None, 3.0, np.zeros(4), [[1.0]]])
def test_what_is_no_picture_is_said(change, wrong):
    with pytest.raises(TypeError, match="takes pictures"):
        change(wrong)


# ------------------------------------------------------------------------------------- basics


def test_to_tensor_of_every_kind():
    torch = import_torch()
    color = (rng.random((6, 7, 3)) * 255).astype(np.uint8)
    expected = torch.from_numpy(color).permute(2, 0, 1).float().div(255).numpy()
    for picture in (color, Image.fromarray(color), np.moveaxis(color, -1, 0)):
        made = ToTensor()(picture)
        assert isinstance(made, Tensor) and made.dtype == np.float32
        np.testing.assert_array_equal(plain(made), expected)
    batch = np.stack([np.moveaxis(color, -1, 0)] * 2)
    np.testing.assert_array_equal(plain(ToTensor().batch(batch))[1], expected)
    assert ToTensor()(color[..., 0]).shape == (1, 6, 7)
    assert ToTensor().batch(color).shape == (6, 1, 7, 3), "six gray pictures"
    assert ToTensor()(color.astype(np.float64)).dtype == np.float64, "only uint8 is scaled"
    assert ToTensor()(Image.fromarray(color).convert("1")).data.max() == 1.0
    assert ToTensor()(np.zeros((3, 5, 3), np.uint8)).shape == (3, 3, 5), "channels last, if either"
    for wrong in (3, np.zeros(3), np.zeros((2, 3, 4, 5))):
        with pytest.raises(TypeError, match="one picture"):
            ToTensor()(wrong)


def test_normalize_is_pytorch_s():
    torch = import_torch()
    mean, std = (0.1, 0.2, 0.7), (0.5, 0.25, 2.0)
    block = torch.from_numpy(COLOR)
    expected = (block - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None]
    np.testing.assert_array_equal(Normalize(mean, std)(COLOR), expected.numpy())
    mine = COLOR.copy()
    assert Normalize(0.5, 2.0, inplace=True)(mine) is not None
    np.testing.assert_array_equal(mine, (COLOR - np.float32(0.5)) / np.float32(2))
    with pytest.raises(ValueError, match="3 channels"):
        Normalize((0.1, 0.2), 1.0)(COLOR)
    with pytest.raises(ValueError, match="divided by 0"):
        Normalize(0.5, (1.0, 0.0))


def test_compose_and_lambda():
    calls = []
    own = Lambda(lambda x: calls.append(x.shape) or x * 2)
    both = Compose([ToTensor(), own])
    assert not both.batched and Compose([ToTensor(), Pad(1)]).batched
    assert Compose([Lambda(abs, batched=True)]).batched and Compose([]).batched
    assert not Compose([Compose([own]), Pad(1)]).batched and not Compose([abs]).batched
    picture = np.full((4, 4), 255, np.uint8)
    assert both(picture).data.max() == 2.0 and calls == [(1, 4, 4)]
    assert "RandomHorizontalFlip(p=0.5)" in repr(Compose([RandomHorizontalFlip()]))
    with pytest.raises(TypeError, match="transform 1 of Compose"):
        Compose([ToTensor(), "flip"])
    with pytest.raises(TypeError, match="needs a function"):
        Lambda(3)
    with pytest.raises(TypeError, match="needs an apply"):
        Transform()(COLOR)


def test_a_transform_of_ones_own():
    class Invert(Transform):
        def apply(self, pictures, generator):
            assert pictures.ndim == 4 and generator is current_generator()
            return 1 - pictures

    np.testing.assert_array_equal(Invert()(GRAY[0]), 1 - GRAY[0])
    np.testing.assert_array_equal(Compose([Invert(), Invert()]).batch(GRAY), 1 - (1 - GRAY))


# ----------------------------------------------------------------------------------- geometry


@pytest.mark.parametrize("mode", ["constant", "edge", "reflect", "symmetric"])
@pytest.mark.parametrize("padding", [2, (1, 3), (0, 1, 2, 3)])
def test_pad_adds_to_the_sides_that_it_says(padding, mode):
    sides = {2: (2, 2, 2, 2), (1, 3): (1, 3, 1, 3)}.get(padding, padding)
    left, top, right, bottom = sides
    around = ((0, 0), (0, 0), (top, bottom), (left, right))
    options = {"constant_values": 7.0} if mode == "constant" else {}
    expected = np.pad(COLOR, around, mode=mode, **options)
    np.testing.assert_array_equal(Pad(padding, 7, mode)(COLOR), expected)


def test_pad_may_fill_by_channel_and_cut():
    made = Pad(1, fill=(1.0, 2.0, 3.0))(COLOR)
    assert made[0, :, 0, 0].tolist() == [1.0, 2.0, 3.0]
    np.testing.assert_array_equal(Pad((-1, 2, 0, -3))(COLOR)[:, :, 2:], COLOR[:, :, :6, 1:])
    with pytest.raises(ValueError, match="3 channels"):
        Pad(1, fill=(1.0, 2.0))(COLOR)
    for wrong in ("2", 1.5, (1, 2, 3), True):
        with pytest.raises(ValueError, match="padding="):
            Pad(wrong)
    with pytest.raises(ValueError, match="constant, edge, reflect, symmetric"):
        Pad(1, padding_mode="mirror")


def test_crops_are_pieces_of_the_picture():
    same = np.repeat(GRAY[:1, None], 300, axis=0)
    pieces = seeded(RandomCrop((4, 5)), same)
    assert pieces.shape == (300, 1, 4, 5)
    windows = {GRAY[0, i : i + 4, j : j + 5].tobytes(): (i, j) for i in range(6) for j in range(4)}
    found = [windows[piece[0].tobytes()] for piece in pieces]
    assert set(found) == set(windows.values()), "every place, the last ones too"
    padded = seeded(RandomCrop(12, pad_if_needed=True, fill=5), same)
    assert padded.shape == (300, 1, 12, 12) and (padded == 5).any()
    whole = RandomCrop((9, 8))(same)
    assert (whole == same).all()
    with pytest.raises(ValueError, match=r"\(10, 10\) does not fit into a picture \(9, 8\)"):
        RandomCrop(10)(GRAY[0])


@pytest.mark.parametrize(("size", "top", "left"), [(5, 2, 2), ((4, 3), 2, 2), ((9, 8), 0, 0)])
def test_center_crop(size, top, left):
    h, w = (size, size) if isinstance(size, int) else size
    np.testing.assert_array_equal(
        CenterCrop(size)(COLOR), COLOR[:, :, top : top + h, left : left + w]
    )
    assert CenterCrop(11)(COLOR).shape == (5, 3, 11, 11)


def test_flips_turn_around():
    np.testing.assert_array_equal(RandomHorizontalFlip(1.0)(COLOR), COLOR[..., ::-1])
    np.testing.assert_array_equal(RandomVerticalFlip(1.0)(COLOR), COLOR[..., ::-1, :])
    np.testing.assert_array_equal(RandomHorizontalFlip(0.0)(COLOR), COLOR)
    many = seeded(RandomHorizontalFlip(0.3), np.repeat(COLOR[:1], 4000, axis=0))
    share = (many == COLOR[0, :, :, ::-1]).all((1, 2, 3)).mean()
    assert abs(share - 0.3) < 0.03
    with pytest.raises(ValueError, match="p=1.5 is no probability"):
        RandomHorizontalFlip(1.5)


def test_resize_is_pillow_s():
    pixels = (rng.random((9, 8, 3)) * 255).astype(np.uint8)
    picture = Image.fromarray(pixels)
    for size, wanted in [(4, (4, 4)), ((5, 12), (12, 5)), ([6], (6, 6)), (20, (20, 22))]:
        expected = np.asarray(picture.resize(wanted, Image.Resampling.BILINEAR))
        np.testing.assert_array_equal(np.asarray(Resize(size)(picture)), expected)
    floats = Resize((4, 4))(np.moveaxis(pixels, -1, 0).astype(np.float32) / 255)
    small = np.asarray(picture.resize((4, 4), Image.Resampling.BILINEAR))
    np.testing.assert_allclose(floats, np.moveaxis(small, -1, 0) / 255, atol=1 / 255)
    with pytest.raises(ValueError, match="nearest, bilinear"):
        Resize(4, "cubic")
    with pytest.raises(ValueError, match="size=0"):
        Resize(0)


# --------------------------------------------------------------------------------- in between


def matrix_of(angle, translate, scale, shear, center, size):
    """torchvision's affine as a matrix forward: T(center) turn shear scale T(-center)."""
    h, w = size
    turn, shear_x, shear_y = (math.radians(d) for d in (angle, *shear))

    def move(x, y):
        return np.array([[1, 0, x], [0, 1, y], [0, 0, 1.0]])

    rotation = np.array(
        [[math.cos(turn), -math.sin(turn), 0], [math.sin(turn), math.cos(turn), 0], [0, 0, 1]]
    )
    along_y = np.array([[1, 0, 0], [-math.tan(shear_y), 1, 0], [0, 0, 1]])
    along_x = np.array([[1, -math.tan(shear_x), 0], [0, 1, 0], [0, 0, 1]])
    grow = np.diag([scale, scale, 1.0])
    middle = ((w - 1) / 2, (h - 1) / 2) if center is None else (center[0] - 0.5, center[1] - 0.5)
    there = move(*translate) @ move(*middle) @ rotation @ along_y @ along_x @ grow
    return there @ move(-middle[0], -middle[1])


@pytest.mark.parametrize("interpolation", ["bilinear", "nearest"])
@pytest.mark.parametrize("seed", range(12))
def test_affine_is_pytorch_s_grid_sample_of_the_inverse(seed, interpolation):
    torch = import_torch()
    draw = np.random.default_rng(seed)
    h, w = draw.integers(2, 30, 2)
    pictures = draw.random((3, 2, h, w))
    angle, scale = draw.uniform(-180, 180, 3), draw.uniform(0.5, 2, 3)
    shift, shear = draw.integers(-5, 6, (2, 3)), draw.uniform(-50, 50, (2, 3))
    center = None if seed % 2 else draw.uniform(0, 9, 2)
    ours = affine(pictures, angle, shift, scale, shear, interpolation, 0.0, center)
    ys, xs = np.mgrid[:h, :w]
    for n in range(3):
        forward = matrix_of(angle[n], shift[:, n], scale[n], shear[:, n], center, (h, w))
        x, y, _ = np.linalg.inv(forward) @ np.stack([xs, ys, np.ones_like(xs)]).reshape(3, -1)
        grid = np.stack([(2 * x + 1) / w - 1, (2 * y + 1) / h - 1], -1).reshape(1, h, w, 2)
        theirs = torch.nn.functional.grid_sample(
            torch.from_numpy(pictures[n : n + 1]), torch.from_numpy(grid),
            mode=interpolation, padding_mode="zeros", align_corners=False,
        )[0].numpy()  # fmt: skip
        np.testing.assert_allclose(ours[n], theirs, atol=1e-9)


def test_affine_by_eye():
    """One bright pixel, moved about: each argument goes the way that its name says."""
    picture = np.zeros((1, 5, 5), np.float32)
    picture[0, 1, 3] = 1  # right of and above the middle

    def bright(**options):
        (place,) = np.argwhere(affine(picture[None], **options)[0, 0] > 0.5)
        return tuple(int(i) for i in place)

    assert bright(translate=(1, 0)) == (1, 4), "to the right"
    assert bright(translate=(0, 1)) == (2, 3), "down"
    assert bright(angle=90) == (3, 3), "clockwise"
    assert bright(scale=2.0) == (0, 4), "away from the middle"
    turned = seeded(RandomRotation((90, 90)), picture)[0]
    np.testing.assert_array_equal(turned, np.rot90(picture[0]), "counterclockwise")


def test_affine_draws_within_its_ranges():
    change = RandomAffine(0, translate=(0.25, 0.5), interpolation="nearest")
    picture = np.zeros((400, 1, 9, 9), np.float32)
    picture[:, 0, 4, 4] = 1
    places = np.argwhere(seeded(change, picture)[:, 0] > 0)[:, 1:] - 4
    assert set(places[:, 1].tolist()) == {-2, -1, 0, 1, 2}, "whole pixels, to 0.25 of the width"
    assert set(places[:, 0].tolist()) == {-4, -3, -2, -1, 0, 1, 2, 3, 4}
    same = seeded(RandomAffine(0), COLOR)
    np.testing.assert_array_equal(same, COLOR)


def test_what_lies_outside_is_filled():
    ones = np.ones((2, 3, 6, 6), np.float32)
    for interpolation in ("nearest", "bilinear"):
        made = affine(ones, 45, scale=0.5, interpolation=interpolation, fill=(0.0, 5.0, -1.0))
        assert made[0, :, 0, 0].tolist() == [0.0, 5.0, -1.0] and made[0, 1, 3, 3] == 1
        assert made[:, 1].min() >= 1 and made[:, 1].max() == 5
    far = affine(ones, 0, translate=(1000, -1000), interpolation="bilinear", fill=2)
    assert (far == 2).all()


def test_uint8_is_rounded_and_large_batches_are_cut():
    pictures = (rng.random((40, 3, 50, 60)) * 255).astype(np.uint8)
    angle = rng.uniform(-90, 90, 40)
    exact = affine(pictures.astype(np.float64), angle, interpolation="bilinear")
    made = affine(pictures, angle, interpolation="bilinear")
    assert made.dtype == np.uint8 and np.abs(made - exact).max() < 0.501


def test_elastic_smooths_noise_by_a_gaussian_and_shifts_by_it():
    torch = import_torch()
    sigma, size = 2.0, 17
    line = torch.from_numpy(rng.random((1, 1, size)))
    reach = (int(8 * sigma + 1) | 1) // 2
    weights = torch.exp(-(torch.arange(-reach, reach + 1.0) ** 2) / (2 * sigma**2)).double()
    mirrored = torch.nn.functional.pad(line, (reach, reach), mode="reflect")
    expected = torch.nn.functional.conv1d(mirrored, (weights / weights.sum())[None, None])
    np.testing.assert_allclose(
        gaussian(size, sigma) @ line[0, 0].numpy(), expected[0, 0], rtol=1e-5
    )
    np.testing.assert_allclose(gaussian(3, 5.0).sum(1), 1, rtol=1e-5)
    assert (gaussian(4, 0.0) == np.eye(4)).all()

    still = seeded(ElasticTransform(0.0), COLOR)
    np.testing.assert_array_equal(still, COLOR)
    ramp = np.broadcast_to(np.arange(40.0, dtype=np.float32), (200, 1, 40, 40)).copy()
    shift = (seeded(ElasticTransform(34.0, 4.0), ramp) - ramp)[:, 0, 10:30, 10:30]
    noise = 1 / math.sqrt(3) / (2 * math.sqrt(math.pi) * 4)  # spread of noise after smoothing
    assert abs(shift.std() / (noise * 17) - 1) < 0.1 and abs(shift.mean()) < 0.1
    across = seeded(ElasticTransform((0.0, 50.0), 3.0), ramp)[:, :, 12:28]
    np.testing.assert_allclose(across, ramp[:, :, 12:28], atol=1e-3)


def test_read_at_whole_places_is_indexing():
    x, y = rng.integers(0, 8, (5, 4, 4)), rng.integers(0, 9, (5, 4, 4))
    expected = COLOR[np.arange(5)[:, None, None], :, y, x]
    for way in ("nearest", "bilinear"):
        made = read_at(COLOR, x.astype(np.float32), y.astype(np.float32), way, 0)
        np.testing.assert_array_equal(made, np.moveaxis(expected, -1, 1))


# -------------------------------------------------------------------------------------- noise


def test_noise_has_the_spread_that_it_says():
    flat = np.full((50, 1, 30, 30), 0.5, np.float32)
    noise = seeded(GaussianNoise(0.1, 0.05), flat) - flat
    assert abs(noise.mean() - 0.1) < 0.002 and abs(noise.std() - 0.05) < 0.002
    assert seeded(GaussianNoise(sigma=3.0), flat).max() == 1.0
    assert seeded(GaussianNoise(sigma=3.0, clip=False), flat).max() > 2
    bytes_ = np.full((50, 1, 30, 30), 128, np.uint8)
    made = seeded(GaussianNoise(0.0, 0.05), bytes_).astype(float)
    assert abs(made.mean() - 128) < 0.5 and abs(made.std() - 0.05 * 255) < 0.5
    with pytest.raises(ValueError, match="sigma=-1"):
        GaussianNoise(sigma=-1)
    with pytest.raises(TypeError, match="not int64"):
        GaussianNoise()(np.zeros((4, 4), np.int64))


def test_erasing_paints_rectangles():
    ones = np.ones((2000, 2, 20, 30), np.float32)
    made = seeded(RandomErasing(0.8, scale=(0.1, 0.2), ratio=(0.5, 2.0), value=(3.0, 4.0)), ones)
    erased = made[:, 0] == 3
    assert (erased == (made[:, 1] == 4)).all()
    chosen = erased.any((1, 2))
    assert abs(chosen.mean() - 0.8) < 0.04
    rows, columns = erased.any(2).sum(1)[chosen], erased.any(1).sum(1)[chosen]
    area = erased.sum((1, 2))[chosen]
    assert (area == rows * columns).all(), "a rectangle without holes"
    shares, ratios = area / 600, rows / columns
    assert 0.08 < shares.min() and shares.max() < 0.22 and abs(shares.mean() - 0.15) < 0.01
    assert 0.4 < ratios.min() and ratios.max() < 2.4
    corners = made[:, 0][:, [0, 0, -1, -1], [0, -1, 0, -1]] == 3
    assert corners.any(0).all(), "up to every corner"
    for wrong in ({"p": -1}, {"scale": (0.3, 0.2)}, {"ratio": (0, 1)}, {"value": "noise"}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            RandomErasing(**wrong)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"degrees": -1}, "degrees=-1"),
        ({"degrees": (1, 2, 3)}, "degrees="),
        ({"degrees": 0, "translate": (0.5, 2)}, "translate="),
        ({"degrees": 0, "translate": (0.5,)}, "translate="),
        ({"degrees": 0, "scale": (0, 1)}, "scale="),
        ({"degrees": 0, "shear": (1, 2, 3)}, "2 or 4"),
        ({"degrees": 0, "interpolation": "cubic"}, "nearest, bilinear"),
        ({"degrees": 0, "center": 3}, "center="),
    ],
)
def test_arguments_of_affine_that_make_no_sense(options, words):
    with pytest.raises(ValueError) as caught:
        RandomAffine(**options)
    assert words in str(caught.value)
