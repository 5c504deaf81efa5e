"""Unpacking an archive that a stranger made: plain files only, and none outside the folder."""

import gzip
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from tqdm import tqdm

from dwindle.errors import UserError

BLOCK_BYTES = 1 << 20
DAMAGED = (  # what the standard library raises for archives that are none, or broken ones
    zipfile.BadZipFile,
    tarfile.TarError,
    gzip.BadGzipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    RuntimeError,  # it is encrypted
    UnicodeError,
)


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a .zip or .tar.gz below `folder`, plain files only and none outside it; any other file is copied there."""
    folder.mkdir(exist_ok=True)
    if not archive.name.endswith((".zip", ".tar.gz")):
        shutil.copyfile(archive, folder / archive.name)
        return
    size_bytes = archive.stat().st_size
    bar = tqdm(total=size_bytes, desc=f"unpacking {archive.name}", unit="B", unit_scale=True, disable=None)
    with bar, open(archive, "rb") as raw:
        try:
            for name, content in _members(archive.name, raw):
                target = folder / inside(name, archive.name)
                target.parent.mkdir(parents=True, exist_ok=True)
                with open(target, "wb") as file:
                    shutil.copyfileobj(content, file, BLOCK_BYTES)
                bar.update(raw.tell() - bar.n)
        except DAMAGED as error:
            raise UserError(f"{archive.name}: not an archive that can be unpacked ({error}): fetch it again") from error


def _members(name: str, raw: IO[bytes]) -> Iterator[tuple[str, IO[bytes]]]:
    """Name and content of every plain file; links and devices are left out."""
    if name.endswith(".zip"):
        with zipfile.ZipFile(raw) as archive:
            for info in archive.infolist():
                if not info.is_dir():
                    with archive.open(info) as content:
                        yield info.filename, content
    else:
        with tarfile.open(fileobj=raw, mode="r:gz") as archive:
            for info in archive:
                if info.isfile() and (content := archive.extractfile(info)):
                    yield info.name, content


def inside(name: str, archive_name: str) -> PurePosixPath:
    """A member's name as a path that stays inside the folder it is joined to."""
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in name or "\0" in name:
        raise UserError(f"{archive_name}: wants to write outside its folder ({name!r}): not unpacked, deleted it")
    return path
