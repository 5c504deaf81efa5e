"""Flags: what is a number of the right kind comes through, all else is refused in words."""

import argparse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dwindle.cli import FlagParser, channels, partial_share, positive_float, positive_int, share, whole_number
from dwindle.errors import UsageError


def test_a_wrong_command_line_is_refused_in_one_line():
    parser = FlagParser()
    parser.add_argument("--threads", type=positive_int)
    assert parser.parse_args(["--threads", "2"]).threads == 2
    with pytest.raises(UsageError, match=r"^argument --threads: 'z' is not a whole number from 1 \(--help .*\)$"):
        parser.parse_args(["--threads", "z"])


@given(st.integers(0, 2**31 - 1))
def test_whole_numbers_come_through(value):
    assert whole_number(str(value)) == value
    if value:
        assert positive_int(str(value)) == value


@given(st.floats(0, 1))
def test_shares_and_rates_come_through(value):
    assert share(repr(value)) == value
    if 0 < value < 1:
        assert partial_share(repr(value)) == positive_float(repr(value)) == value


@pytest.mark.parametrize(
    ("kind", "texts"),
    [
        (channels, ("0", "1.5")),
        (positive_int, ("0", "-1", "1.5", "many", "", "2147483648")),
        (whole_number, ("-1", "1e3", "none", "4294967296")),
        (positive_float, ("0", "-1", "inf", "nan", "fast")),
        (share, ("-0.1", "1.1", "nan", "inf", "half")),
        (partial_share, ("0", "1", "nan", "40%")),
    ],
)
def test_all_else_is_refused_and_quoted(kind, texts):
    for text in texts:
        with pytest.raises(argparse.ArgumentTypeError, match="is not"):
            kind(text)


def test_a_network_wider_than_any_memory_is_refused():
    assert channels("80") == 80
    with pytest.raises(argparse.ArgumentTypeError, match="2000000 channels are more than"):
        channels("2000000")
