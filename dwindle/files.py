"""Files that are there whole or not at all, and no leftovers of programs that were killed while they wrote."""

import errno
import fcntl
import glob
import hashlib
import itertools
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

_NUMBERS = itertools.count()  # two writers of one process do not share a temporary file


@contextmanager
def written_whole(path: str | os.PathLike) -> Iterator[Path]:
    """Give a temporary path beside `path`; rename it into place on success, remove it on any failure."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_leftovers(path.parent, f".{glob.escape(path.name)}.*.tmp")
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{next(_NUMBERS)}.tmp")
    try:
        with _claimed(lambda: temporary, os.O_RDWR | os.O_CREAT):
            yield temporary
            if not temporary.stat().st_size:
                raise FileNotFoundError(errno.ENOENT, "nothing was written", str(path))
            with open(temporary, "rb+") as file:
                os.fsync(file.fileno())
            os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def scratch_folder(folder: str | os.PathLike, prefix: str) -> Iterator[Path]:
    """A new folder inside `folder` that is gone at the end; those that killed programs left are gone at once."""
    remove_leftovers(Path(folder), f"{prefix}*")
    with _claimed(lambda: Path(tempfile.mkdtemp(dir=folder, prefix=prefix)), os.O_RDONLY) as scratch:
        try:
            yield scratch
        finally:
            shutil.rmtree(scratch)


def remove_leftovers(folder: Path, pattern: str) -> None:
    """Remove what no running program has claimed: the system takes a claim back when its owner ends, however."""
    for path in folder.glob(pattern):
        with suppress(OSError):  # claimed, gone already, or another person's
            descriptor = os.open(path, os.O_RDONLY)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            finally:
                os.close(descriptor)


@contextmanager
def _claimed(new: Callable[[], Path], how: int) -> Iterator[Path]:
    """A new file or folder that nobody clears away; made again where somebody did before it was claimed."""
    path = new()
    descriptor = os.open(path, how, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        while not os.fstat(descriptor).st_nlink:
            os.close(descriptor)
            path = new()
            descriptor = os.open(path, how, 0o666)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield path
    finally:
        os.close(descriptor)


def make_writable(folder: str | os.PathLike) -> None:
    """Make the folder where there is none; raises now, not after the work, if nothing can be written into it."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))


def write_json(path: str | os.PathLike, value: Any) -> None:
    """Write `value` as readable JSON, whole."""
    with written_whole(path) as temporary:
        temporary.write_text(json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")


def sha256_of(path: str | os.PathLike) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
