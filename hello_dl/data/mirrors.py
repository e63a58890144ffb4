"""One transfer from one web address, which may be dead, slow, cut short or a web page in disguise.

`transfer` appends to a file what the address sends and raises `MirrorError` as soon as something is
wrong; which addresses to try, and whether the bytes are the right ones, is for `sources.py` to say.
"""

from __future__ import annotations

import http.client
import itertools
import queue
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

CHUNK = 1 << 16  # bytes asked for at a time
SLOWEST = 1000  # bytes per second: a mirror below this has stalled (a modem manages 7000)

# Called as progress(done, total, label): bytes so far, bytes in all (None: unknown), and
# "FILE from HOST". A bar of rich is driven by: task = bar.add_task("data") and then
#     lambda done, total, label: bar.update(task, completed=done, total=total, description=label)
Progress = Callable[[int, int | None, str], None]


class MirrorError(Exception):
    """What one mirror did wrong, in a few words; `keep` if what came before is worth resuming."""

    def __init__(self, answer: str, keep: bool = True) -> None:
        super().__init__(answer)
        self.keep = keep


def transfer(
    mirror: str,
    part: Path,
    most: int,
    progress: Progress | None,
    timeout: float,
    connect: float,
) -> None:
    """Append to `part` what the mirror has beyond it, or write it anew if the mirror cannot resume.

    More than `most` bytes are refused. The mirror has `connect` seconds to begin its answer and
    then `timeout` to send more than a dribble. What came before a MirrorError stays in `part`.
    """
    asked = part.stat().st_size if part.exists() else 0
    with _open(mirror, asked, timeout, connect) as response:
        done = asked if response.status == 206 else 0
        if done and not response.headers.get("Content-Range", "").startswith(f"bytes {done}-"):
            raise MirrorError("sent another part of the file than asked for", keep=False)
        total = None if response.length is None else done + response.length
        chunks = _chunks(response, timeout)
        first = next(chunks, b"")
        page = response.headers.get_content_type() in ("text/html", "application/xhtml+xml")
        if page or (not done and first.lstrip().startswith(b"<")):
            raise MirrorError("sent a web page (HTML) instead of the file")
        label = f"{mirror.split('/')[-1]} from {mirror.split('/')[2]}"
        with open(part, "r+b" if done else "wb") as out:
            out.seek(done)
            for chunk in itertools.chain([first], chunks):
                out.write(chunk)
                done += len(chunk)
                if done > most:
                    raise MirrorError("sent more than the file can hold", keep=False)
                if progress:
                    progress(done, total, label)
    if total is not None and done < total:
        raise MirrorError(f"sent only {done:,} of {total:,} bytes")


def _open(mirror: str, start: int, timeout: float, connect: float) -> http.client.HTTPResponse:
    """Ask a mirror for its bytes from `start` on; MirrorError unless it begins to send them.

    A thread asks, so that `connect` seconds bound the whole wait: the look-up of a name has no
    timeout of its own, and a host with many addresses would be tried at each in turn.
    """
    headers = {"User-Agent": "hello_dl", "Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    request = urllib.request.Request(mirror, headers=headers)
    answers: queue.SimpleQueue = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put(urllib.request.urlopen(request, timeout=timeout))
        except Exception as error:
            answers.put(error)

    threading.Thread(target=ask, daemon=True).start()
    try:
        answer = answers.get(timeout=connect)
    except queue.Empty:
        raise MirrorError(f"did not answer within {connect:g} seconds") from None
    if isinstance(answer, urllib.error.HTTPError):
        answer.close()
        raise MirrorError(f"answered {answer.code} {answer.reason}", keep=answer.code != 416)
    if isinstance(answer, Exception):
        raise MirrorError(f"could not be reached: {in_words(answer)}")
    return answer


def _chunks(response: http.client.HTTPResponse, timeout: float) -> Iterator[bytes]:
    """What arrives, as it arrives; MirrorError on a broken connection, silence or a dribble."""
    began, arrived = time.monotonic(), 0
    while True:
        try:
            chunk = response.read1(CHUNK)  # at most one wait, unlike read(), which fills CHUNK
        except TimeoutError:
            raise MirrorError(f"stalled: nothing for {timeout:g} seconds") from None
        except (OSError, http.client.HTTPException) as error:
            raise MirrorError(f"broke off: {in_words(error)}") from None
        if not chunk:
            return
        yield chunk
        arrived += len(chunk)
        waited = time.monotonic() - began
        if waited > timeout:
            if arrived < SLOWEST * waited:
                raise MirrorError(f"stalled: {arrived} bytes in {waited:.1f} seconds")
            began, arrived = time.monotonic(), 0


def in_words(error: Exception) -> str:
    """An exception in words, without its numbers: "No such file or directory"."""
    if isinstance(error, urllib.error.URLError) and isinstance(error.reason, Exception):
        error = error.reason
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
