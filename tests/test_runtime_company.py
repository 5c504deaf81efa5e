"""Which words are said at once, which wait, and which never are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dwindle.runtime.company import COMPANY_S, Company
from dwindle.runtime.event import WordEvent


def word(digit: str, at_s: float, confidence: float) -> WordEvent:
    return WordEvent(digit, at_s - 0.4, at_s - 0.1, confidence, at_s)


def text(events: list[WordEvent]) -> str:
    return "".join(event.digit for event in events)


def test_a_sure_word_is_said_at_once_and_a_doubtful_one_waits():
    assert text(Company().said(word("1", 5.0, 0.7), 0.7)) == "1"
    assert text(Company().said(word("1", 5.0, 0.69), 0.7)) == ""


@pytest.mark.parametrize(("first", "second"), [(0.4, 0.9), (0.9, 0.4), (0.4, 0.4)])
def test_two_words_close_to_each_other_vouch_for_each_other(first, second):
    company = Company()
    said = company.said(word("1", 5.0, first), 0.7) + company.said(word("2", 5.0 + COMPANY_S, second), 0.7)
    assert text(said) == "12"
    if first < 0.7:
        assert said[0].emitted_s == 5.0 + COMPANY_S  # its latency is that of the answer
    assert company.said_at_the_end(6.0) == []


def test_what_comes_later_vouches_for_nothing():
    company = Company()
    later = 5.1 + COMPANY_S
    assert text(company.said(word("1", 5.0, 0.4), 0.7) + company.said(word("2", later, 0.9), 0.7)) == "2"
    assert text(company.said(word("3", later + 0.5, 0.4), 0.7)) == "3"


def test_a_recording_that_ends_soon_after_a_word_was_made_for_it():
    for ends_after_s, said in ((1.0, "1"), (COMPANY_S + 0.1, "")):
        company = Company()
        company.said(word("1", 5.0, 0.4), 0.7)
        assert text(company.said_at_the_end(5.0 + ends_after_s)) == said
    company.reset()
    assert company.said_at_the_end(5.0) == []


@given(st.lists(st.tuples(st.floats(0, 5), st.floats(0.35, 1)), max_size=20), st.floats(0, 1))
def test_nothing_is_said_twice_or_out_of_order_and_whoever_is_sure_is_said(gaps_and_confidences, enough):
    company, now_s, heard, said = Company(), 0.0, [], []
    for gap_s, confidence in gaps_and_confidences:
        now_s += gap_s
        heard.append(word(str(len(heard)), now_s, confidence))
        said += company.said(heard[-1], enough)
    said += company.said_at_the_end(now_s)
    numbers = [int(event.digit) for event in said]
    assert numbers == sorted(set(numbers))
    assert {n for n, event in enumerate(heard) if event.confidence >= enough} <= set(numbers)
    assert all(event.emitted_s >= event.end_s for event in said)
