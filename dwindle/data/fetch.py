"""Fetching a public data set: download (resumed where it stopped), verify, unpack, put in place in one rename."""

import fcntl
import http.client
import os
import shutil
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tqdm import tqdm

from dwindle.data.source import DataSet, Source
from dwindle.data.unpack import unpack
from dwindle.errors import UserError, describe_os_error
from dwindle.files import sha256_of

TIMEOUT_S = 30
BLOCK_BYTES = 1 << 20


def fetch(data_set: DataSet, data_dir: Path) -> Path:
    """Put the finished set in `data_dir`; on any failure nothing of it is there and the download can be resumed."""
    destination = data_dir / data_set.name
    if data_set.is_present(data_dir):
        return destination
    if destination.exists():
        raise UserError(f"{destination} is there but is not a whole {data_set.name}: move it away and fetch again")
    workspace = data_dir / ".fetch" / data_set.name  # inside data_dir, so that the last step is a rename
    with _disk_errors(data_dir), _alone(workspace, data_set):
        _room_for(data_set, workspace)
        archives = [download(source, workspace, data_set.home) for source in data_set.sources]
        _finish(data_set, archives, workspace).rename(destination)
        _clear(*archives)
    return destination


def download(source: Source, folder: Path, home: str) -> Path:
    """The verified file; what an earlier, broken download left in its .part file is continued."""
    file = folder / source.filename
    if file.exists():  # it got its name only after it was verified
        return file
    part = folder / f"{source.filename}.part"
    resumed = part.exists()
    _receive(source, part, home)
    if resumed and not _matches(part, source):  # the server may have put up another file meanwhile
        part.unlink()
        _receive(source, part, home)
    if not _matches(part, source):
        found = sha256_of(part)
        part.unlink()
        raise UserError(
            f"{source.url}: wrong checksum, SHA-256 {found[:12]}… instead of {(source.sha256 or '')[:12]}…: "
            f"deleted it; fetch again, and if it stays wrong see {home}"
        )
    return part.rename(file)


def _finish(data_set: DataSet, archives: list[Path], workspace: Path) -> Path:
    unpacked, finished = workspace / "unpacked", workspace / "finished"
    _clear(unpacked, finished)
    try:
        for archive in archives:
            unpack(archive, unpacked)
        data_set.arrange(unpacked, finished)
        if data_set.contents_sha256 and not data_set.contents_as_published(finished):
            raise UserError(f"{data_set.name}: wrong checksum of its contents: deleted it; fetch again")
    except UserError:  # what was downloaded is of no use: the next attempt starts afresh
        _clear(unpacked, finished, *archives)
        raise
    except BaseException:  # a full disk, an interruption: the archive is still good
        _clear(unpacked, finished)
        raise
    _clear(unpacked)
    return finished


def _receive(source: Source, part: Path, home: str) -> None:
    have = part.stat().st_size if part.exists() else 0
    headers = {"User-Agent": "dwindle"} | ({"Range": f"bytes={have}-"} if have else {})
    try:
        response = urllib.request.urlopen(urllib.request.Request(source.url, headers=headers), timeout=TIMEOUT_S)
    except urllib.error.HTTPError as error:
        if error.code == 416 and have:  # nothing after what we have: it is whole, or not a beginning of this file
            if error.headers.get("Content-Range") != f"bytes */{have}":
                part.unlink()
                _receive(source, part, home)
            return
        advice = f"it has moved: see {home}" if error.code in (404, 410) else "try again later"
        raise UserError(f"{source.url}: the server answered {error.code} {error.reason}: {advice}") from error
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise UserError(f"{source.url}: cannot be reached ({reason}): check the connection, fetch again") from error
    with response:
        continues = response.status == 206 and response.headers.get("Content-Range", "").startswith(f"bytes {have}-")
        have = have if continues else 0  # a server that knows no ranges sends everything again
        total = have + response.length if response.length is not None else None
        bar = tqdm(total=total, initial=have, desc=source.filename, unit="B", unit_scale=True, disable=None)
        with bar, open(part, "ab" if continues else "wb") as file:
            while block := _read(response, source, have):
                file.write(block)
                have += len(block)
                bar.update(len(block))
    if total is not None and have < total:
        raise _dropped(source, have)


def _read(response: http.client.HTTPResponse, source: Source, have: int) -> bytes:
    try:
        return response.read1(BLOCK_BYTES)
    except (OSError, http.client.HTTPException) as error:
        raise _dropped(source, have) from error


def _dropped(source: Source, have: int) -> UserError:
    return UserError(f"{source.url}: the connection broke after {have / 1e6:,.1f} MB: fetch again, it will be resumed")


def _matches(file: Path, source: Source) -> bool:
    return source.sha256 is None or sha256_of(file) == source.sha256


def _room_for(data_set: DataSet, workspace: Path) -> None:
    have = sum(file.stat().st_size for file in workspace.iterdir() if file.is_file())
    needed = sum(source.size_bytes for source in data_set.sources) + data_set.disk_bytes - have
    free = shutil.disk_usage(workspace).free
    if free < needed:
        raise UserError(
            f"{data_set.name} needs {needed / 1e9:.2f} GB and the disk has {free / 1e9:.2f} GB left: "
            "free some space or choose another --data_dir"
        )


@contextmanager
def _alone(workspace: Path, data_set: DataSet) -> Iterator[None]:
    workspace.mkdir(parents=True, exist_ok=True)
    lock = os.open(workspace, os.O_RDONLY)  # released by the system even if the process is killed
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UserError(f"{data_set.name} is being fetched by another process: wait for it") from error
        try:
            yield
        finally:
            with suppress(OSError):  # not empty: there is something to resume, or another set is on its way
                workspace.rmdir()
                workspace.parent.rmdir()
    finally:
        os.close(lock)


@contextmanager
def _disk_errors(data_dir: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(data_dir)
        raise UserError(describe_os_error(error)) from error


def _clear(*paths: Path) -> None:
    for path in paths:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
