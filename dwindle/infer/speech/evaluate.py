"""A list of recordings with what is said in them, and the score of the answers given to it."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dwindle.edits import NO_EDITS, edits, error_rate_interval, wilson_interval
from dwindle.errors import UserError
from dwindle.infer.speech import REJECT
from dwindle.metrics import accuracy


@dataclass(frozen=True)
class Entry:
    """One recording: the words said in it, none where it holds no such word."""

    path: Path
    words: tuple[str, ...]
    corpus: str
    speaker: str = ""


def read_manifest(path: Path, vocabulary: Sequence[str]) -> list[Entry]:
    """A CSV file with the columns path (relative to the file), label and, if wished, corpus and speaker."""
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            missing = {"path", "label"} - set(reader.fieldnames or [])
            if missing:
                raise UserError(f"{path}: lacks the column {' and '.join(sorted(missing))}: it needs path, label")
            entries = [_entry(path, reader.line_num, row, vocabulary) for row in reader]
    except FileNotFoundError:
        raise UserError(f"{path}: no such manifest") from None
    except IsADirectoryError:
        raise UserError(f"{path}: a folder: name a CSV file in it with the columns path, label") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: not a CSV file in UTF-8 ({error})") from error
    if not entries:
        raise UserError(f"{path}: lists no recordings")
    return entries


def score(entries: Sequence[Entry], answers: Sequence[Sequence[str]], isolated: bool) -> list[dict[str, Any]]:
    """One row for each corpus, and one for all where there are several."""
    pairs = list(zip(entries, answers, strict=True))
    corpora = list(dict.fromkeys(entry.corpus for entry in entries))
    rows = [_row(corpus, [pair for pair in pairs if pair[0].corpus == corpus], isolated) for corpus in corpora]
    return rows if len(corpora) < 2 else [*rows, _row("all", pairs, isolated)]


def as_table(rows: Iterable[dict[str, Any]]) -> str:
    """The rows for people."""
    lines = []
    for row in rows:
        parts = [f"{row['corpus']:<16}"]
        if "words" in row:
            parts.append(f"right {_as_text(row['words'])}")
        if "strings" in row:
            found, (low, high) = row["strings"], row["strings"]["interval"]
            parts.append(
                f"digit errors {100 * found['error_rate']:.2f}% ({found['errors']}/{found['digits']}, "
                f"{100 * low:.1f} to {100 * high:.1f}): {found['substitutions']} mistaken, "
                f"{found['deletions']} missed, {found['insertions']} added"
            )
        if "rejected" in row:
            parts.append(f"rejected {_as_text(row['rejected'])}")
        lines.append("  ".join(parts))
    return "\n".join(lines)


def _entry(manifest: Path, line: int, row: dict[str, str | None], vocabulary: Sequence[str]) -> Entry:
    name, label = (row["path"] or "").strip(), (row["label"] or "").strip()
    if not name:
        raise UserError(f"{manifest}, line {line}: no path")
    words = () if label in ("", REJECT) else (label,) if label in vocabulary else tuple(label.split())
    if any(word not in vocabulary for word in words):
        words = tuple(label.replace(" ", ""))  # digits written together
    if any(word not in vocabulary for word in words):
        raise UserError(f"{manifest}, line {line}: label {label!r} is not made of {' '.join(vocabulary)}")
    corpus, speaker = ((row.get(column) or "").strip() for column in ("corpus", "speaker"))
    return Entry(manifest.parent / name, words, corpus or manifest.stem, speaker)


def _row(corpus: str, pairs: Sequence[tuple[Entry, Sequence[str]]], isolated: bool) -> dict[str, Any]:
    row: dict[str, Any] = {"corpus": corpus, "files": len(pairs)}
    spoken = [(entry.words, tuple(answer)) for entry, answer in pairs if entry.words]
    if spoken and isolated:
        row["words"] = _share(sum(words == answer for words, answer in spoken), len(spoken))
    elif spoken:
        per_file = [edits(words, answer) for words, answer in spoken]
        total = sum(per_file, NO_EDITS)
        row["strings"] = {
            "error_rate": total.errors / total.words,
            "interval": error_rate_interval(per_file),
            "errors": total.errors,
            "substitutions": total.substitutions,
            "deletions": total.deletions,
            "insertions": total.insertions,
            "digits": total.words,
            "files": len(spoken),
        }
    foreign = [answer for entry, answer in pairs if not entry.words]
    if foreign:
        row["rejected"] = _share(sum(not answer for answer in foreign), len(foreign))
    return row


def _share(correct: int, count: int) -> dict[str, Any]:
    """A share with its counts and interval, in the form that programs are promised."""
    low, high = wilson_interval(correct, count)
    return {"share": correct / count, "correct": correct, "count": count, "low": low, "high": high}


def _as_text(row: dict[str, Any]) -> str:
    return str(accuracy(row["correct"], row["count"]))
