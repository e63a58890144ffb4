"""Words to learn from: names where they are, else words that every Python brings along."""

import hashlib
from dataclasses import replace

import pytest

from hello_dl.data import texts
from hello_dl.data.sources import DataError


@pytest.fixture(autouse=True)
def nothing_here(monkeypatch, tmp_path):
    monkeypatch.setenv("HELLO_DL_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("HELLO_DL_DATA", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(("data", "told"), [(None, "not on this machine"), ("python", "asked for")])
def test_words_of_python_stand_in_for_names(data, told):
    words, name, note = texts.load_words(data, download=False)
    assert name == "words of Python's help" and told in note
    assert len(words) > 1000 and words == sorted(set(words)) and "function" in words
    assert all(word.isascii() and word.isalpha() and word.islower() for word in words)
    assert 3 <= min(map(len, words)) and max(map(len, words)) <= 14


def test_names_are_taken_where_they_are(monkeypatch, tmp_path):
    content = b"emma\nolivia\nava\n"
    digest = hashlib.sha256(content).hexdigest()
    monkeypatch.setattr(texts, "NAMES", replace(texts.NAMES, sha256=digest, size=len(content)))
    (tmp_path / "names.txt").write_bytes(content)
    words, name, note = texts.load_words(tmp_path, download=False)
    assert (words, name) == (["emma", "olivia", "ava"], "names") and str(tmp_path) in note
    assert words == texts.load_names(tmp_path, download=False)


def test_a_named_folder_without_names_is_not_passed_over(tmp_path):
    with pytest.raises(DataError, match="holds no names.txt"):
        texts.load_words(tmp_path, download=False)
