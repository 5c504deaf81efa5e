"""What an archive holds, in parts: loose sound files, tar shards and Parquet tables, on a disk or in an object store.

A part is what one worker hears at a time and answers in one file. The same archive always falls into the same parts.
"""

import hashlib
import json
import os
import re
import tarfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs

from dwindle.errors import UserError
from dwindle.infer.speech.sound_file import SOUND_SUFFIXES

PART_BYTES = 32_000_000  # of sound files, after which a part ends
MOST_FILE_BYTES = 1_000_000_000  # 17 hours of telephone sound; a worker holds the whole file
TAR_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
PARQUET_SUFFIX = ".parquet"
TABLE_ROWS = 64  # of a Parquet file that are read at a time
NAME_COLUMNS = ("path", "file", "file_name", "name", "key", "id")
TRIES, PAUSE_S = 3, 1.0  # of reading what a store did not give
PART = pa.schema(
    [
        ("part", pa.string()),  # JSON of a Part
        ("names", pa.list_(pa.string())),
        ("contents", pa.list_(pa.large_binary())),
        ("errors", pa.list_(pa.string())),  # why there is no content; empty where there is
    ]
)


class Folder:
    """A place that a URI names: a local folder or file, or one in a store that Arrow reaches (s3://, gs://, ...)."""

    def __init__(self, uri: str):
        self.shown = _shown(uri)  # what answers call it
        try:
            self.files, self.path = fs.FileSystem.from_uri(uri if "://" in uri else str(Path(uri).absolute()))
        except (pa.ArrowException, ValueError, OSError, ImportError) as error:
            said = first_line(error).replace(uri, self.shown)
            raise UserError(f"{self.shown}: cannot be opened: {said}") from error
        self.is_local = isinstance(self.files, fs.LocalFileSystem)
        self.identity = os.path.realpath(self.path) if self.is_local else self.shown  # however it is spelt

    def of(self, name: str) -> str:
        """The path of a file in it."""
        return f"{self.path.rstrip('/')}/{name}"

    def listed(self) -> list[tuple[str, int]]:
        """Every file below it, by its path from here, with its size in bytes; in a fixed order."""
        start = len(self.path.rstrip("/")) + 1
        try:
            found = self.files.get_file_info(fs.FileSelector(self.path, recursive=True, allow_not_found=True))
            return sorted((info.path[start:], info.size) for info in found if info.type == fs.FileType.File)
        except (OSError, pa.ArrowException) as error:
            raise UserError(f"{self.shown}: cannot be listed: {first_line(error)}") from error
        except UnicodeDecodeError as error:
            raise UserError(f"{self.shown}: holds a file whose name is not UTF-8: rename it") from error


@dataclass(frozen=True)
class Work:
    """What a worker reads at a time: some loose files, or one shard without the parts that are done."""

    names: tuple[str, ...]
    is_shard: bool
    size_bytes: int
    done_parts: tuple[int, ...] = ()  # of the shard


@dataclass(frozen=True)
class Part:
    """One part: its name and where it comes from."""

    name: str
    shard: str | None  # None: loose files
    number: int = 0  # within the shard
    is_last: bool = True


def work_in(
    files: Sequence[tuple[str, int]], heard: set[str], done_parts: Mapping[str, set[int]], whole: set[str], most: int
) -> Iterator[Work]:
    """What is left to do: loose files not heard, `most` at a time, and shards that are not whole."""
    names: list[str] = []
    size = 0
    for name, size_bytes in files:
        lower = name.lower()
        if lower.endswith((*TAR_SUFFIXES, PARQUET_SUFFIX)):
            if name not in whole:
                yield Work((name,), True, size_bytes, tuple(sorted(done_parts.get(name, ()))))
        elif lower.endswith(SOUND_SUFFIXES) and name not in heard:
            if names and size + size_bytes > PART_BYTES:
                yield Work(tuple(names), False, size)
                names, size = [], 0
            names.append(name)
            size += size_bytes
            if len(names) == most:
                yield Work(tuple(names), False, size)
                names, size = [], 0
    if names:
        yield Work(tuple(names), False, size)


@dataclass(frozen=True)
class Reader:
    """Reads work into parts, one row of a table each; made anew in every process that reads."""

    archive: str
    most: int  # files in a part

    def __call__(self, batch: pa.Table) -> Iterator[pa.Table]:
        """For Ray Data: rows of `work`, as JSON, to rows of `PART`."""
        folder = Folder(self.archive)
        for text in batch["work"].to_pylist():
            yield from self.parts(folder, Work(**json.loads(text)))

    def parts(self, folder: Folder, work: Work) -> Iterator[pa.Table]:
        """One table of one row for each part that is not done."""
        if not work.is_shard:
            name = hashlib.sha256("\n".join(work.names).encode()).hexdigest()[:16]
            yield _table(Part(name, None), [(name, *_content(folder, name)) for name in work.names])
            return
        (shard,) = work.names
        name = hashlib.sha256(shard.encode()).hexdigest()[:16]
        for number, is_last, entries in _numbered(_chunks(_entries(folder, shard), self.most)):
            if number not in work.done_parts:
                yield _table(Part(f"{name}-{number:05}", shard, number, is_last), entries)


Entry = tuple[str, bytes, str]  # name, content, and why there is none


def _entries(folder: Folder, shard: str) -> Iterator[Entry]:
    """The sounds of a shard; what is wrong with it is an entry too."""
    read, count = _of_table if shard.lower().endswith(PARQUET_SUFFIX) else _of_tar, 0
    try:
        for name, content in read(folder, shard):
            yield f"{shard}/{name}", content, ""
            count += 1
        if not count:
            yield shard, b"", "holds no sound files"
    except (tarfile.TarError, pa.ArrowException, OSError, EOFError, UserError) as error:
        yield shard, b"", f"damaged, or not to be read, after {count} sounds: {first_line(error)}"


def _of_tar(folder: Folder, shard: str) -> Iterator[tuple[str, bytes]]:
    with (
        folder.files.open_input_stream(folder.of(shard), compression=None) as stream,
        tarfile.open(fileobj=stream, mode="r|*") as tar,
    ):
        for member in tar:
            if member.isfile() and member.name.lower().endswith(SOUND_SUFFIXES):
                file = tar.extractfile(member)
                name = member.name.encode(errors="backslashreplace").decode()  # Arrow takes nothing but UTF-8
                yield name, file.read() if file else b""


def _of_table(folder: Folder, shard: str) -> Iterator[tuple[str, bytes]]:
    """The first column of bytes, or of {bytes, path} as Hugging Face writes sound, and a column of names."""
    with folder.files.open_input_file(folder.of(shard)) as source:
        table = pq.ParquetFile(source)
        schema = table.schema_arrow
        sound = next((field for field in schema if _bytes_of(field.type)), None)
        if sound is None:
            raise UserError(f"none of its columns holds sound files as bytes: {', '.join(schema.names)}")
        texts = {
            field.name for field in schema if pa.types.is_string(field.type) or pa.types.is_large_string(field.type)
        }
        named_by = next((name for name in NAME_COLUMNS if name in texts), None)
        number = 0
        for batch in table.iter_batches(TABLE_ROWS, columns=[sound.name, *([named_by] if named_by else [])]):
            for row in batch.to_pylist():
                value = row[sound.name] or b""
                path = row[named_by] if named_by else value.get("path") if isinstance(value, dict) else None
                yield path or str(number), (value.get("bytes") if isinstance(value, dict) else value) or b""
                number += 1


def _bytes_of(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        return kind.get_field_index("bytes") >= 0 and _bytes_of(kind.field("bytes").type)
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind)


def _content(folder: Folder, name: str) -> tuple[bytes, str]:
    for tried in range(TRIES):
        try:
            with folder.files.open_input_stream(folder.of(name), compression=None) as stream:
                content = stream.read(MOST_FILE_BYTES + 1)
            if len(content) > MOST_FILE_BYTES:
                return b"", f"larger than {MOST_FILE_BYTES / 1e9:g} GB: cut it"
            return content, ""
        except (OSError, pa.ArrowException) as error:
            if tried + 1 == TRIES or isinstance(error, FileNotFoundError | PermissionError):
                return b"", f"cannot be read: {first_line(error)}"
            time.sleep(PAUSE_S)
    raise AssertionError


def _chunks(entries: Iterable[Entry], most: int) -> Iterator[list[Entry]]:
    chunk: list[Entry] = []
    size = 0
    for entry in entries:
        if len(chunk) == most or (chunk and size + len(entry[1]) > PART_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(entry)
        size += len(entry[1])
    yield chunk


def _numbered(chunks: Iterator[list[Entry]]) -> Iterator[tuple[int, bool, list[Entry]]]:
    """Each with its number and whether it is the last, which is known one later."""
    number, newest = 0, next(chunks)
    for chunk in chunks:
        yield number, False, newest
        number, newest = number + 1, chunk
    yield number, True, newest


def _table(part: Part, entries: Sequence[Entry]) -> pa.Table:
    names, contents, errors = (list(column) for column in zip(*entries, strict=True))
    row: dict[str, Any] = {"part": json.dumps(asdict(part)), "names": names, "contents": contents, "errors": errors}
    return pa.Table.from_pylist([row], schema=PART)


def _shown(uri: str) -> str:
    """Without endpoint and keys, which a URI may carry; a local name may hold whatever it likes."""
    scheme, is_uri, rest = uri.partition("://")
    if not is_uri:
        return uri.rstrip("/") or "/"
    place, slash, path = re.split("[?#]", rest, maxsplit=1)[0].partition("/")
    return f"{scheme}://{place.rpartition('@')[2]}{slash}{path}".rstrip("/")


def first_line(error: BaseException) -> str:
    """What a library says, without its advice and addresses below."""
    return (str(error).splitlines() or [type(error).__name__])[0]
