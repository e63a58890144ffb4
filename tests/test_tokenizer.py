"""Tokenizers: exact round trips, special tokens, streaming, BPE against a count by hand, files."""

import json
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hello_dl.data.texts import load_python_topics
from hello_dl.text import (
    BPETokenizer,
    ByteTokenizer,
    CharTokenizer,
    Tokenizer,
    load_tokenizer,
    save_tokenizer,
)
from hello_dl.text.bpe import WORDS, learn_merges

TEXT = "the cat sat on the mat, the hat and the bat.\n" * 20 + "naïve 漢字 🙂 12 345\n\n  x_y"
ODD = "héllo 漢字 🙂👩‍👩‍👧 \x00\r\n\t   <|end|> _x_ 12_3 don't  \n\n "
BPE = BPETokenizer.train(TEXT, 300, ["<|end|>", "<|end|><|pad|>"])
anything = st.text(st.characters(exclude_categories=["Cs"]))


@settings(deadline=None)
@given(anything)
def test_any_text_comes_back(text):
    for tokenizer in (BPE, ByteTokenizer(["<|end|>"])):
        for specials in (True, False):
            numbers = tokenizer.encode(text, specials)
            assert tokenizer.decode(numbers) == text
            assert "".join(tokenizer.stream(numbers)) == text
            assert all(0 <= n < tokenizer.vocab_size for n in numbers)
    if text:
        characters = CharTokenizer(text)
        assert characters.decode(characters.encode(text)) == text
        assert len(characters.encode(text)) == len(text)
        assert characters.vocab_size == len(set(text))


@given(anything)
def test_words_leave_nothing_out(text):
    assert "".join(WORDS.findall(text)) == text


def test_merges_are_those_of_counting_all_pairs_anew():
    """The slow way: count, merge everywhere, count again."""
    words = [list(word.encode()) for word in WORDS.findall(TEXT)]
    slow = []
    for merged in range(256, 256 + 40):
        counts = Counter(pair for word in words for pair in pairwise(word))
        pair = min(counts, key=lambda pair: (-counts[pair], pair))
        if counts[pair] < 2:
            break
        slow.append(pair)
        for word in words:
            i = 0
            while i < len(word) - 1:
                if (word[i], word[i + 1]) == pair:
                    word[i : i + 2] = [merged]
                i += 1
    assert learn_merges(Counter(WORDS.findall(TEXT)), 40) == slow
    assert len(slow) > 15


@pytest.mark.parametrize("run", ["acgtta", "=", " ", "7", "漢", "_a"])
def test_a_text_without_words_comes_in_short_pieces(run):
    """One word of a megabyte would be gone through anew for every merge."""
    text = run * 2000 + " end"
    words = WORDS.findall(text)
    assert "".join(words) == text and max(map(len, words)) <= 33
    tokenizer = BPETokenizer.train(text, 270)
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_bpe_knows_frequent_words_and_stops_when_nothing_repeats():
    assert BPE.bytes_of(BPE.encode(" the")[0]) == b" the"
    assert len(BPE.encode("the mat, the hat")) < len("the mat, the hat") / 2
    assert BPETokenizer.train("abc", 1000).vocab_size == 256
    assert BPETokenizer.train("aaaa aaaa", 1000).decode([256]) == "aa"
    text = load_python_topics()[:20_000]
    tokenizer = BPETokenizer.train(text, 500)
    assert tokenizer.vocab_size == 500
    assert len(tokenizer.encode(text)) < len(text.encode()) / 2


def test_of_specials_the_longest_is_not_learned_from():
    assert BPETokenizer.train("<a>x" * 5, 300, ["<a", "<a>"]).merges == []


def test_specials_are_single_tokens_and_can_be_read_as_text():
    end, both = BPE.specials.values()
    assert (end, both) == (BPE.vocab_size - 2, BPE.vocab_size - 1)
    assert BPE.encode("a<|end|>b")[1] == end
    assert BPE.encode("<|end|><|pad|>") == [both], "the longest that fits"
    assert end not in BPE.encode("<|end|>", specials=False)
    assert BPE.decode([end, both]) == "<|end|><|end|><|pad|>"
    learned = BPETokenizer.train("<|end|>" * 50, 300, ["<|end|>"])
    assert learned.merges == [], "they are not learned from"


def test_a_stream_gives_whole_characters():
    pieces = list(ByteTokenizer().stream("é🙂".encode()))
    assert pieces == ["", "é", "", "", "", "🙂", ""]
    assert ByteTokenizer().decode(["é".encode()[0]]) == "�"
    cut = ByteTokenizer(["<s>"]).decode(["é".encode()[0], 256, 65])
    assert cut == "�<s>A"


@pytest.mark.parametrize("tokenizer", [BPE, ByteTokenizer(["<|end|>"]), CharTokenizer(ODD)])
def test_a_tokenizer_comes_back_from_its_file(tokenizer, tmp_path):
    save_tokenizer(tmp_path / "t.json", tokenizer)
    loaded = load_tokenizer(tmp_path / "t.json")
    assert type(loaded) is type(tokenizer) and loaded == tokenizer
    assert loaded.encode(ODD) == tokenizer.encode(ODD)


def test_bad_input_is_one_clear_line(tmp_path):
    def says(words, call):
        with pytest.raises(ValueError, match=words) as error:
            call()
        assert "\n" not in str(error.value)

    says("'é' is not among the 3 of this vocabulary: abc", lambda: CharTokenizer("abc").encode("é"))
    says("the text is empty", lambda: CharTokenizer(""))
    for tokenizer in (BPE, ByteTokenizer()):
        says("'.ud800' is half a character", lambda t=tokenizer: t.encode("a\ud800"))
    says("there is no token 256", lambda: ByteTokenizer().decode([256]))
    says("vocab_size=256 is too small", lambda: BPETokenizer.train("a", 256, ["<s>"]))
    says("made only later", lambda: BPETokenizer([(97, 256)]))
    says("special tokens differ", lambda: ByteTokenizer(["<s>", "<s>"]))
    with pytest.raises(TypeError, match="a text is a str, not bytes"):
        BPE.encode(b"abc")
    says("t.json cannot be read: No such file", lambda: load_tokenizer(tmp_path / "t.json"))
    (tmp_path / "t.json").write_text("no json")
    says("is no tokenizer", lambda: load_tokenizer(tmp_path / "t.json"))
    (tmp_path / "t.json").write_text(json.dumps({"kind": "words"}))
    says("no tokenizer of the kind 'words'", lambda: load_tokenizer(tmp_path / "t.json"))
    assert Tokenizer.from_state(BPE.state()) == BPE
