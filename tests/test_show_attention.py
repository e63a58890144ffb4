"""Maps of attention: the right shade in the right place, labels that can be read, a PNG."""

import re

import numpy as np
import pytest

from hello_dl.show.attention import attention_rows, save_attention, show_attention


def plain(*args, **options):
    return [line.plain for line in attention_rows(*args, **options)]


def test_more_attention_has_more_ink_and_none_is_blank():
    shares = np.array([[1.0, 0.0, 0.0], [0.75, 0.24, 0.01], [0.5, 0.26, 0.24]])
    assert plain(shares, "abc") == [
        "  a b c",
        "a ██",
        "b ▓▓░░·",
        "c ▒▒░░░░",
    ]


def test_full_ink_is_the_largest_share_unless_a_limit_is_given():
    shares = [[0.1, 0.2]]
    assert plain(shares, "a", "xy")[1] == "a ▒▒██"
    assert plain(shares, "a", "xy", limit=1)[1] == "a · ░░"


def test_tokens_of_two_signs_stay_apart_and_line_up_with_their_columns():
    head, first, second = plain(np.eye(2), ["a3", "b?"], ["a3", "b7"])
    assert (head, first, second) == ("   a3 b7", "a3 ███", "b?    ███")


def test_what_cannot_be_seen_is_spelled_out():
    lines = plain(np.eye(4), ["\n", " ", "\x1b", ""])
    assert [line[:3].strip() for line in lines[1:]] == ["\\n", "_", "?", "?"]


def test_long_tokens_are_written_downwards():
    words = ["first", "second", "third"]
    lines = plain(np.eye(3), words, width=20)
    assert [line[7:8] for line in lines[:5]] == list("first")
    assert lines[6:] == [" first ██", "second   ██", " third     ██"]


def test_one_sign_a_token_where_two_do_not_fit():
    lines = plain(np.eye(30), "x" * 30, width=40)
    assert len(lines) == 31 and max(map(len, lines)) <= 40 and lines[30] == "x " + " " * 29 + "█"


def test_several_maps_stand_beside_each_other_as_far_as_they_fit():
    maps = [np.eye(3), np.ones((3, 3)) / 3]
    assert plain(maps, "abc", titles=["one", "two"])[:3] == [
        "one        two",
        "  a b c      a b c",
        "a ██       a ░░░░░░",
    ]
    narrow = plain(maps, "abc", titles=["one", "two"], width=12)
    assert len(narrow) == 11 and narrow[5] == "" and narrow[6] == "two"


def test_what_is_no_number_is_a_question_mark():
    assert plain([[np.nan, 1.0]], "a", "xy")[1] == "a ? ██"


@pytest.mark.parametrize(
    ("shares", "rows", "options", "message"),
    [
        (np.ones(3), "abc", {}, "shares have the shape (length, size) or"),
        (np.ones((2, 0)), "ab", {}, "not (2, 0)"),
        (np.ones((2, 3)), "ab", {}, "2 and 2 tokens for a map of 2 rows and 3 columns"),
        (np.ones((2, 2)), "ab", {"titles": ["x", "y"]}, "2 titles for 1 maps"),
        (np.ones((2, 2)), "ab", {"limit": 0}, "limit=0: the share"),
    ],
)
def test_what_does_not_fit_is_one_clear_line(shares, rows, options, message, tmp_path):
    for draw in (attention_rows, lambda *a, **o: save_attention(tmp_path / "x.png", *a, **o)):
        with pytest.raises(ValueError, match=re.escape(message)):
            draw(shares, rows, **options)


def test_piped_it_has_no_escape_bytes_and_keeps_to_80_columns(capsys):
    show_attention(np.eye(60), "x" * 60)
    out = capsys.readouterr().out
    assert "\x1b" not in out and max(map(len, out.splitlines())) <= 80


def test_it_is_saved_as_a_png(tmp_path):
    maps = np.random.default_rng(0).dirichlet(np.ones(5), (4, 6))
    path = save_attention(tmp_path / "map.png", maps, "lookat", "these", list("1234"))
    assert path.read_bytes().startswith(b"\x89PNG")
