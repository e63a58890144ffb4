"""Finding, checking and downloading data, against a local server that misbehaves in every way."""

import gzip
import hashlib
import http.server
import os
import re
import socket
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from hello_dl.data import images, mirrors, mnist, sources, texts
from hello_dl.data.catalog import datasets
from hello_dl.data.mnist import load_mnist
from hello_dl.data.sources import DataError, Source, cache_dir, download, fetch, find, read

REAL = Path(os.environ.get("HELLO_DL_DATA") or "nowhere").resolve()
needs_mnist = pytest.mark.skipif(not REAL.is_dir(), reason="no folder with MNIST: HELLO_DL_DATA")

CONTENT = np.random.default_rng(1).integers(0, 256, 300_000, dtype=np.uint8).tobytes()
PACKED = gzip.compress(CONTENT, mtime=1)
PACKED_ELSEWHERE = gzip.compress(CONTENT, compresslevel=1, mtime=2)
FILE = "speck-ubyte"


@pytest.fixture(autouse=True)
def clean_room(tmp_path, monkeypatch):
    """No variable, folder or cache of this machine reaches a test."""
    monkeypatch.delenv("HELLO_DL_DATA", raising=False)
    monkeypatch.setenv("HELLO_DL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(sources, "__file__", str(tmp_path / "site" / "hello_dl" / "data" / "x.py"))
    room = tmp_path / "room"
    room.mkdir()
    monkeypatch.chdir(room)


# ---------------------------------------------------------------------------------- the server


class Mirror(http.server.BaseHTTPRequestHandler):
    """The first part of the path says what goes wrong: /stall/speck-ubyte.gz."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        behavior = self.path.split("/")[1]
        self.served = 0
        try:
            getattr(self, f"answer_{behavior}")()
        except (BrokenPipeError, ConnectionResetError):
            pass
        self.close_connection = True
        self.server.log.append((behavior, self.headers.get("Range"), self.served))

    def send(self, status, body, length=None, kind="application/gzip", **headers):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)
        self.served += len(body)

    def start(self):
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        return int(asked[1]) if asked else 0

    def answer_good(self, body=PACKED, cut=None):
        start = self.start()
        if start >= len(body):
            return self.send(416, b"", Content_Range=f"bytes */{len(body)}")
        where = f"bytes {start}-{len(body) - 1}/{len(body)}"
        rest = body[start:]
        if cut is not None:
            rest = rest[:cut]
        status, extra = (206, {"Content_Range": where}) if start else (200, {})
        return self.send(status, rest, length=len(body) - start, **extra)

    def answer_elsewhere(self):
        self.answer_good(PACKED_ELSEWHERE)

    def answer_plain(self):
        self.send(200, CONTENT)

    def answer_norange(self):
        self.send(200, PACKED)

    def answer_otherrange(self):
        if self.start():
            self.send(206, PACKED[7:], Content_Range=f"bytes 7-{len(PACKED) - 1}/{len(PACKED)}")
        else:
            self.send(200, PACKED)

    def answer_404(self):
        self.send(404, b"<html>not here</html>", kind="text/html")

    def answer_403(self):
        self.send(403, b"")

    def answer_503(self):
        self.send(503, b"")

    def answer_html(self):
        self.send(200, b"<!DOCTYPE html><p>Log in to the Wi-Fi", kind="text/html; charset=utf-8")

    def answer_disguised(self):
        self.send(200, b"\n <html><p>moved</p>")

    def answer_empty(self):
        self.send(200, b"")

    def answer_short(self):
        self.answer_good(cut=100_000)

    def answer_tampered(self):
        self.send(200, gzip.compress(b"X" + CONTENT[1:]))

    def answer_longer(self):
        self.send(200, gzip.compress(CONTENT + b"more"))

    def answer_cutgzip(self):
        self.send(200, PACKED[:-100])

    def answer_bomb(self):
        self.send(200, gzip.compress(bytes(20_000_000)))

    def answer_endless(self):
        self.send_response(200)
        self.end_headers()
        while not self.server.over.is_set():
            self.wfile.write(CONTENT)

    def answer_silent(self):
        self.server.over.wait()

    def answer_stall(self):
        self.send(200, PACKED[:50_000], length=len(PACKED))
        self.wfile.flush()
        self.server.over.wait()

    def answer_dribble(self):
        self.send(200, PACKED[:10], length=len(PACKED))
        for byte in PACKED[10:]:
            self.wfile.write(bytes([byte]))
            if self.server.over.wait(0.02):
                return

    def answer_headerdribble(self):
        self.wfile.write(b"HTTP/1.1 200 OK\r\n")
        while not self.server.over.wait(0.02):
            self.wfile.write(b"X-Slow: yes\r\n")

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Mirror)
    httpd.daemon_threads = True
    httpd.block_on_close = False
    httpd.log, httpd.over = [], threading.Event()
    httpd.address = f"http://127.0.0.1:{httpd.server_address[1]}"
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield httpd
    httpd.over.set()
    httpd.shutdown()
    httpd.server_close()
    thread.join()


def source(*addresses):
    return Source(
        name=FILE,
        folder="specks",
        mirrors=tuple(f"{address}/{FILE}.gz" for address in addresses) or ("http://x/y.gz",),
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        size=len(CONTENT),
        instead=", or draw it",
    )


def at(server, *behaviors):
    return source(*(f"{server.address}/{behavior}" for behavior in behaviors))


def get(wanted, directory, **options):
    return download(wanted, directory, **{"timeout": 0.4, "connect": 2.0, **options})


def fault(call, *arguments, **options):
    """The text of the DataError that the call raises, which is one line."""
    with pytest.raises(DataError) as caught:
        call(*arguments, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def requests(server, count):
    """The log of the server, which may write its last row a little after we have the last byte."""
    deadline = time.monotonic() + 5
    while len(server.log) < count and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(server.log) == count, server.log
    return list(server.log)


# --------------------------------------------------------------------------------- downloading

BAD = {
    "404": "answered 404",
    "403": "answered 403",
    "503": "answered 503",
    "html": "web page",
    "disguised": "web page",
    "empty": "0 bytes",
    "short": "100,000 of 300,",
    "tampered": "SHA-256",
    "longer": "more than 300,000 bytes",
    "cutgzip": "truncated",
    "bomb": "more than 300,000 bytes",
    "endless": "more than the file can hold",
    "silent": "did not answer",
    "stall": "stalled",
    "dribble": "stalled",
    "headerdribble": "did not answer",
}


@pytest.mark.parametrize("behavior", BAD)
def test_the_next_mirror_is_used(behavior, server, tmp_path):
    path = get(at(server, behavior, "good"), tmp_path / "to", connect=0.5)
    assert path == tmp_path / "to" / f"{FILE}.gz"
    assert path.read_bytes() == PACKED
    assert os.listdir(tmp_path / "to") == [f"{FILE}.gz"], "no .part is left"


@pytest.mark.parametrize("behavior", BAD)
def test_what_a_bad_mirror_sent_never_gets_the_final_name(behavior, server, tmp_path):
    mute = behavior in ("silent", "headerdribble")
    patience = {"connect": 0.25} if mute else {}
    told = fault(get, at(server, behavior), tmp_path / "to", **patience)
    assert not (tmp_path / "to" / f"{FILE}.gz").exists()
    assert f"{FILE}.gz could not be downloaded: {server.address.split('/')[2]} " in told
    assert f"/{behavior}/" not in told, "the host is enough"
    assert any(words in told for words in (BAD[behavior], "broke off", "timed out"))
    assert "--data DIR" in told and "or draw it" in told
    left = list((tmp_path / "to").iterdir())
    if behavior in ("short", "stall", "dribble"):  # right as far as they came
        assert PACKED.startswith(left[0].read_bytes()) and "run it again to resume" in told
    else:
        assert left == []


def test_the_error_names_every_mirror_and_its_answer(server, tmp_path):
    told = fault(get, at(server, "404", "html", "tampered"), tmp_path)
    host = server.address.split("/")[2]
    order = [f"{host} answered 404", f"{host} sent a web", f"{host} failed the check"]
    assert [part in told for part in order] == [True] * 3
    assert sorted(order, key=told.index) == order


def test_mirrors_that_pack_or_do_not_pack_alike_are_both_right(server, tmp_path):
    for behavior in ("good", "elsewhere", "plain"):
        path = get(at(server, behavior), tmp_path / behavior)
        assert read(at(server), path) == CONTENT


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps open files")
def test_another_process_that_was_faster_is_no_error(server, tmp_path):
    def overtake(done, total, label):
        for part in (tmp_path / "to").glob("*.part"):
            part.unlink()
        put(tmp_path / "to")

    path = get(at(server, "good"), tmp_path / "to", progress=overtake)
    assert path.read_bytes() == PACKED


class Interrupt:
    """A user who presses Ctrl-C once enough has arrived."""

    def __init__(self, enough):
        self.enough = enough

    def __call__(self, done, total, label):
        if done >= self.enough:
            raise KeyboardInterrupt


def interrupted(server, behavior, directory, enough=100_000):
    with pytest.raises(KeyboardInterrupt):
        get(at(server, behavior), directory, progress=Interrupt(enough))
    (part,) = directory.iterdir()
    assert part.name.endswith(".part")
    requests(server, 1)
    server.log.clear()
    return part


def test_ctrl_c_leaves_a_part_that_the_next_call_resumes(server, tmp_path):
    part = interrupted(server, "good", tmp_path / "to")
    had = part.stat().st_size
    assert 0 < had < len(PACKED)
    path = get(at(server, "good"), tmp_path / "to")
    assert path.read_bytes() == PACKED and os.listdir(tmp_path / "to") == [path.name]
    assert requests(server, 1) == [("good", f"bytes={had}-", len(PACKED) - had)]


def test_a_connection_that_breaks_off_again_and_again_still_arrives(server, tmp_path):
    breaks = len(PACKED) // 100_000
    for _ in range(breaks):
        fault(get, at(server, "short"), tmp_path / "to")
    path = get(at(server, "short"), tmp_path / "to")
    assert path.read_bytes() == PACKED
    assert sum(served for *_, served in requests(server, breaks + 1)) == len(PACKED)


@pytest.mark.parametrize("behavior", ["norange", "otherrange"])
def test_a_mirror_that_cannot_resume_starts_over(behavior, server, tmp_path):
    interrupted(server, behavior, tmp_path / "to")
    path = get(at(server, behavior), tmp_path / "to")
    assert path.read_bytes() == PACKED
    assert requests(server, 1 + (behavior == "otherrange"))[-1][-1] == len(PACKED)


def test_a_part_that_is_longer_than_the_file_starts_over(server, tmp_path):
    part = interrupted(server, "good", tmp_path / "to")
    part.write_bytes(PACKED + b"too much")  # the mirror answers 416
    assert get(at(server, "good"), tmp_path / "to").read_bytes() == PACKED
    assert [range_ for _, range_, _ in requests(server, 2)] == [f"bytes={len(PACKED) + 8}-", None]


def test_a_part_with_wrong_bytes_starts_over(server, tmp_path):
    part = interrupted(server, "good", tmp_path / "to")
    part.write_bytes(b"\0" * 1000)
    assert get(at(server, "good"), tmp_path / "to").read_bytes() == PACKED


def test_parts_of_two_mirrors_are_never_joined(server, tmp_path):
    assert PACKED != PACKED_ELSEWHERE
    path = get(at(server, "short", "elsewhere"), tmp_path / "to")
    assert path.read_bytes() == PACKED_ELSEWHERE
    assert requests(server, 2)[-1] == ("elsewhere", None, len(PACKED_ELSEWHERE))


def test_a_web_page_does_not_cost_the_part(server, tmp_path):
    part = interrupted(server, "good", tmp_path / "to")
    had = part.read_bytes()
    Mirror.answer_good, kept = Mirror.answer_html, Mirror.answer_good
    try:
        fault(get, at(server, "good"), tmp_path / "to")
    finally:
        Mirror.answer_good = kept
    assert part.read_bytes() == had


def test_progress_counts_up_to_the_total_and_names_the_host(server, tmp_path):
    calls = []
    get(at(server, "good"), tmp_path, progress=lambda *call: calls.append(call))
    counts = [done for done, _, _ in calls]
    assert counts == sorted(counts) and counts[-1] == len(PACKED)
    host = server.address.removeprefix("http://")
    assert {call[1:] for call in calls} == {(len(PACKED), f"{FILE}.gz from {host}")}


def test_a_name_that_does_not_resolve_fails_fast(tmp_path):
    began = time.monotonic()
    told = fault(download, source("http://hello-dl.invalid", "http://data.invalid"), tmp_path)
    assert time.monotonic() - began < 5.5
    assert "hello-dl.invalid" in told and "data.invalid" in told and "--data DIR" in told


def test_a_look_up_that_hangs_does_not_hang_us(tmp_path, monkeypatch):
    over = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: over.wait(30) and [])
    began = time.monotonic()
    told = fault(get, source("http://a.example", "http://b.example"), tmp_path, connect=0.1)
    over.set()
    assert time.monotonic() - began < 1
    assert told.count("did not answer within 0.1 seconds") == 2


def test_the_defaults_bound_the_wait_offline():
    connect = download.__defaults__[-1]
    assert connect * len(mnist.MNIST_MIRRORS) <= 5


def test_a_refused_connection_is_told(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound but not listening
        told = fault(get, source(f"http://127.0.0.1:{taken.getsockname()[1]}"), tmp_path)
    assert "could not be reached: " in told or "did not answer" in told


def test_a_folder_that_cannot_be_written(server, tmp_path):
    (tmp_path / "taken").write_text("a file", encoding="utf-8")
    told = fault(get, at(server, "good"), tmp_path / "taken" / "specks")
    assert str(tmp_path / "taken") in told and "HELLO_DL_CACHE" in told


# ------------------------------------------------------------------------------------- looking


def put(folder, name=f"{FILE}.gz", content=PACKED):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)
    return folder / name


def test_the_order_of_the_places(tmp_path, monkeypatch):
    wanted = source()
    assert find(wanted) is None
    cached = put(cache_dir() / "specks")
    assert find(wanted) == cached
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "pyproject.toml").touch()
    of_project = put(tmp_path / "site" / "data")
    assert find(wanted) == of_project
    here = put(Path("data"))
    assert find(wanted) == here
    monkeypatch.setenv("HELLO_DL_DATA", str(tmp_path / "variable"))
    by_variable = put(tmp_path / "variable")
    assert find(wanted) == by_variable
    named = put(tmp_path / "named")
    assert find(wanted, tmp_path / "named") == find(wanted, str(tmp_path / "named")) == named
    by_variable.unlink()
    assert find(wanted) == here, "a folder in HELLO_DL_DATA may hold only some of the data"


@pytest.mark.parametrize("inner", ["", "mnist", "MNIST/raw"])
@pytest.mark.parametrize("name", ["train-images-idx3-ubyte", "train-images.idx3-ubyte"])
@pytest.mark.parametrize("end", ["", ".gz"])
def test_layouts_and_spellings(inner, name, end, tmp_path):
    path = put(tmp_path / "d" / inner, name + end)
    assert find(mnist.TRAIN_IMAGES, tmp_path / "d") == path


def test_texts_are_found_with_and_without_their_folder(tmp_path):
    assert find(texts.NAMES, put(tmp_path / "a", "names.txt").parent)
    path = put(tmp_path / "b" / "text", "tinyshakespeare.txt")
    assert find(texts.TINY_SHAKESPEARE, tmp_path / "b") == path


def test_a_folder_by_the_name_of_the_file_is_passed_over(tmp_path):
    inside = put(tmp_path / "d" / FILE, FILE)
    assert find(source(), tmp_path / "d") is None
    assert find(source(), inside.parent) == inside


def test_a_named_folder_is_not_silently_passed_over(server, tmp_path, monkeypatch):
    wanted = at(server, "good")
    put(cache_dir() / "specks")
    absent, taken, empty = tmp_path / "absent", tmp_path / "taken", tmp_path / "empty"
    taken.touch()
    empty.mkdir()
    for folder, word in [
        (absent, "cannot be read"),
        (taken, "is a file"),
        (empty, "holds no speck"),
    ]:
        told = fault(fetch, wanted, folder)
        assert told.startswith(f"--data '{folder}' ") and word in told and "; " in told
    assert "is empty" in fault(fetch, wanted, "")
    assert "cannot be read" in fault(fetch, wanted, "nul\0byte")
    fault(fetch, wanted, "x" * 5000)
    fault(fetch, wanted, "~nobody-of-that-name/data")
    for folder in (absent, taken):
        monkeypatch.setenv("HELLO_DL_DATA", str(folder))
        assert fault(fetch, wanted).startswith(f"HELLO_DL_DATA '{folder}' ")
    assert server.log == [], "nothing was asked of the mirrors"


def test_a_named_folder_that_may_not_be_read(tmp_path, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "scandir", refuse)
    told = fault(fetch, source(), tmp_path)
    assert told.startswith(f"--data '{tmp_path}' cannot be read: Permission denied; name a folder")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read all")
def test_a_file_that_may_not_be_read(tmp_path):
    path = put(tmp_path / "d")
    path.chmod(0)
    assert f"{path} cannot be read: Permission denied" in fault(read, source(), path)


def test_nothing_is_asked_of_the_network_when_told_so(server, tmp_path):
    told = fault(fetch, at(server, "good"), online=False)
    assert str(cache_dir()) in told and "data," in told and "--data DIR" in told
    assert server.log == []


def test_what_was_downloaded_is_found_in_the_cache(server):
    path = fetch(at(server, "good"))
    assert path == cache_dir() / "specks" / f"{FILE}.gz" == fetch(at(server, "404"))
    assert requests(server, 1)


def test_cache_dir(monkeypatch, tmp_path):
    assert cache_dir() == tmp_path / "cache"
    monkeypatch.delenv("HELLO_DL_CACHE")
    monkeypatch.setattr(Path, "home", lambda: Path("/home/ada"))
    monkeypatch.setenv("XDG_CACHE_HOME", "/xdg")
    monkeypatch.setenv("LOCALAPPDATA", "/local")
    for platform, expected in [
        ("linux", "/xdg/hello_dl"),
        ("darwin", "/home/ada/Library/Caches/hello_dl"),
        ("win32", "/local/hello_dl"),
    ]:
        monkeypatch.setattr(sys, "platform", platform)
        assert cache_dir() == Path(expected)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_dir() == Path("/home/ada/.cache/hello_dl")


# ------------------------------------------------------------------------------------- reading


def test_only_the_right_bytes_are_read(tmp_path):
    wanted = source()
    for content in (PACKED, PACKED_ELSEWHERE, CONTENT):
        assert read(wanted, put(tmp_path, content=content)) == CONTENT
    changed = bytearray(CONTENT)
    changed[200_000] ^= 1
    for content, word in [
        (gzip.compress(changed), "SHA-256"),
        (changed, "SHA-256"),
        (CONTENT[:-1], "truncated"),
        (CONTENT + b"\0", "more than"),
        (PACKED[:-1], "truncated"),
        (PACKED[:-9] + b"\0" + PACKED[-8:], "damaged"),
        (b"", "truncated"),
        (b"<html>", "a web page"),
        (gzip.compress(b"\n<!DOCTYPE html>" + CONTENT), "a web page"),
    ]:
        path = put(tmp_path, content=content)
        told = fault(read, wanted, path)
        assert told.startswith(f"{path} is ") and word in told and "replace it" in told
        assert path.exists(), "the file is the user's: we do not delete it"


# --------------------------------------------------------------------------------------- MNIST


def test_the_table_of_data_sets(tmp_path):
    table = datasets()
    assert list(table) == [
        *("strokes", "mnist", "fashion-mnist", "emnist", "cifar10"),
        *("names", "shakespeare", "python-topics"),
    ]
    assert table["strokes"].size == 0 and table["strokes"].where() == "made by hello_dl"
    assert table["mnist"].size == 54_950_048 and table["mnist"].where() is None
    put(tmp_path / "d" / "text", "names.txt")
    assert table["names"].where(tmp_path / "d") == str(tmp_path / "d" / "text")
    assert table["shakespeare"].where(tmp_path / "d") is None
    assert table["mnist"].fetch.__doc__ and table["strokes"].fetch() == []
    assert "names.txt" in fault(table["names"].fetch, tmp_path / "d")
    for row in table.values():
        for one in row.sources:
            assert re.fullmatch("[0-9a-f]{64}", one.sha256)
            assert one.mirrors[0].startswith("https://"), "one that nobody can listen to first"


def test_mnist_that_is_nowhere_names_what_to_do():
    told = fault(load_mnist, download=False)
    assert "train-images-idx3-ubyte.gz is in none of these" in told and "strokes" in told


def test_images_and_labels_must_belong_together(tmp_path):
    path = tmp_path / "x"

    def pair(a, b, where):
        return images.matched(a, b, where, 10, "replace it")

    pictures, labels = np.zeros((3, 28, 28), np.uint8), np.array([0, 9, 5], np.uint8)
    assert pair(pictures, labels, path)[1].dtype == np.int64
    assert "do not belong together" in fault(pair, pictures[:2], labels, path)
    assert "do not belong together" in fault(pair, pictures[:, 1:], labels, path)
    assert "reach 10" in fault(pair, pictures, labels + 1, path)


@pytest.fixture
def copy(tmp_path):
    """A folder with the four real files, any of which a test may replace."""
    folder = tmp_path / "copy"
    folder.mkdir()
    for wanted in datasets()["mnist"].sources:
        (folder / wanted.saved_as).write_bytes((REAL / "mnist" / wanted.saved_as).read_bytes())
    return folder


@needs_mnist
def test_the_real_mnist(monkeypatch):
    monkeypatch.setenv("HELLO_DL_DATA", str(REAL))
    digits = load_mnist(download=False)
    assert digits.train_images.shape == (60000, 28, 28) and digits.test_images.shape[0] == 10000
    assert digits.train_images.dtype == np.uint8 and digits.train_labels.dtype == np.int64
    assert digits.train_images.sum() == 1_567_298_545 and digits.train_labels.sum() == 267_236
    assert digits.test_images.sum() == 264_923_200 and digits.test_labels.sum() == 44_434
    assert digits.train_labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert Path(digits.where) == REAL / "mnist"


@needs_mnist
@pytest.mark.parametrize("name", ["train-labels-idx1-ubyte", "t10k-images-idx3-ubyte"])
def test_a_tampered_or_truncated_copy_is_named_and_refused(name, copy):
    path = copy / f"{name}.gz"
    packed = path.read_bytes()
    tampered = bytearray(gzip.decompress(packed))
    tampered[-1] ^= 1
    flipped = bytearray(packed)
    flipped[len(packed) // 2] ^= 1
    repacked = gzip.compress(tampered, compresslevel=1)
    for content, word in [(repacked, "SHA-256"), (packed[:-20], "truncated"), (flipped, "damaged")]:
        path.write_bytes(content)
        told = fault(load_mnist, copy)
        assert str(path) in told and word in told


@needs_mnist
def test_a_folder_with_three_of_the_four_files(copy):
    (copy / "t10k-labels-idx1-ubyte.gz").unlink()
    assert "holds no t10k-labels-idx1-ubyte.gz" in fault(load_mnist, copy)


@needs_mnist
def test_the_real_texts():
    for name in ("names", "shakespeare"):
        (path,) = datasets()[name].fetch(REAL, download=False)
        assert path.parent == REAL / "text"


def test_nothing_is_printed(server, tmp_path, capfd):
    get(at(server, "404", "good"), tmp_path)
    assert capfd.readouterr() == ("", "")


def test_words_for_errors_without_words():
    assert mirrors.in_words(TimeoutError()) == "TimeoutError"
    assert mirrors.in_words(FileNotFoundError(2, "No such file or directory")) == (
        "No such file or directory"
    )
