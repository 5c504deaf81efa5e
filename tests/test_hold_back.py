"""Which words are said at once, which wait, and which never are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dwindle.infer.speech.hold_back import (
    CONFIRMING,
    CONFIRMING_AMID_SPEECH,
    FAINT_DB,
    HOLD_S,
    WORTH_HOLDING_AMID_NOISE,
    HoldBack,
)
from dwindle.infer.speech.word import Candidate

ENOUGH = 0.7


def word(digit: str, at_s: float, confidence: float, amid_noise: bool = False, amid_speech: bool = False) -> Candidate:
    return Candidate(digit, at_s - 0.4, at_s - 0.1, confidence, confidence, at_s, 1.0, amid_noise, amid_speech)


def text(events: list[Candidate]) -> str:
    return "".join(event.digit for event in events)


def said(hold_back: HoldBack, *heard: tuple[float, float]) -> str:
    """Words of (seconds, confidence), named by their order."""
    return text([event for n, one in enumerate(heard) for event in hold_back.passed(word(str(n), *one), ENOUGH)])


def test_a_sure_word_is_said_at_once_and_a_doubtful_one_waits():
    assert said(HoldBack(), (5.0, 0.7)) == "0"
    assert said(HoldBack(), (5.0, 0.69)) == ""


@pytest.mark.parametrize(("alone", "heard"), [(0.69, ""), (0.7, "1")])
def test_who_is_alone_must_be_sure_of_the_very_word(alone, heard):
    doubtful = word("1", 5.0, 0.9)
    doubtful.alone = alone
    hold_back = HoldBack()
    assert text(hold_back.passed(doubtful, ENOUGH)) == heard
    assert text(hold_back.passed(word("2", 6.0, 0.4), ENOUGH)) == ("2" if heard else "12")  # in company it need not


@pytest.mark.parametrize(("first", "second"), [(0.4, 0.9), (0.9, 0.4), (0.4, CONFIRMING), (CONFIRMING, 0.4)])
def test_two_words_close_to_each_other_vouch_for_each_other(first, second):
    hold_back = HoldBack()
    heard = hold_back.passed(word("1", 5.0, first), ENOUGH) + hold_back.passed(word("2", 5.0 + HOLD_S, second), ENOUGH)
    assert text(heard) == "12"
    assert hold_back.passed_at_the_end(6.0) == []


def test_words_of_which_none_is_likely_vouch_for_nothing_until_one_is():
    """A regression: two halves of a sneeze, 0.36 and 0.45, were two digits."""
    assert said(HoldBack(), (5.0, 0.36), (5.5, 0.45), (6.0, 0.49)) == ""
    assert said(HoldBack(), (5.0, 0.36), (5.5, 0.45), (6.0, CONFIRMING)) == "012"
    assert said(HoldBack(), (5.0, 0.36), (6.5, 0.45), (5.1 + HOLD_S, 0.9)) == "12"  # the first has waited too long


@pytest.mark.parametrize(
    ("db", "first", "later_s", "heard"),
    [(-FAINT_DB - 1, 0.9, 1.0, "1"), (-FAINT_DB + 1, 0.9, 1.0, "12"), (-FAINT_DB - 1, 0.9, HOLD_S + 0.1, "12"),
     (-FAINT_DB - 1, 0.5, 1.0, "2")],
)  # fmt: skip
def test_what_is_far_fainter_than_a_likely_word_before_it_is_noise(db, first, later_s, heard):
    hold_back, faint = HoldBack(), word("2", 5.0 + later_s, 0.9)
    faint.power = 10 ** (db / 10)
    before = hold_back.passed(word("1", 5.0, first), ENOUGH)
    assert text(before + hold_back.passed(faint, ENOUGH)).endswith(heard)


@pytest.mark.parametrize(
    ("first", "amid_noise", "heard"),
    [(0.36, True, "2"), (0.36, False, "12"), (WORTH_HOLDING_AMID_NOISE, True, "12")],
)
def test_amid_noise_an_unlikely_word_does_not_wait_for_a_likely_one(first, amid_noise, heard):
    """A regression: a bark amid rain was two digits, of which the first was 0.36 sure."""
    hold_back = HoldBack()
    before = hold_back.passed(word("1", 5.0, first, amid_noise), ENOUGH)
    assert text(before + hold_back.passed(word("2", 5.5, 0.9, amid_noise), ENOUGH)) == heard


def test_amid_noise_an_unlikely_word_does_not_send_others_away():
    hold_back = HoldBack()
    waiting = hold_back.passed(word("1", 5.0, 0.5), ENOUGH) + hold_back.passed(word("2", 5.5, 0.36, True), ENOUGH)
    assert waiting == []
    assert text(hold_back.passed(word("3", 6.0, 0.9), ENOUGH)) == "13"


def test_likely_words_are_counted_for_two_seconds():
    hold_back = HoldBack()
    for found_s, confidence in ((5.0, CONFIRMING), (5.5, 0.9), (6.0, CONFIRMING - 0.01)):
        hold_back.passed(word("1", found_s, confidence), ENOUGH)
    assert [hold_back.likely_words(now_s) for now_s in (6.0, 5.0 + HOLD_S, 5.1 + HOLD_S, 5.6 + HOLD_S)] == [2, 2, 1, 0]


def test_what_comes_later_vouches_for_nothing():
    later = 5.1 + HOLD_S
    assert said(HoldBack(), (5.0, 0.6), (later, 0.9), (later + 0.5, 0.4)) == "12"


def test_where_one_threshold_holds_for_every_word_none_waits():
    hold_back = HoldBack()
    assert text([*hold_back.passed(word("1", 5.0, 0.3), 0.3), *hold_back.passed(word("2", 9.0, 0.3), 0.3)]) == "12"


def test_a_recording_that_ends_soon_after_a_word_was_made_for_it_unless_noise_goes_on():
    for ends_after_s, heard in ((1.0, "1"), (HOLD_S + 0.1, "")):
        hold_back = HoldBack()
        hold_back.passed(word("1", 5.0, 0.4), ENOUGH)
        assert text(hold_back.passed_at_the_end(5.0 + ends_after_s)) == heard
    hold_back = HoldBack()
    hold_back.passed(word("1", 5.0, 0.4, amid_noise=True), ENOUGH)
    assert hold_back.passed_at_the_end(6.0) == []
    hold_back.passed(word("1", 5.0, 0.6), ENOUGH)
    hold_back.reset()
    assert hold_back.passed_at_the_end(5.0) == []
    assert not hold_back.likely_words(5.0)


@given(st.lists(st.tuples(st.floats(0, 5), st.floats(0.35, 1)), max_size=20), st.floats(0, 1))
def test_nothing_is_said_twice_or_out_of_order_and_whoever_is_sure_is_said(gaps_and_confidences, enough):
    hold_back, now_s, heard, answered = HoldBack(), 0.0, [], []
    for gap_s, confidence in gaps_and_confidences:
        now_s += gap_s
        heard.append(word(str(len(heard)), now_s, confidence))
        answered += hold_back.passed(heard[-1], enough)
    answered += hold_back.passed_at_the_end(now_s)
    numbers = [int(event.digit) for event in answered]
    assert numbers == sorted(set(numbers))
    assert {n for n, event in enumerate(heard) if event.confidence >= enough} <= set(numbers)


@pytest.mark.parametrize(
    ("confidence", "passed"), [(CONFIRMING_AMID_SPEECH - 0.01, ""), (CONFIRMING_AMID_SPEECH, "12")]
)
def test_amid_other_words_only_a_sure_word_vouches_for_its_neighbour(confidence, passed):
    hold_back = HoldBack()
    first = hold_back.passed(word("1", 5.0, 0.4), 0.95)
    assert text(first + hold_back.passed(word("2", 5.5, confidence, amid_speech=True), 0.95)) == passed


def test_the_end_of_a_recording_makes_no_word_of_its_speech():
    hold_back = HoldBack()
    hold_back.passed(word("1", 5.0, 0.9, amid_speech=True), 0.95)
    assert hold_back.passed_at_the_end(6.0) == []
