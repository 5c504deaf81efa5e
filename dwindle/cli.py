"""Command lines: how they are refused, and what a flag may be."""

import argparse
import math
from pathlib import Path
from typing import Any, NoReturn

from dwindle import __version__
from dwindle.errors import UsageError

LARGEST_WHOLE = 2**31 - 1  # more does not fit where seeds and counts go
HIGHEST_PORT = 65_535
MOST_CHANNELS = 1024


class FlagParser(argparse.ArgumentParser):
    """Refuses a command line as everything else is refused: in one line, where argparse would print all flags first.

    Every command says its --version.
    """

    def __init__(self, **how: Any) -> None:
        super().__init__(**how)
        if self.add_help:  # and no parent of other parsers
            self.add_argument("--version", action="version", version=f"dwindle {__version__}")

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (--help lists what there is)")


def positive_int(text: str) -> int:
    if not 0 < (value := _whole(text)) <= LARGEST_WHOLE:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return value


def port_number(text: str) -> int:
    """Of TCP; 0 lets the system choose."""
    if not 0 <= (value := _whole(text)) <= HIGHEST_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port from 0 to {HIGHEST_PORT}")
    return value


def nonempty(text: str) -> str:
    """The name of a file or folder; an unset shell variable must not stand for the default one."""
    if not text:
        raise argparse.ArgumentTypeError("the name is empty")
    return text


def pathname(text: str) -> Path:
    """Likewise, for pathlib, to which an empty name is the folder that one is in."""
    return Path(nonempty(text))


def channels(text: str) -> int:
    """How wide a network is; far wider ones than anybody has memory for are refused before they are built."""
    if positive_int(text) > MOST_CHANNELS:
        raise argparse.ArgumentTypeError(f"{text} channels are more than {MOST_CHANNELS}")
    return int(text)


def whole_number(text: str) -> int:
    if not 0 <= (value := _whole(text)) <= LARGEST_WHOLE:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0")
    return value


def positive_float(text: str) -> float:
    value = _number(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return value


def nonnegative_float(text: str) -> float:
    value = _number(text)
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0")
    return value


def share(text: str) -> float:
    """From nothing to all of it."""
    value = _number(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not between 0 and 1")
    return value


def partial_share(text: str) -> float:
    """Neither nothing nor all of it."""
    value = _number(text)
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not between 0 and 1")
    return value


def _whole(text: str) -> int:
    """What is no whole number becomes -1, which no flag takes."""
    try:
        return int(text) if text.isdecimal() else -1
    except ValueError:  # more digits than Python converts
        return -1


def _number(text: str) -> float:
    """What is no number becomes NaN, which lies in no range."""
    try:
        return float(text)
    except ValueError:
        return math.nan
