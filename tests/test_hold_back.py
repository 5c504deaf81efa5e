"""Which words are said at once, which wait, and which never are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dwindle.infer.speech.hold_back import COMPANY_S, VOUCHING, WORTH_WAITING_AMID_NOISE, Company
from dwindle.infer.speech.word import WordEvent

ENOUGH = 0.7


def word(digit: str, at_s: float, confidence: float, amid_noise: bool = False) -> WordEvent:
    return WordEvent(digit, at_s - 0.4, at_s - 0.1, confidence, at_s, amid_noise=amid_noise)


def text(events: list[WordEvent]) -> str:
    return "".join(event.digit for event in events)


def said(company: Company, *heard: tuple[float, float]) -> str:
    """Words of (seconds, confidence), named by their order."""
    return text([event for n, one in enumerate(heard) for event in company.said(word(str(n), *one), ENOUGH)])


def test_a_sure_word_is_said_at_once_and_a_doubtful_one_waits():
    assert said(Company(), (5.0, 0.7)) == "0"
    assert said(Company(), (5.0, 0.69)) == ""


@pytest.mark.parametrize(("first", "second"), [(0.4, 0.9), (0.9, 0.4), (0.4, VOUCHING), (VOUCHING, 0.4)])
def test_two_words_close_to_each_other_vouch_for_each_other(first, second):
    company = Company()
    heard = company.said(word("1", 5.0, first), ENOUGH) + company.said(word("2", 5.0 + COMPANY_S, second), ENOUGH)
    assert text(heard) == "12"
    if first < ENOUGH:
        assert heard[0].emitted_s == 5.0 + COMPANY_S  # its latency is that of the answer
    assert company.said_at_the_end(6.0) == []


def test_words_of_which_none_is_likely_vouch_for_nothing_until_one_is():
    """A regression: two halves of a sneeze, 0.36 and 0.45, were two digits."""
    assert said(Company(), (5.0, 0.36), (5.5, 0.45), (6.0, 0.49)) == ""
    assert said(Company(), (5.0, 0.36), (5.5, 0.45), (6.0, VOUCHING)) == "012"
    assert said(Company(), (5.0, 0.36), (6.5, 0.45), (5.1 + COMPANY_S, 0.9)) == "12"  # the first has waited too long


@pytest.mark.parametrize(
    ("first", "amid_noise", "heard"),
    [(0.36, True, "2"), (0.36, False, "12"), (WORTH_WAITING_AMID_NOISE, True, "12")],
)
def test_amid_noise_an_unlikely_word_does_not_wait_for_a_likely_one(first, amid_noise, heard):
    """A regression: a bark amid rain was two digits, of which the first was 0.36 sure."""
    company = Company()
    before = company.said(word("1", 5.0, first, amid_noise), ENOUGH)
    assert text(before + company.said(word("2", 5.5, 0.9, amid_noise), ENOUGH)) == heard


def test_amid_noise_an_unlikely_word_does_not_send_others_away():
    company = Company()
    waiting = company.said(word("1", 5.0, 0.5), ENOUGH) + company.said(word("2", 5.5, 0.36, True), ENOUGH)
    assert waiting == []
    assert text(company.said(word("3", 6.0, 0.9), ENOUGH)) == "13"


def test_what_comes_later_vouches_for_nothing():
    later = 5.1 + COMPANY_S
    assert said(Company(), (5.0, 0.6), (later, 0.9), (later + 0.5, 0.4)) == "12"


def test_where_one_threshold_holds_for_every_word_none_waits():
    company = Company()
    assert text([*company.said(word("1", 5.0, 0.3), 0.3), *company.said(word("2", 9.0, 0.3), 0.3)]) == "12"


def test_a_recording_that_ends_soon_after_a_word_was_made_for_it_unless_noise_goes_on():
    for ends_after_s, heard in ((1.0, "1"), (COMPANY_S + 0.1, "")):
        company = Company()
        company.said(word("1", 5.0, 0.4), ENOUGH)
        assert text(company.said_at_the_end(5.0 + ends_after_s)) == heard
    company = Company()
    company.said(word("1", 5.0, 0.4, amid_noise=True), ENOUGH)
    assert company.said_at_the_end(6.0) == []
    company.said(word("1", 5.0, 0.6), ENOUGH)
    company.reset()
    assert company.said_at_the_end(5.0) == []
    assert not company.is_there(5.0)


@given(st.lists(st.tuples(st.floats(0, 5), st.floats(0.35, 1)), max_size=20), st.floats(0, 1))
def test_nothing_is_said_twice_or_out_of_order_and_whoever_is_sure_is_said(gaps_and_confidences, enough):
    company, now_s, heard, answered = Company(), 0.0, [], []
    for gap_s, confidence in gaps_and_confidences:
        now_s += gap_s
        heard.append(word(str(len(heard)), now_s, confidence))
        answered += company.said(heard[-1], enough)
    answered += company.said_at_the_end(now_s)
    numbers = [int(event.digit) for event in answered]
    assert numbers == sorted(set(numbers))
    assert {n for n, event in enumerate(heard) if event.confidence >= enough} <= set(numbers)
    assert all(event.emitted_s >= event.end_s for event in answered)
