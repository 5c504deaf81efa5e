"""`infer.py --task handwritten_digits photo.jpg folder/`: the digits in images, a line for each file."""

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from dwindle.errors import UsageError, UserError, describe_os_error, printable
from dwindle.infer.images.image_file import image_files
from dwindle.infer.images.reader import DigitReader


def add_options(parser: argparse.ArgumentParser) -> None:
    """Images to read."""
    parser.add_argument("inputs", nargs="+", help="image files (PNG, JPEG, WebP) and folders of them")


def open_model(path: str | os.PathLike, threads: int = 1) -> DigitReader:
    """What reads images: `load("handwritten_digits").read("photo.jpg").text`."""
    return DigitReader(path, threads)


def run(arguments: argparse.Namespace) -> int:
    """A line for each file, as soon as it is read; 1 when any of them failed."""
    if "" in arguments.inputs:
        raise UsageError("one of the names is empty")
    reader = DigitReader(arguments.model, arguments.threads)
    failed = 0
    for row in rows(reader, arguments.inputs):
        failed += "error" in row
        print_row(row, arguments.json)
    return 1 if failed else 0


def rows(reader: DigitReader, inputs: Sequence[str]) -> Iterator[dict[str, Any]]:
    """What each file says, or why it cannot be read; the others go on."""
    for name in inputs:
        try:
            paths = [str(path) for path in image_files(Path(name))] if os.path.isdir(name) else [name]  # noqa: PTH112
            if not paths:
                raise UserError("no images in this folder")
        except (UserError, OSError) as error:
            yield _error_row(name, error)
            continue
        for path in paths:
            try:
                reading = reader.read(path)
            except (UserError, OSError, ValueError) as error:
                yield _error_row(path, error)
            else:
                digits = [digit.as_json() for digit in reading.digits]
                latency_ms = round(reading.latency_ms, 2)
                yield {"file": path, "text": reading.text, "digits": digits, "latency_ms": latency_ms}


def print_row(row: dict[str, Any], as_json: bool) -> None:
    """One file's answer, for a program or for a person."""
    if as_json:
        print(json.dumps(row), flush=True)
    elif "error" in row:
        print(printable(f"{row['file']}: {row['error']}"), file=sys.stderr, flush=True)
    else:
        sure = " ".join(f"{digit['digit']} {digit['confidence']:.2f}" for digit in row["digits"])
        told = f"{row['text'] or 'no digit'}   {sure}   {row['latency_ms']:.0f} ms"
        print(f"{printable(row['file'])}:  {told}", flush=True)


def _error_row(name: str, error: Exception) -> dict[str, str]:
    return {"file": name, "error": describe_os_error(error) if isinstance(error, OSError) else str(error)}
