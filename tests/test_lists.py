"""Lists with questions: every answer is what a reader of the list would say."""

import re

import numpy as np
import pytest

from hello_dl.data.lists import make_lists, spell_list


def read(words, entries, question):
    """Answer a question by reading the list from left to right."""
    known = {}
    for letter, digit in words[:entries]:
        known[letter] = int(digit)
    first, second = question
    return known[first] if second == "?" else 9 + known[first] - known[second]


@pytest.mark.parametrize("kind", ["letters", "repeats", "differences"])
@pytest.mark.parametrize(("entries", "questions"), [(6, 6), (8, 3), (1, 1)])
def test_answers_are_those_of_a_reader(kind, entries, questions):
    tokens, answers = make_lists(50, np.random.default_rng(0), entries, questions, kind)
    assert tokens.shape == (50, entries + questions, 2) and answers.shape == (50, questions)
    for one, right in zip(tokens, answers.tolist()):
        words = spell_list(one)
        assert right == [read(words, entries, question) for question in words[entries:]]


def test_letters_differ_unless_they_shall_come_again():
    once, _ = make_lists(100, np.random.default_rng(0), entries=26)
    assert all(len(set(one[:26, 0].tolist())) == 26 for one in once)
    again, _ = make_lists(100, np.random.default_rng(0), entries=30, kind="repeats")
    assert set(again[:, :, 0].flatten().tolist()) == {0, 1, 2}


def test_the_same_seed_gives_the_same_lists():
    one, other = (make_lists(9, np.random.default_rng(3)) for _ in range(2))
    assert (one.tokens == other.tokens).all() and (one.answers == other.answers).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "words"}, "no kind 'words'; known are letters, repeats, differences"),
        ({"entries": 27}, "6 questions about 27 entries"),
        ({"questions": 7}, "7 questions about 6 entries"),
        ({"questions": 0}, "0 questions"),
    ],
)
def test_what_makes_no_sense_is_one_clear_line(options, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        make_lists(1, np.random.default_rng(0), **options)
