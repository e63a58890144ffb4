"""Where data comes from: folders to look in, mirrors to download from, checksums to believe.

`find` looks, `download` asks the mirrors, `fetch` does the one and then the other, and `read`
returns the unpacked bytes of a file only if their SHA-256 is right (`check` is for those that are
too large to hold). Nothing here prints.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import os
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hello_dl.data.mirrors import MirrorError, Progress, in_words, transfer

LARGEST = 1 << 31  # bytes: nothing that we read unpacks to more than 2 GiB
FIX_FILE = "replace it with a whole copy, or delete it to have it downloaded again"


class DataError(ValueError):
    """Something is wrong with a data file or folder: one line, the problem and then the fix."""

    def __init__(self, problem: str, fix: str = "") -> None:
        # A file name or a server's answer may hold line breaks and control codes.
        one_line = " ".join(problem.split())
        self.problem = "".join(c if c.isprintable() else "?" for c in one_line)
        super().__init__(f"{self.problem}; {fix}" if fix else self.problem)


class UnavailableError(DataError):
    """The file is nowhere on this machine and could not be downloaded: do without, or bring it."""


@dataclass(frozen=True)
class Source:
    """One file of a data set, known by the SHA-256 of its unpacked bytes.

    The checksum is that of the content because mirrors pack the same content differently. Where
    only the checksum of the packed file is known for certain, and for archives, `packed` says so.
    """

    name: str  # of the unpacked file: "train-images-idx3-ubyte"
    folder: str  # in the cache, and one of the places looked in under DIR: "mnist"
    mirrors: tuple[str, ...]  # whole addresses, in the order in which they are tried
    sha256: str  # of the unpacked bytes
    size: int  # unpacked bytes
    spellings: tuple[str, ...] = ()  # other names under which people keep this file
    instead: str = ""  # what to do without it, for the error message
    packed: bool = False  # `sha256` and `size` are those of the file as the mirrors send it
    shared_name: bool = False  # another data set has a file of this name: look in folders only
    also_in: tuple[str, ...] = ()  # further folders in which people keep it

    @property
    def saved_as(self) -> str:
        """The file's name as the mirrors have it: with .gz where they pack it."""
        as_gzip = self.mirrors and self.mirrors[0].endswith(".gz") and not self.name.endswith(".gz")
        return f"{self.name}.gz" if as_gzip else self.name

    @property
    def fix(self) -> str:
        """What a user can do who has no such file, as half a sentence."""
        return f"put {self.saved_as} into a folder DIR and name it with --data DIR{self.instead}"

    def paths(self, folder: Path, named: bool = False) -> Iterator[Path]:
        """Every path under `folder` where this file may lie; MNIST/raw is torchvision's habit.

        `named` says that the user has named this very folder.
        """
        inside = (self.folder, f"{self.folder.upper()}/raw", *self.also_in)
        endings = (self.saved_as.removeprefix(self.name),) if self.packed else ("", ".gz")
        for inner in inside if self.shared_name and not named else ("", *inside):
            for name in (self.name, *self.spellings):
                for ending in endings:
                    yield folder / inner / f"{name}{ending}"


def cache_dir() -> Path:
    """The user's cache folder for hello_dl (not created here): $HELLO_DL_CACHE or the system's."""
    named = os.environ.get("HELLO_DL_CACHE")
    if named:
        return Path(os.path.expanduser(named))
    try:
        home = Path.home()
    except RuntimeError:
        raise DataError("no home folder found", "set HELLO_DL_CACHE to a folder") from None
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local") / "hello_dl"
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "hello_dl"
    return Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache") / "hello_dl"


# ------------------------------------------------------------------------------------- looking


def named_folder(data: str | Path, option: str) -> Path:
    """The folder that a user named with `option`; a DataError if it is none that can be read."""
    folder, told = Path(os.path.expanduser(data)), f"{option} '{data}'"
    fix = "name a folder that holds the data files, or leave it out"
    if not str(data).strip():
        raise DataError(f"{option} is empty", fix)
    if os.path.isfile(folder):
        raise DataError(f"{told} is a file, not a folder", fix)
    try:
        os.scandir(folder).close()
    except (OSError, ValueError) as error:
        raise DataError(f"{told} cannot be read: {in_words(error)}", fix) from None
    return folder


def places(data: str | Path | None = None) -> list[Path]:
    """The folders to look in, in order: `data` alone if given, else the usual four."""
    if data is not None:
        return [named_folder(data, "--data")]
    folders = [Path("data")]
    if variable := os.environ.get("HELLO_DL_DATA"):
        folders.insert(0, named_folder(variable, "HELLO_DL_DATA"))
    project = Path(__file__).parents[2]
    if (project / "pyproject.toml").is_file():  # a checkout, not an installed package
        folders.append(project / "data")
    return [*folders, cache_dir()]


def find(source: Source, data: str | Path | None = None) -> Path | None:
    """The first path at which the file lies, or None; `read` says whether it is the right one."""
    named = data is not None
    candidates = (path for folder in places(data) for path in source.paths(folder, named))
    return next((path for path in candidates if os.path.isfile(path)), None)


def fetch(
    source: Source,
    data: str | Path | None = None,
    online: bool = True,
    progress: Progress | None = None,
) -> Path:
    """The file's path: found, else downloaded into the cache; DataError if neither works.

    With `data` the file must lie there: a folder that the user named is never silently passed over.
    """
    path = find(source, data)
    if path is not None:
        return path
    if data is not None:
        raise DataError(f"--data '{data}' holds no {source.saved_as}", source.fix)
    if not online:
        looked = ", ".join(str(place) for place in places())
        raise UnavailableError(f"{source.saved_as} is in none of these: {looked}", source.fix)
    return download(source, cache_dir() / source.folder, progress)


def bring(
    source: Source,
    root: str | Path | None = None,
    online: bool = True,
    progress: Progress | None = None,
) -> Path:
    """The file's path, as `fetch`; but what is not in a folder `root` is downloaded into it."""
    if root is None:
        return fetch(source, None, online, progress)
    folder = Path(os.path.expanduser(root))
    if not online or folder.exists():
        folder = named_folder(root, "root")
    path = next((path for path in source.paths(folder, True) if os.path.isfile(path)), None)
    if path is not None:
        return path
    if online:
        return download(source, folder / source.folder, progress)
    told = f"put it there, or say download=True{source.instead}"
    raise UnavailableError(f"root '{root}' holds no {source.saved_as}", told)


# ------------------------------------------------------------------------------------- reading


def unpack(source: Path | bytes, name: str = "", limit: int = LARGEST) -> bytearray:
    """All bytes of a file, unpacked if they are gzip, which the first two bytes say.

    `name` stands for the file in errors. Stops soon after `limit` bytes: a bomb does no harm.
    """
    name = name or (str(source) if isinstance(source, Path) else "the data")
    content = bytearray()
    try:
        raw = open(source, "rb") if isinstance(source, Path) else io.BytesIO(source)
        with raw:
            packed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            stream = gzip.GzipFile(fileobj=raw) if packed else raw
            while len(content) <= limit and (chunk := stream.read(1 << 20)):
                content += chunk
    except EOFError:
        raise DataError(f"{name} is truncated: its gzip stream has no end", FIX_FILE) from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{name} is damaged: {error}", FIX_FILE) from None
    except OSError as error:
        raise DataError(f"{name} cannot be read: {in_words(error)}", FIX_FILE) from None
    return content


def read(source: Source, path: Path, name: str = "") -> bytearray:
    """The unpacked bytes of the file at `path`, or a DataError: wrong bytes are never returned.

    Checked every time: hashing all of MNIST takes 50 ms, less than a cache of verdicts is worth.
    """
    name = name or str(path)
    if source.packed:
        check(source, path, name)
        return unpack(path, name)
    content = unpack(path, name, limit=source.size)
    if content[:200].lstrip().startswith(b"<"):
        raise DataError(f"{name} is a web page (HTML), not {source.name}", FIX_FILE)
    if len(content) > source.size:
        told = f"it unpacks to more than {source.size:,} bytes"
        raise DataError(f"{name} is not what it should be: {told}", FIX_FILE)
    if len(content) < source.size:
        told = f"it unpacks to {len(content):,} bytes, not {source.size:,}"
        raise DataError(f"{name} is truncated: {told}", FIX_FILE)
    _compare(source, hashlib.sha256(content).hexdigest(), name, "its unpacked bytes")
    return content


def check(source: Source, path: Path, name: str = "") -> None:
    """Raise a DataError unless the file at `path` is the right one; large ones are not kept."""
    name = name or str(path)
    if not source.packed:
        read(source, path, name)
        return
    try:
        size = path.stat().st_size
        with open(path, "rb") as file:
            if file.read(200).lstrip().startswith(b"<"):
                raise DataError(f"{name} is a web page (HTML), not {source.saved_as}", FIX_FILE)
            if size != source.size:
                told = f"it has {size:,} bytes, not {source.size:,}"
                what = "truncated" if size < source.size else "not what it should be"
                raise DataError(f"{name} is {what}: {told}", FIX_FILE)
            file.seek(0)
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{name} cannot be read: {in_words(error)}", FIX_FILE) from None
    _compare(source, found, name, "the file")


def _compare(source: Source, found: str, name: str, of: str) -> None:
    """Raise a DataError unless the checksum is the right one."""
    if found != source.sha256:
        told = f"the SHA-256 of {of} is {found[:16]}..., not {source.sha256[:16]}..."
        raise DataError(f"{name} is not what it should be: {told}", FIX_FILE)


# --------------------------------------------------------------------------------- downloading


def download(
    source: Source,
    directory: Path,
    progress: Progress | None = None,
    timeout: float = 10.0,
    connect: float = 2.5,
) -> Path:
    """Download the file into `directory` from the first mirror that sends it whole and right.

    A mirror has `connect` seconds to begin its answer and `timeout` to send more than a dribble.
    What arrives goes into a .part file of that mirror, which a later call resumes, and gets its
    final name only once checked. DataError: what every mirror answered, and what to do.
    """
    final, answers = Path(directory) / source.saved_as, []
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        for mirror in source.mirrors:
            mark = hashlib.sha256(mirror.encode()).hexdigest()[:8]
            part = final.with_name(f"{final.name}.{mark}.part")
            try:
                _from_mirror(source, mirror, part, progress, timeout, connect)
            except MirrorError as error:
                answers.append(f"{mirror.split('/')[2]} {error}")
                continue
            os.replace(part, final)
            for left in final.parent.glob(f"{final.name}.*.part"):
                with contextlib.suppress(OSError):
                    left.unlink()
            return final
    except OSError as error:
        problem = f"{final} cannot be written: {in_words(error)}"
        fix = "free some space or set HELLO_DL_CACHE to a folder that you can write to"
    else:
        problem = f"{final.name} could not be downloaded: {', '.join(answers)}"
        resume = any(final.parent.glob(f"{final.name}.*.part"))
        fix = f"run it again to resume, or {source.fix}" if resume else source.fix
    with contextlib.suppress(DataError):  # another process may have brought it meanwhile
        check(source, final)
        return final
    raise UnavailableError(problem, fix)


def _from_mirror(
    source: Source,
    mirror: str,
    part: Path,
    progress: Progress | None,
    timeout: float,
    connect: float,
) -> None:
    """Bring `part` to a whole and checked file; a resumed one that comes out wrong starts over."""
    resumed = part.exists()
    most = source.size + source.size // 100 + 1000  # packing may add a little, never more
    try:
        transfer(mirror, part, most, progress, timeout, connect)
        try:
            check(source, part, "what it sent")
        except DataError as error:
            raise MirrorError(f"failed the check: {error.problem}", keep=False) from None
    except MirrorError as error:
        if error.keep:
            raise
        part.unlink(missing_ok=True)
        if not resumed:
            raise
        _from_mirror(source, mirror, part, progress, timeout, connect)
