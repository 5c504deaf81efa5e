"""Which phrases fit into a window, and how often each corpus of them is drawn from."""

import numpy as np
import pytest
from test_sequences import CLASSES, SPEECH, WINDOW, store

from dwindle.infer.speech import SAMPLE_RATE
from dwindle.tasks.speech.sequences import PHRASE_SHARE, StringMaker


def test_a_corpus_of_few_phrases_is_drawn_from_as_often_as_one_of_many():
    phrases = store(("low", "flite", "voices", 1.2), *[("high", "reader", "running", 1.0)] * 30)
    maker = StringMaker(store(*SPEECH[:1]), CLASSES, WINDOW, phrases)
    drawn = [len(of_corpus) for of_corpus in maker.phrase_lengths.no_longer_than(WINDOW)]
    assert drawn == [30, 1]
    assert [len(one) for one in maker.phrase_lengths.no_longer_than(round(1.1 * SAMPLE_RATE))] == [30]
    assert maker.phrase_lengths.no_longer_than(SAMPLE_RATE // 2) == []
    rng, firsts = np.random.default_rng(3), []
    while len(firsts) < 4_000:  # all strings of one draw are as long as one another
        strings = maker.draw(40, rng)
        if strings.audio.shape[1] > 1.2 * SAMPLE_RATE:
            firsts += strings.spelling[:, 0].tolist()
    assert np.mean(np.array(firsts) == CLASSES["high"]) == pytest.approx(PHRASE_SHARE / 2, abs=0.04)
