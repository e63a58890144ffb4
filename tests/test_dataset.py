"""Data sets as PyTorch has them: TensorDataset, Subset, ConcatDataset, random_split, folders."""

import os
import pickle
import shutil
import threading
import zipfile
from pathlib import Path

import numpy as np
import pytest
from helpers import DEVICES, import_torch, on_device, plain

from hello_dl import Tensor, manual_seed
from hello_dl.data import (
    ConcatDataset,
    DataLoader,
    Dataset,
    ImageFolder,
    Subset,
    TensorDataset,
    random_split,
    transforms,
)
from hello_dl.data.dataset import get_items
from hello_dl.data.sources import DataError

# ------------------------------------------------------------------------------ TensorDataset


@pytest.mark.parametrize("device", DEVICES)
def test_a_tensor_data_set_gives_rows(device):
    x, y = np.arange(12.0).reshape(6, 2), np.arange(6)
    data = TensorDataset(*on_device((x, y), device))
    assert len(data) == 6
    for index in (0, 5, -1, slice(1, 4), [2, 0]):
        for part, whole in zip(data[index], (x, y), strict=True):
            np.testing.assert_array_equal(plain(part), whole[index])
    batch = data.__getitems__([5, 0, 5])
    np.testing.assert_array_equal(plain(batch[0]), x[[5, 0, 5]])
    for wrong in ([6], [-7]):
        with pytest.raises(IndexError):
            data.__getitems__(wrong)
    with pytest.raises(IndexError):
        data[6]
    assert [int(plain(sample[1])) for sample in data] == list(range(6)), "a for loop ends"


def test_tensors_stay_tensors_and_lists_become_them():
    data = TensorDataset(Tensor([[1.0], [2.0]]), [3.0, 4.0])
    x, y = data[1]
    assert isinstance(x, Tensor) and isinstance(y, Tensor) and y.item() == 4
    assert data.tensors[0].shape == (2, 1)


def test_parts_that_do_not_belong_together():
    with pytest.raises(ValueError, match=r"\(3, 2\), \(4,\)"):
        TensorDataset(np.zeros((3, 2)), np.zeros(4))
    with pytest.raises(ValueError, match="at least one"):
        TensorDataset()
    with pytest.raises(ValueError, match="axis 0"):
        TensorDataset(np.float32(3))


def test_transforms_of_samples_and_of_batches_are_the_same():
    images = np.random.default_rng(0).integers(0, 256, (8, 2, 5, 6), dtype=np.uint8)
    change = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.1, 0.5), 0.3)])
    data = TensorDataset(images, np.arange(8), transform=change)
    batch = data.__getitems__([3, 1])
    assert isinstance(batch, tuple), "a whole batch at once"
    for i, n in enumerate([3, 1]):
        np.testing.assert_array_equal(plain(batch[0])[i], plain(data[n][0]))
        assert data[n][0].shape == (2, 5, 6)
    np.testing.assert_array_equal(plain(data[2:4][0]), plain(data.__getitems__([2, 3])[0]))
    gray = transforms.ToTensor()
    one_by_one = TensorDataset(
        images[:, :1], np.arange(8), transform=lambda x: gray(x), target_transform=str
    )
    samples = one_by_one.__getitems__([0, 7])
    assert isinstance(samples, list) and [target for _, target in samples] == ["0", "7"]
    x, y = next(iter(DataLoader(one_by_one, 3)))
    assert x.shape == (3, 1, 5, 6) and y == ["0", "1", "2"]


# --------------------------------------------------------------------- Subset, Concat, split


def test_subsets_and_sums_are_pytorch_s():
    torch = import_torch()
    theirs = torch.utils.data
    a, b = list(range(10, 15)), list(range(20, 23))
    ours, other = ConcatDataset([a, b, a]), theirs.ConcatDataset([a, b, a])
    assert len(ours) == len(other) == 13 and ours.cumulative_sizes == other.cumulative_sizes
    assert [ours[i] for i in range(-13, 13)] == [other[i] for i in range(-13, 13)]
    for wrong in (13, -14):
        with pytest.raises(IndexError, match="13 samples"):
            ours[wrong]
    part = Subset(ours, [12, 0, 5])
    assert list(part) == [14, 10, 20] and len(part) == 3 and part[-1] == 20
    assert get_items(Subset(part, [2, 1]), [0, 1]) == [20, 10]
    x = TensorDataset(np.arange(4))
    both = x + x
    assert isinstance(both, ConcatDataset) and both[5][0] == 1
    assert plain(Subset(x, [3, 1])[[1, 0]][0]).tolist() == [1, 3]


def test_each_part_of_a_sum_is_asked_once():
    class Counting(TensorDataset):
        asked = 0

        def __getitems__(self, indices):
            type(self).asked += 1
            return super().__getitems__(indices)

    parts = ConcatDataset([Counting(np.arange(5) * 10, np.arange(5)) for _ in range(3)])
    x, y = next(iter(DataLoader(parts, 15, shuffle=True)))
    assert Counting.asked == 3
    np.testing.assert_array_equal(plain(x), plain(y) * 10)
    assert sorted(plain(y).tolist()) == sorted([*range(5)] * 3)


class Loud(Subset):
    def __getitem__(self, i):
        return super().__getitem__(i) + 100


def test_a_subset_that_overrides_getitem_is_not_passed_over():
    assert get_items(Loud([1, 2, 3], [2, 0]), [0, 1]) == [103, 101]
    assert next(iter(DataLoader(Loud([1, 2, 3], [2, 0]), 2))).data.tolist() == [103, 101]


@pytest.mark.parametrize(
    ("n", "lengths"),
    [(10, [3, 7]), (10, [0.5, 0.5]), (10, [0.3, 0.3, 0.4]), (11, [0.5, 0.25, 0.25]), (7, [1.0]),
     (5, [0.1, 0.2, 0.7]), (10, [10, 0]), (29, [1 / 3, 1 / 3, 1 / 3])],
)  # fmt: skip
def test_random_split_is_pytorch_s(n, lengths):
    torch = import_torch()
    parts = random_split(range(n), lengths, generator=1)
    theirs = torch.utils.data.random_split(range(n), lengths)
    assert [len(part) for part in parts] == [len(part) for part in theirs]
    assert sorted(i for part in parts for i in part) == list(range(n))
    again = random_split(range(n), lengths, generator=1)
    assert [list(part) for part in again] == [list(part) for part in parts]


def test_random_split_follows_manual_seed_and_refuses_nonsense():
    manual_seed(3)
    first = list(random_split(range(20), [10, 10])[0])
    assert list(random_split(range(20), [10, 10])[0]) != first
    manual_seed(3)
    assert list(random_split(range(20), [10, 10])[0]) == first
    for lengths, words in [
        ([3, 4], "sum to 7, not to the 10"),
        ([0.5, 0.4], "0.5 makes no sense"),
        ([-1, 11], "-1 makes no sense"),
        ([1.5, -0.5], "must be between 0 and 1"),
    ]:
        with pytest.raises(ValueError, match=words):
            random_split(range(10), lengths)
    with pytest.warns(UserWarning, match="part 1 of the split has no samples"):
        random_split(range(1), [0.9, 0.1])


def test_what_is_not_there_is_said():
    with pytest.raises(ValueError, match="at least one"):
        ConcatDataset([])
    with pytest.raises(TypeError, match="Mine needs a __getitem__"):
        type("Mine", (Dataset,), {})()[0]


# -------------------------------------------------------------------------------- ImageFolder


def draw(path, color, size=(6, 5)):
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, color).save(path)


@pytest.fixture
def folder(tmp_path):
    """Two classes of two pictures; further things that folders have in them."""
    root = tmp_path / "pets"
    for i, kind in enumerate(["dog", "cat"]):
        for n in range(2):
            draw(root / kind / f"{n}.png", (100 * i + n, n, 7))
    draw(root / "cat" / "kittens" / "9.BMP", (1, 2, 3))
    (root / "dog" / "notes.txt").write_text("not a picture")
    (root / "README.md").write_text("neither")
    draw(root / ".thumbs" / "0.png", (9, 9, 9))
    draw(root / "cat" / "._0.png", (9, 9, 9))
    return root


def zipped(folder, inner=""):
    """The same files in a zip, below a folder `inner`."""
    path = folder.parent / "pets.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, Path(inner) / file.relative_to(folder))
        archive.writestr("__MACOSX/cat/0.png", b"what macOS adds")
    return path


def placements(folder):
    yield ImageFolder(folder)
    yield ImageFolder(str(folder))
    yield ImageFolder(zipped(folder))
    yield ImageFolder(zipped(folder, "a/b"), folder="a/b")
    yield ImageFolder(zipped(folder, "a/b") / "a" / "b")
    yield ImageFolder(f"{zipped(folder, 'a/b')}/a", folder="b/")


def test_a_folder_of_pictures_and_a_zip_of_them(folder):
    for data in placements(folder):
        assert data.classes == ["cat", "dog"] and data.class_to_idx == {"cat": 0, "dog": 1}
        assert len(data) == 5 and data.targets == [0, 0, 0, 1, 1]
        endings = [path.replace(os.sep, "/").rpartition("cat")[2] for path, _ in data.samples[:3]]
        assert endings == ["/0.png", "/1.png", "/kittens/9.BMP"]
        picture, target = data[3]
        assert (picture.size, picture.mode, target) == ((6, 5), "RGB", 1)
        assert [data.picture(i).getpixel((0, 0)) for i in range(5)] == [
            (100, 0, 7), (101, 1, 7), (1, 2, 3), (0, 0, 7), (1, 1, 7),
        ]  # fmt: skip
        assert "5 pictures, 2 classes" in repr(data)


def test_folders_are_torchvision_s(folder):
    torchvision = pytest.importorskip("torchvision")
    shutil.rmtree(folder / ".thumbs")
    (folder / "cat" / "._0.png").unlink()
    ours, theirs = ImageFolder(folder), torchvision.datasets.ImageFolder(folder)
    assert ours.samples == theirs.samples and ours.class_to_idx == theirs.class_to_idx


def test_pictures_go_through_transforms_one_by_one_and_in_batches(folder):
    change = transforms.Compose([transforms.RandomHorizontalFlip(), transforms.ToTensor()])
    data = ImageFolder(folder, transform=change)
    x, y = next(iter(DataLoader(data, 5)))
    assert x.shape == (5, 3, 5, 6) and x.dtype == np.float32 and y.data.tolist() == [0, 0, 0, 1, 1]
    for i in range(5):
        np.testing.assert_array_equal(plain(data[i][0]), plain(x)[i])
    own = ImageFolder(folder, transform=lambda p: p.size, target_transform=lambda t: -t)
    assert own[4] == ((6, 5), -1)
    negative = ImageFolder(folder, transform=change, target_transform=lambda t: -t)
    assert next(iter(DataLoader(negative, 5)))[1].data.tolist() == [0, 0, 0, -1, -1]
    gray = ImageFolder(folder, transform=transforms.ToTensor(), mode="L")
    assert next(iter(DataLoader(gray, 2)))[0].shape == (2, 1, 5, 6)


def test_pictures_of_several_sizes(folder):
    draw(folder / "dog" / "2.png", (0, 0, 0), size=(9, 4))
    with pytest.raises(ValueError, match=r"differ in shape, \(3, 5, 6\) at 0 and \(3, 4, 9\) at 5"):
        next(iter(DataLoader(ImageFolder(folder, transform=transforms.ToTensor()), 6)))
    change = transforms.Compose([transforms.Resize((3, 3)), transforms.ToTensor()])
    assert next(iter(DataLoader(ImageFolder(folder, change), 6)))[0].shape == (6, 3, 3, 3)
    with pytest.raises(TypeError, match=r"transform=ToTensor\(\)"):
        next(iter(DataLoader(ImageFolder(folder), 2)))


@pytest.mark.parametrize("packed", [False, True], ids=["folder", "zip"])
@pytest.mark.parametrize(
    "content", [b"", b"no picture at all", b"\x89PNG\r\n\x1a\n cut"], ids=["empty", "text", "cut"]
)
def test_a_picture_that_is_damaged_is_named(content, packed, folder):
    (folder / "dog" / "1.png").write_bytes(content)
    data = ImageFolder(zipped(folder) if packed else folder, transforms.ToTensor())
    for ask in (lambda: data[4], lambda: list(DataLoader(data, 5, num_workers=1))):
        with pytest.raises(DataError) as caught:
            ask()
        told = str(caught.value)
        assert "\n" not in told and "BytesIO" not in told and " at 0x" not in told
        where = "pets.zip/dog/1.png" if packed else os.path.join("pets", "dog", "1.png")
        assert where in told and "cannot be read as a picture" in told


def test_a_truncated_picture_and_a_damaged_zip_are_named(folder):
    path = folder / "cat" / "2.jpg"
    from PIL import Image

    noise = np.random.default_rng(0).integers(0, 256, (60, 60, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(DataError, match="2.jpg cannot be read as a picture.*truncated"):
        ImageFolder(folder)[2]
    archive = zipped(folder)
    content = bytearray(archive.read_bytes())
    place = content.index(b"dog/0.png") + len("dog/0.png") + 60
    content[place] ^= 255
    archive.write_bytes(content)
    with pytest.raises(DataError, match="dog/0.png cannot be read as a picture"):
        ImageFolder(archive).picture(4)
    archive.write_bytes(content[:200])
    with pytest.raises(DataError, match="pets.zip is no zip file"):
        ImageFolder(archive)


def test_folders_without_pictures(folder, tmp_path):
    with pytest.raises(DataError, match="there is no folder"):
        ImageFolder(tmp_path / "nowhere")
    with pytest.raises(DataError, match="no zip file"):
        ImageFolder(folder / "README.md")
    (folder / "bird").mkdir()
    for data in (folder, zipped(folder)):
        with pytest.raises(DataError, match="bird' is no folder of pictures"):
            ImageFolder(data)
    with pytest.raises(DataError, match="none/?' holds no folders of pictures"):
        ImageFolder(zipped(folder), folder="none")
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(DataError, match="root/CLASS/name, ending in .jpg"):
        ImageFolder(empty)


def test_a_zip_is_shared_by_threads_and_opened_anew_in_processes(folder):
    data = ImageFolder(zipped(folder), transform=transforms.ToTensor())
    data[0]  # opened here, before the processes are split off
    expected = [plain(data[i][0]) for i in range(5)]
    for options in (
        {"num_workers": 3},
        {"num_workers": 2, "worker": "process"},
        {"num_workers": 1, "multiprocessing_context": "spawn"},
    ):
        for n, (x, _) in enumerate(DataLoader(data, 1, **options)):
            np.testing.assert_array_equal(plain(x)[0], expected[n])
    copy = pickle.loads(pickle.dumps(data))
    np.testing.assert_array_equal(plain(copy[4][0]), expected[4])

    wrong = []

    def read_all():
        for n in range(100):
            if not np.array_equal(plain(data[n % 5][0]), expected[n % 5]):
                wrong.append(n)

    threads = [threading.Thread(target=read_all) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
