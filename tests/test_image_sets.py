"""Sets of pictures and texts, out of files made here: MNIST and its likes, EMNIST, CIFAR-10."""

import gzip
import hashlib
import io
import os
import pickle
import struct
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers import plain
from test_data_sources import CONTENT, FILE, PACKED, fault, server  # noqa: F401

from hello_dl.data import (
    CIFAR10,
    EMNIST,
    MNIST,
    DataLoader,
    FashionMNIST,
    ImageSet,
    cifar,
    emnist,
    load_names,
    load_python_topics,
    load_shakespeare,
    load_text,
    mirrors,
    mnist,
    sources,
    transforms,
)
from hello_dl.data.catalog import datasets
from hello_dl.data.sources import DataError, Source, UnavailableError, bring, check, find, read

REAL = Path(os.environ.get("HELLO_DL_DATA") or "nowhere").resolve()
needs_data = pytest.mark.skipif(not REAL.is_dir(), reason="no folder with data: HELLO_DL_DATA")
rng = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def clean_room(tmp_path, monkeypatch):
    """No variable, folder or cache of this machine reaches a test; nothing is downloaded."""
    monkeypatch.delenv("HELLO_DL_DATA", raising=False)
    monkeypatch.setenv("HELLO_DL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(sources, "__file__", str(tmp_path / "site" / "hello_dl" / "data" / "x.py"))
    monkeypatch.setattr(sources, "transfer", lambda *_: pytest.fail("asked the network"))
    (tmp_path / "room").mkdir()
    monkeypatch.chdir(tmp_path / "room")


def idx(array):
    """An IDX file of bytes."""
    sizes = struct.pack(f">{array.ndim}I", *array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.astype(np.uint8).tobytes()


def known_as(source, content, packed):
    """The source as if this were the right content."""
    whole = packed if source.packed else content
    return replace(source, sha256=hashlib.sha256(whole).hexdigest(), size=len(whole))


# ------------------------------------------------------------------------ MNIST and its likes


def make_halves(monkeypatch, folder, kind, count=7):
    """Write small files of MNIST or Fashion-MNIST and make the library believe in them."""
    made = {}
    names = ("TRAIN_IMAGES", "TRAIN_LABELS", "TEST_IMAGES", "TEST_LABELS")
    pairs = [(mnist, name) for name in names]
    if kind is FashionMNIST:
        pairs = [(True, 0), (True, 1), (False, 0), (False, 1)]
    for n, (where, name) in enumerate(pairs):
        shape = (count + n // 2, 28, 28)
        array = rng.integers(0, 256, shape) if n % 2 == 0 else rng.integers(0, 10, shape[:1])
        content = idx(array)
        packed = gzip.compress(content)
        source = getattr(where, name) if kind is MNIST else mnist.FASHION[where][name]
        wanted = known_as(source, content, packed)
        if kind is MNIST:
            monkeypatch.setattr(where, name, wanted)
        else:
            pair = list(mnist.FASHION[where])
            pair[name] = wanted
            monkeypatch.setitem(mnist.FASHION, where, tuple(pair))
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{wanted.name}.gz").write_bytes(packed)
        made[n] = array.astype(np.uint8)
    return made


@pytest.mark.parametrize("kind", [MNIST, FashionMNIST])
def test_digits_and_clothing_are_arrays_and_data_sets(kind, monkeypatch, tmp_path):
    inner = "mnist" if kind is MNIST else "FashionMNIST/raw"
    made = make_halves(monkeypatch, tmp_path / "d" / inner, kind)
    train, test = kind(tmp_path / "d"), kind(tmp_path / "d", train=False)
    for data, images, targets in ((train, made[0], made[1]), (test, made[2], made[3])):
        np.testing.assert_array_equal(data.images, images)
        np.testing.assert_array_equal(data.targets, targets)
        assert data.images.dtype == np.uint8 and data.targets.dtype == np.int64
        assert len(data) == len(images) and len(data.classes) == 10
        assert data.where == str(tmp_path / "d" / inner) and data.note == ""
        image, target = data[2]
        assert (image == images[2]).all() and target == targets[2]
    assert train.class_to_idx[train.classes[9]] == 9
    assert train.classes[9] == ("9" if kind is MNIST else "Ankle boot")
    assert repr(train).startswith(f"{kind.__name__}(7 pictures of 28 x 28, 10 classes, from ")
    with_transform = kind(tmp_path / "d", transform=transforms.ToTensor())
    x, y = next(iter(DataLoader(with_transform, 4)))
    assert x.shape == (4, 1, 28, 28) and x.dtype == np.float32
    np.testing.assert_array_equal(plain(x)[:, 0], made[0][:4] / np.float32(255))
    assert with_transform[0][0].shape == (1, 28, 28)


def test_fashion_is_not_taken_for_mnist(monkeypatch, tmp_path):
    """The files have the same names: at the top of a usual folder they are MNIST's."""
    room = tmp_path / "room" / "data"
    make_halves(monkeypatch, room, MNIST)
    assert MNIST(download=False).where == "data"
    assert find(mnist.FASHION[True][0]) is None
    assert "is in none of these" in fault(FashionMNIST, download=False)
    made = make_halves(monkeypatch, room / "fashion-mnist", FashionMNIST)
    np.testing.assert_array_equal(FashionMNIST(download=False).images, made[0])
    make_halves(monkeypatch, tmp_path / "named", FashionMNIST)
    assert len(FashionMNIST(tmp_path / "named")) == 7, "a folder that was named is another thing"


def test_a_packed_file_is_known_by_its_own_sum(monkeypatch, tmp_path):
    folder = tmp_path / "fashion"
    make_halves(monkeypatch, folder, FashionMNIST)
    wanted = mnist.FASHION[True][0]
    path = folder / "train-images-idx3-ubyte.gz"
    good = path.read_bytes()
    check(wanted, path)
    assert read(wanted, path) == gzip.decompress(good)
    flipped = bytearray(good)
    flipped[-20] ^= 1
    for content, words in [
        (bytes(flipped), "the SHA-256 of the file is"),
        (good[:-1], "truncated"),
        (good + b"x", "not what it should be"),
        (b"<html>" + good[6:], "a web page"),
        (b"", "truncated"),
    ]:
        path.write_bytes(content)
        for look in (check, read):
            assert words in fault(look, wanted, path)
    path.unlink()
    assert "cannot be read" in fault(check, wanted, path)
    (folder / wanted.name).write_bytes(gzip.decompress(good))
    assert find(wanted, folder) is None, "the sum of the unpacked bytes is not known"


def test_what_is_not_in_the_named_folder_is_downloaded_into_it(server, monkeypatch, tmp_path):  # noqa: F811
    monkeypatch.setattr(sources, "transfer", mirrors.transfer)
    monkeypatch.setenv("no_proxy", "*")
    wanted = Source(FILE, "specks", (f"{server.address}/good/{FILE}.gz",), "", 0)
    wanted = known_as(wanted, CONTENT, PACKED)
    for folder in (tmp_path / "new", tmp_path / "there"):
        if folder.name == "there":
            folder.mkdir()
        told = fault(bring, wanted, folder, online=False)
        assert str(folder) in told and ("download=True" in told or "cannot be read" in told)
        path = bring(wanted, folder)
        assert path == folder / "specks" / f"{FILE}.gz" and path.read_bytes() == PACKED
        assert bring(wanted, folder, online=False) == path
    whole = replace(
        wanted, packed=True, sha256=hashlib.sha256(PACKED).hexdigest(), size=len(PACKED)
    )
    assert bring(whole, tmp_path / "whole").read_bytes() == PACKED
    elsewhere = replace(whole, mirrors=(f"{server.address}/elsewhere/{FILE}.gz",))
    assert "SHA-256 of the file" in fault(bring, elsewhere, tmp_path / "else")


# --------------------------------------------------------------------------------------- EMNIST

GOLDEN = [  # an F as NIST has it: transposed, so rows run down
    "########",
    "#..#....",
    "#..#....",
    "#.......",
]


def golden():
    """A picture (28, 28) with an F in it as it is stored, and as it is written."""
    stored = np.zeros((28, 28), np.uint8)
    stored[5:9, 5:13] = [[255 * (c == "#") for c in line] for line in GOLDEN]
    return stored


@pytest.fixture
def archive(monkeypatch, tmp_path):
    """An archive as NIST's, with three pictures in each half of two splits."""

    def make(letters=(1, 6, 26), balanced=(0, 15, 46), inner="gzip/"):
        path = tmp_path / "d" / "emnist" / "gzip.zip"
        path.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(path, "w") as file:
            for split, labels in (("letters", letters), ("balanced", balanced)):
                for half in ("train", "test"):
                    start = f"{inner}emnist-{split}-{half}"
                    images = np.stack([golden()] * len(labels))
                    file.writestr(f"{start}-images-idx3-ubyte.gz", gzip.compress(idx(images)))
                    labels_file = gzip.compress(idx(np.array(labels)))
                    file.writestr(f"{start}-labels-idx1-ubyte.gz", labels_file)
        content = path.read_bytes()
        monkeypatch.setattr(emnist, "ARCHIVE", known_as(emnist.ARCHIVE, content, content))
        return path

    return make


def test_emnist_is_upright_and_its_letters_begin_with_0(archive, tmp_path):
    archive()
    data = EMNIST(tmp_path / "d", "letters")
    assert data.targets.tolist() == [0, 5, 25] and [data.classes[t] for t in data.targets] == [
        *"afz"
    ]
    f = data.images[1][5:13, 5:9] > 0
    written = ["".join(".#"[int(dot)] for dot in row) for row in f]
    assert written == ["####", "#...", "#...", "###.", "#...", "#...", "#...", "#..."]
    assert data.images.flags.c_contiguous and data.split == "letters"
    assert len(EMNIST(tmp_path / "d", "letters", train=False)) == 3


def test_emnist_has_the_classes_of_each_split(archive, tmp_path):
    archive(inner="")
    data = EMNIST(tmp_path / "d")
    assert data.targets.tolist() == [0, 15, 46] and [data.classes[t] for t in data.targets] == [
        *"0Ft"
    ]
    sizes = {split: len(names) for split, names in emnist.CLASSES.items()}
    assert sizes == {
        "byclass": 62, "bymerge": 47, "balanced": 47, "letters": 26, "digits": 10, "mnist": 10,
    }  # fmt: skip
    with pytest.raises(ValueError, match="byclass, bymerge, balanced, letters, digits, mnist"):
        EMNIST(tmp_path / "d", "capitals")


def test_emnist_classes_are_torchvision_s():
    torchvision = pytest.importorskip("torchvision")
    theirs = torchvision.datasets.EMNIST.classes_split_dict
    for split, names in emnist.CLASSES.items():
        assert list(names) == [name for name in theirs[split] if name != "N/A"]


def test_an_emnist_archive_that_is_not_right(archive, monkeypatch, tmp_path):
    archive(letters=(0, 1, 2))
    assert "letter numbered 0" in fault(EMNIST, tmp_path / "d", "letters")
    archive(letters=(1, 2, 27))
    assert "reach 26, not 0 to 25" in fault(EMNIST, tmp_path / "d", "letters")
    path = archive()
    assert "is damaged" in fault(EMNIST, tmp_path / "d", "digits"), "no such member"
    path.write_bytes(path.read_bytes()[:-30] + bytes(30))
    assert "SHA-256" in fault(EMNIST, tmp_path / "d", "letters")
    content = path.read_bytes()
    monkeypatch.setattr(emnist, "ARCHIVE", known_as(emnist.ARCHIVE, content, content))
    assert f"{path} is damaged" in fault(EMNIST, tmp_path / "d", "letters")


# ------------------------------------------------------------------------------------- CIFAR-10


def make_cifar(monkeypatch, folder, **instead):
    """Write an archive as Toronto's, two pictures in each batch."""
    folder.mkdir(parents=True, exist_ok=True)
    batches = {}
    for name in [*(f"data_batch_{i}" for i in (3, 1, 2, 5, 4)), "test_batch"]:
        rows = rng.integers(0, 256, (2, 3072)).astype(np.uint8)
        batches[name] = {"data": rows, "labels": [int(i) for i in rng.integers(0, 10, 2)]}
    path = folder / "cifar-10-python.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name, batch in (batches | instead).items():
            content = batch if isinstance(batch, bytes) else pickle.dumps(batch, protocol=4)
            if batch is None:
                continue
            about = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            about.size = len(content)
            archive.addfile(about, io.BytesIO(content))
    content = path.read_bytes()
    monkeypatch.setattr(cifar, "ARCHIVE", known_as(cifar.ARCHIVE, content, content))
    return batches


def python_2(batch):
    """A pickle as Python 2 wrote them: array and names as strings of bytes."""
    rows = batch["data"]
    text = b"".join(
        [b"(dp0\nS'data'\np1\n", b"cnumpy.core.multiarray\n_reconstruct\np2\n",
         b"(cnumpy\nndarray\np3\n(I0\ntp4\nS'b'\np5\ntp6\nRp7\n(I1\n(I%d\nI3072\ntp8\n" % len(rows),
         b"cnumpy\ndtype\np9\n(S'u1'\np10\nI0\nI1\ntp11\nRp12\n(I3\nS'|'\np13\nNNNI-1\nI-1\nI0\n",
         b"tp14\nbI00\nS" + repr(rows.tobytes())[1:].encode() + b"\np15\ntp16\nbsS'labels'\np17\n",
         b"(lp18\n" + b"".join(b"I%d\na" % label for label in batch["labels"]) + b"s."]
    )  # fmt: skip
    return text


def test_cifar_out_of_its_archive(monkeypatch, tmp_path):
    old = {"data": rng.integers(0, 256, (2, 3072)).astype(np.uint8), "labels": [3, 9]}
    batches = make_cifar(monkeypatch, tmp_path / "d", data_batch_2=python_2(old)) | {
        "data_batch_2": old
    }
    train, test = CIFAR10(tmp_path / "d"), CIFAR10(tmp_path / "d", train=False)
    rows = [batches[f"data_batch_{i}"]["data"] for i in range(1, 6)]
    np.testing.assert_array_equal(train.images.reshape(10, -1), np.concatenate(rows))
    labels = [batches[f"data_batch_{i}"]["labels"] for i in range(1, 6)]
    assert train.targets.tolist() == sum(labels, [])
    assert test.images.shape == (2, 3, 32, 32) and train.classes[6] == "frog" and train.note == ""
    red = train.images[0, 0]
    assert (red.reshape(-1) == rows[0][0, :1024]).all(), "first all of red, row by row"


def test_a_pickle_that_would_run_something_is_refused(monkeypatch, tmp_path):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "ran"),)

    make_cifar(monkeypatch, tmp_path / "d", test_batch={"data": Evil(), "labels": [1]})
    assert "mkdir, which is no array" in fault(CIFAR10, tmp_path / "d", train=False)
    assert not (tmp_path / "ran").exists()
    for name in (b"cnumpy.testing\nrundocs\n.", b"cnumpy\nload\n.", b"cbuiltins\neval\n."):
        with pytest.raises(pickle.UnpicklingError, match="which is no array"):
            cifar.ArraysOnly(io.BytesIO(name)).load()


def test_a_cifar_archive_that_is_not_right(monkeypatch, tmp_path):
    make_cifar(monkeypatch, tmp_path / "d", data_batch_4=None)
    assert "has no cifar-10-batches-py/data_batch_4" in fault(CIFAR10, tmp_path / "d")
    make_cifar(monkeypatch, tmp_path / "d", data_batch_4=b"not a pickle")
    assert "is damaged" in fault(CIFAR10, tmp_path / "d")
    path = tmp_path / "d" / "cifar-10-python.tar.gz"
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    monkeypatch.setattr(cifar, "ArraysOnly", lambda *_: pytest.fail("unpickled before the check"))
    assert "SHA-256" in fault(CIFAR10, tmp_path / "d")


def test_cifar_out_of_pictures_where_the_archive_is_not(monkeypatch, tmp_path):
    from PIL import Image

    path = tmp_path / "room" / "data" / "cifar10-images.zip"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as archive:
        for half, count in (("train", 2), ("test", 1)):
            for k, name in enumerate(CIFAR10.names):
                for n in range(count):
                    out = io.BytesIO()
                    Image.new("RGB", (32, 32), (20 * k, 0, n)).save(out, "PNG")
                    archive.writestr(f"{half}/{name}/{n:04}.png", out.getvalue())
    data = CIFAR10()
    assert data.images.shape == (20, 3, 32, 32)
    assert data.targets.tolist() == [k // 2 for k in range(20)]
    assert data.images[7, 0, 0, 0] == 60 and data.images[7, 2, 0, 0] == 1
    assert "20 of the pictures" in data.note and "cifar10-images.zip" in data.note
    assert data.where == "data" and len(CIFAR10(train=False)) == 10
    assert "as JPEGs: data" in datasets()["cifar10"].where()
    assert data.data is data.images and datasets()["emnist"].where() is None

    with monkeypatch.context() as patched:
        patched.setattr(cifar, "ImageFolder", lambda *_, **__: pytest.fail("decoded again"))
        np.testing.assert_array_equal(CIFAR10().images, data.images)
        np.testing.assert_array_equal(CIFAR10(train=False).targets, range(10))
    for kept in (cifar.cache_dir() / "cifar10").iterdir():
        kept.write_bytes(kept.read_bytes()[:-50])
    np.testing.assert_array_equal(CIFAR10().images, data.images, "a damaged cache is no matter")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("train/frog/more.png", out.getvalue())
    assert len(CIFAR10()) == 21, "another zip has another cache"
    with monkeypatch.context() as patched:
        patched.setenv("HELLO_DL_CACHE", str(path))
        assert len(CIFAR10()) == 21, "a cache that cannot be written is no matter either"
    halves = cifar.both_halves()
    assert halves and [len(half) for half in halves] == [21, 10]
    (tmp_path / "none").mkdir()
    assert cifar.both_halves(tmp_path / "none") is None
    make_cifar(monkeypatch, path.parent)
    assert CIFAR10().note == "", "the archive is better"


def test_what_is_nowhere_is_said(tmp_path):
    (tmp_path / "d").mkdir()
    for kind in (MNIST, FashionMNIST, EMNIST, CIFAR10):
        with pytest.raises(UnavailableError, match="is in none of these"):
            kind(download=False)
        with pytest.raises(UnavailableError, match="download=True"):
            kind(tmp_path / "d", download=False)
        with pytest.raises(DataError, match="root '.*nowhere' cannot be read"):
            kind(tmp_path / "nowhere", download=False)


# ---------------------------------------------------------------------------- real data, texts


@needs_data
def test_the_real_sets():
    digits = MNIST(REAL, train=False)
    assert digits.images.sum() == 264_923_200 and digits.targets.sum() == 44_434
    names = load_names(REAL)
    assert len(names) == 32_033 and names[0] == "emma" and all(map(str.isalpha, names))
    play = load_shakespeare(REAL)
    assert len(play) == 1_115_394 and len(set(play)) == 65 and play.startswith("First Citizen:")
    text = load_text(REAL)
    assert text.text == play and text.name == "Shakespeare" and str(REAL) in text.note


def test_the_text_that_is_always_there():
    topics = load_python_topics()
    assert topics == load_python_topics() and len(topics) > 300_000
    assert 'The "assert" statement' in topics and topics.index("assert") < topics.index("yield")
    text = load_text(download=False)
    assert text.text == topics and "hello-dl data shakespeare" in text.note
    assert load_text("python").note == "from pydoc_data, part of Python"


def test_an_image_set_of_ones_own():
    data = ImageSet(
        np.zeros((4, 3, 5, 6), np.uint8), np.array([0, 1, 1, 0]), ["a", "b"], where="here"
    )
    assert repr(data) == "ImageSet(4 pictures of 3 x 5 x 6, 2 classes, from here)"
    assert data.class_to_idx == {"a": 0, "b": 1} and data[3][1] == 0
