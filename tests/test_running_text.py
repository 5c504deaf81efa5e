"""Short texts without digits: what counts as naming one, and that none is drawn that does."""

import numpy as np
import pytest

from dwindle.tasks.speech.running_text import HOMOPHONES, SOUND_ALIKES, drawn_text, names_a_digit


@pytest.mark.parametrize("text", ["zero", "Someone came", "sixty miles", "the ones here", "one's own", "Eighteen"])
def test_a_digit_is_found_also_within_a_word(text):
    assert names_a_digit(text) and names_a_digit(text, homophones=False)


@pytest.mark.parametrize("text", ["the phone is gone", "weight, height", "I won't", "often alone", "network", "tree"])
def test_other_words_name_none(text):
    assert not names_a_digit(text)


@pytest.mark.parametrize("word", sorted(HOMOPHONES))
def test_a_homophone_counts_only_where_asked_for(word):
    assert names_a_digit(f"he said {word.upper()} us") and not names_a_digit(f"he said {word} us", homophones=False)


def test_drawn_texts_are_many_name_no_digit_and_often_hold_homophones():
    texts = [drawn_text(np.random.default_rng(seed)) for seed in range(2_000)]
    assert len(set(texts)) > 1_000
    assert not [text for text in texts if names_a_digit(text, homophones=False) or "{" in text]
    assert 0.3 < np.mean([names_a_digit(text) for text in texts]) < 0.7
    words = {word for text in texts for word in text.split()}
    assert {"to", "for", "won", "ate", "tree", "sick", "nigh", "fort"} <= words
    assert not any(names_a_digit(word) for word in SOUND_ALIKES)
