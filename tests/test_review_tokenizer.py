"""Texts into numbers, the same way everywhere."""

import pytest
from tiny_reviews import PIECES

from dwindle.errors import UserError
from dwindle.infer.text.review_tokenizer import LONGEST, SHORTEST_WINDOW, numbered, packed, unpacked, windows, wordpiece

TOKENIZER = wordpiece(PIECES)


@pytest.mark.parametrize("text", ["The film isn't good", "the film is n't good", "The film isn’t GOOD"])
def test_contractions_are_taken_apart_as_the_training_text_has_them(text):
    assert TOKENIZER.encode(text).tokens == ["[CLS]", "the", "film", "is", "n", "'", "t", "good", "[SEP]"]


def test_an_unknown_word_is_spelled():
    assert TOKENIZER.encode("bads").tokens == ["[CLS]", "bad", "##s", "[SEP]"]


def test_a_tokenizer_survives_packing():
    again = unpacked(packed(TOKENIZER))
    assert again.encode("The film isn't unheard-of").ids == TOKENIZER.encode("The film isn't unheard-of").ids


@pytest.mark.parametrize("text", ["", "no base85 \x00", packed(TOKENIZER)[:-40]])
def test_a_damaged_tokenizer_is_one_line(text):
    with pytest.raises(UserError, match="damaged"):
        unpacked(text)


@pytest.mark.parametrize("words", [0, 1, LONGEST - 2, LONGEST - 1, 3 * LONGEST, 1000])
def test_windows_hold_every_token_once_but_for_a_short_rest(words):
    parts = windows(TOKENIZER, "film " * words)
    inner = [token for part in parts for token in part[1:-1]]
    assert set(inner) <= {TOKENIZER.token_to_id("film")}
    assert words - SHORTEST_WINDOW < len(inner) <= words
    assert all(len(part) <= LONGEST and part[0] == 2 and part[-1] == 3 for part in parts)
    assert numbered(TOKENIZER, "film " * words) == parts[0]
