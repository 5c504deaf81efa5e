"""Read: how texts feel, from the command line, files and pipes.

python infer.py --task sentiment "a gripping film"        one text, or several
python infer.py --task sentiment review.txt               a file is one text
sort reviews.txt | python infer.py --task sentiment -     standard input, a text a line
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from dwindle.errors import UsageError, UserError, describe_os_error, printable
from dwindle.infer.text.sentiment_model import SentimentModel

LONGEST_FILE = 4 << 20  # bytes that are looked at; more than the longest text that is read
LONGEST_NAME = 4096  # of a file with its folders: a text of more characters is no name
SHOWN = 72  # characters of a text in an answer for people


@dataclass(frozen=True)
class Given:
    """A text as it came, or the reason why there is none."""

    source: str  # what to call it where it fails
    content: bytes | str | UserError


def add_options(parser: argparse.ArgumentParser) -> None:
    """What reading alone asks for."""
    parser.add_argument("inputs", nargs="*", metavar="TEXT", help="texts, or files; - reads a text a line")


def open_model(path: str | Path, threads: int = 1) -> SentimentModel:
    """The model of a file, for Python."""
    return SentimentModel(path, threads)


def run(arguments: argparse.Namespace) -> int:
    """A line for each text; 1 when any of them failed."""
    if not arguments.inputs:
        raise UsageError('name a text: python infer.py --task sentiment "a gripping film"')
    if "-" in arguments.inputs and len(arguments.inputs) > 1:
        raise UsageError("- stands alone")
    model = SentimentModel(arguments.model, getattr(arguments, "threads", None) or 1)
    failed = 0
    for given in lines() if arguments.inputs == ["-"] else map(from_argument, arguments.inputs):
        row = answer(model, given)
        failed += "error" in row
        show(row, arguments.json)
    return 1 if failed else 0


def lines(stream: BinaryIO | None = None) -> Iterator[Given]:
    """Standard input, a text a line, as the lines come; empty lines are passed over."""
    if stream is None:
        if sys.stdin is None:
            raise UserError("standard input is closed: give the texts as arguments")
        stream = sys.stdin.buffer
    assert stream is not None
    number = 0
    while line := stream.readline(LONGEST_FILE):
        number += 1
        while not line.endswith(b"\n") and (rest := stream.readline(LONGEST_FILE)):  # of a line beyond all measure
            line = line[:LONGEST_FILE] + (b"\n" if rest.endswith(b"\n") else b"")
        if line.strip():
            yield Given(f"line {number}", line)


def from_argument(argument: str) -> Given:
    """A file's content where there is a file of that name; else the argument itself is the text."""
    try:
        if len(argument) <= LONGEST_NAME and os.path.exists(argument):  # noqa: PTH110 - Path's own may raise
            if os.path.isdir(argument):  # noqa: PTH112 - likewise
                return Given(argument, UserError("a folder: name its files"))
            with open(argument, "rb") as file:  # or a pipe
                return Given(argument, file.read(LONGEST_FILE))
        if len(argument.split()) == 1 and Path(argument).suffix in (".txt", ".md"):
            return Given(argument, UserError("no such file"))
        return Given(shortened(argument) or "an empty text", argument)
    except ValueError:  # a zero byte
        return Given(shortened(argument), argument)
    except OSError as error:
        return Given(argument, UserError(describe_os_error(error)))


def answer(model: SentimentModel, given: Given) -> dict[str, Any]:
    """A row of the output: what the model says, or one line on what was wrong."""
    try:
        if isinstance(given.content, UserError):
            raise given.content
        found = model.classify(text_of(given.content))
    except UserError as error:
        return {"source": given.source, "error": str(error)}
    row = {
        "text": found.text.strip(),
        "label": found.label,
        "confidence": round(found.confidence, 4),
        "unsure": found.unsure,
    }
    return row | ({"cut": True} if found.cut else {})


def text_of(content: bytes | str) -> str:
    """The text in some bytes; what is none is refused."""
    if isinstance(content, str):
        content = content.encode("utf-8", "surrogateescape")  # an argument may be no text either
    if b"\0" in content:
        raise UserError("binary data, not a text")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if len(content) >= LONGEST_FILE and error.start > len(content) - 5:  # cut within a character
            return content[: error.start].decode("utf-8-sig")
        raise UserError(
            f"not UTF-8: byte {error.start + 1} is 0x{content[error.start]:02x}: convert it first"
        ) from error


def show(row: dict[str, Any], as_json: bool) -> None:
    """One answer, for a program or for a person."""
    if as_json:
        print(json.dumps(row, ensure_ascii=True), flush=True)
    elif "error" in row:
        print(f"{printable(row['source'])}: {row['error']}", file=sys.stderr, flush=True)
    else:
        doubt = " (unsure)" if row["unsure"] else ""
        print(f"{row['label']:<8}  {row['confidence']:.2f}{doubt}  {shortened(row['text'])}", flush=True)


def shortened(text: str) -> str:
    """A text in one line that fits a screen."""
    line = printable(" ".join(text[: 4 * SHOWN].split()))
    return line if len(line) <= SHOWN else f"{line[: SHOWN - 1]}…"
