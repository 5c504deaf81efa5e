"""The answers for an archive: a file for each part, and beside it, in `_parts/`, a record of what went into it.

A part counts once its record is there, and the record is written last. A worker that is killed leaves a part without a
record; the part is then written again under the same name, or removed by the next run. So nothing is lost or doubled.
"""

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs

from dwindle.errors import UserError
from dwindle.files import make_writable, remove_leftovers, written_whole
from dwindle.infer.speech.shards import Folder, Part, first_line

RECORDS, RUN, FAILED = "_parts", "_parts/run.json", "_failed.jsonl"
AT_ONCE = 32  # records that are read beside each other: a store answers each in tens of milliseconds
ANSWERS = pa.schema(
    [
        ("file", pa.string()),
        ("text", pa.string()),
        (
            "digits",
            pa.list_(
                pa.struct(
                    {"digit": pa.string(), "start": pa.float64(), "end": pa.float64(), "confidence": pa.float64()}
                )
            ),
        ),
        ("latency_ms", pa.float64()),
        ("error", pa.string()),
    ]
)


@dataclass
class Done:
    """What earlier runs have done."""

    files: int = 0
    heard: set[str] = field(default_factory=set)  # loose files
    parts: dict[str, set[int]] = field(default_factory=dict)  # of each shard
    whole: set[str] = field(default_factory=set)  # shards
    failed: list[dict[str, Any]] = field(default_factory=list)


class Output:
    """A folder of answers, on a disk or in a store."""

    def __init__(self, uri: str, as_parquet: bool):
        self.folder = Folder(uri)
        self._suffix = "parquet" if as_parquet else "jsonl"

    def begin(self, settings: dict[str, Any]) -> Done:
        """What is done; refuses a folder that was begun with other settings, removes parts without a record."""
        if self.folder.is_local:
            make_writable(self.folder.path)
            remove_leftovers(Path(self.folder.path), ".part-*.tmp")
        listed = {name for name, _ in self.folder.listed()}
        if RUN in listed:
            before = self._json(RUN)
            other = [key for key, value in settings.items() if before.get(key) != value]
            if other:
                raise UserError(
                    f"{self.folder.shown}: was begun with another {' and '.join(other)}: choose another --output"
                )
        elif listed:
            raise UserError(f"{self.folder.shown}: holds other files already: choose an empty --output")
        else:
            self._write(RUN, json.dumps(settings).encode())
        records = [name for name in listed if name.startswith(f"{RECORDS}/") and name.endswith(".json") and name != RUN]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            done = _summed(list(pool.map(self._json, records)))
        recorded = {self._answers_of(Path(name).stem) for name in records}
        for name in listed - recorded:
            if name.startswith("part-"):
                self.folder.files.delete_file(self.folder.of(name))
        return done

    def write(self, part: Part, names: Sequence[str], rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """The answers of one part, then its record; returns the rows that failed."""
        failed = [row for row in rows if "error" in row]
        self._write(self._answers_of(part.name), self._as_file(rows))
        record = asdict(part) | {"names": list(names), "failed": failed}
        self._write(f"{RECORDS}/{part.name}.json", json.dumps(record).encode())
        return failed

    def list_failed(self, failed: Sequence[dict[str, Any]]) -> None:
        """Every file that could not be heard, in this run and those before it."""
        if failed:
            self._write(FAILED, "".join(f"{json.dumps(row)}\n" for row in failed).encode())

    def _answers_of(self, part: str) -> str:
        return f"part-{part}.{self._suffix}"

    def _as_file(self, rows: Sequence[dict[str, Any]]) -> bytes:
        if self._suffix == "jsonl":
            return "".join(f"{json.dumps(row)}\n" for row in rows).encode()
        sink = pa.BufferOutputStream()
        pq.write_table(pa.Table.from_pylist(list(rows), schema=ANSWERS), sink)
        return sink.getvalue().to_pybytes()

    def _json(self, name: str) -> dict[str, Any]:
        try:
            with self.folder.files.open_input_stream(self.folder.of(name)) as stream:
                return json.loads(stream.read())
        except (ValueError, OSError) as error:
            where = f"{self.folder.shown}/{name}"
            raise UserError(f"{where}: cannot be read ({first_line(error)}): choose another --output") from error

    def _write(self, name: str, content: bytes) -> None:
        """Whole or not at all: a store shows an object once it has all of it, and a disk gets it by renaming."""
        path = self.folder.of(name)
        try:
            if isinstance(self.folder.files, fs.LocalFileSystem):
                with written_whole(path) as temporary:
                    temporary.write_bytes(content)
            else:
                with self.folder.files.open_output_stream(path) as stream:
                    stream.write(content)
        except pa.ArrowException as error:
            raise UserError(f"{self.folder.shown}: cannot be written: {first_line(error)}") from error


def _summed(records: Sequence[dict[str, Any]]) -> Done:
    done, last = Done(), {}
    for record in records:
        done.files += len(record["names"])
        done.failed += record["failed"]
        if record["shard"] is None:
            done.heard.update(record["names"])
        else:
            done.parts.setdefault(record["shard"], set()).add(record["number"])
            if record["is_last"]:
                last[record["shard"]] = record["number"]
    done.whole = {shard for shard, number in last.items() if len(done.parts[shard]) == number + 1}
    return done
