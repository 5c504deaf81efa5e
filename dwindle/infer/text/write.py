"""infer.py where a model writes: text that follows a prompt, as it is made, or how well a file was foreseen."""

import argparse
import json
import sys
import time
from pathlib import Path

from dwindle.cli import FlagParser, nonempty, nonnegative_float, positive_int, whole_number
from dwindle.errors import UsageError, UserError
from dwindle.infer.text.language_generator import TextGenerator

LENGTH, TEMPERATURE = 300, 0.8
SHOWN_UNKNOWN = 10


def add_options(parser: FlagParser) -> None:
    """The flags of a model that writes."""
    writing = parser.add_argument_group("writing")
    writing.add_argument("--prompt", metavar="TEXT", help="what to go on from (default: the beginning of a text)")
    writing.add_argument("--length", type=whole_number, help=f"characters to write ({LENGTH})")
    writing.add_argument(
        "--temperature", type=nonnegative_float, help=f"higher: more daring; 0: the likeliest ({TEMPERATURE})"
    )
    writing.add_argument("--top_k", type=positive_int, metavar="N", help="draw among the N likeliest characters")
    writing.add_argument("--seed", type=whole_number, help="the same seed writes the same text")
    judging = parser.add_argument_group("judging")
    judging.add_argument("--evaluate", type=nonempty, metavar="FILE", help="bits per character of a text file")


def run(arguments: argparse.Namespace) -> int:
    """Write, or judge a file; the exit code."""
    if arguments.evaluate is not None:
        named = ("prompt", "length", "temperature", "top_k", "seed")
        if given := [name for name in named if getattr(arguments, name) is not None]:
            raise UsageError(f"--{given[0]} is for writing, and --evaluate writes nothing")
        return evaluate(open_model(arguments.model, arguments.threads), Path(arguments.evaluate), arguments.json)
    return write(open_model(arguments.model, arguments.threads), arguments)


def open_model(path: Path, threads: int = 1) -> TextGenerator:
    """For dwindle.load()."""
    return TextGenerator(path, threads)


def write(model: TextGenerator, arguments: argparse.Namespace) -> int:
    """The prompt and what follows it, character by character; as JSON all at once."""
    prompt = arguments.prompt or ""
    if unknown := model.unknown(prompt):
        print(f"the model does not know {_listed(unknown)} of the prompt", file=sys.stderr)
    text = model.generate(
        prompt,
        LENGTH if arguments.length is None else arguments.length,
        TEMPERATURE if arguments.temperature is None else arguments.temperature,
        arguments.top_k,
        arguments.seed,
    )
    if arguments.json:
        started, written = time.monotonic(), "".join(text)
        per_second = len(written) / (time.monotonic() - started)
        row = {"prompt": prompt, "text": written, "unknown": len(unknown), "characters_per_second": round(per_second)}
        print(json.dumps(row))
        return 0
    sys.stdout.write(prompt)
    for character in text:
        sys.stdout.write(character)
        sys.stdout.flush()
    print(flush=True)
    return 0


def evaluate(model: TextGenerator, path: Path, as_json: bool) -> int:
    """How many bits a character of the file costs."""
    text = path.read_bytes().decode("utf-8", errors="replace")  # what is no UTF-8 counts as unknown
    if not text:
        raise UserError(f"{path}: holds no text")
    found = model.evaluate(text)
    if as_json:
        row = {
            "file": str(path),
            "bits_per_character": found.bits_per_character,
            "characters": found.characters,
            "unknown": found.unknown_count,
        }
        print(json.dumps(row))
        return 0
    print(f"{found.bits_per_character:.4f} bits per character, {found.characters:,} characters")
    if found.unknown:
        print(f"{found.unknown_count:,} of them the model does not know: {_listed(list(found.unknown))}")
    return 0


def _listed(characters: list[str]) -> str:
    more = len(characters) - SHOWN_UNKNOWN
    shown = ", ".join(map(repr, characters[:SHOWN_UNKNOWN]))
    return f"{shown} and {more} more" if more > 0 else shown
