"""Fetching from a server on this machine that misbehaves in every way that a real one does."""

import gzip
import hashlib
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from misbehaving_server import files_below, serving, tarball, zipped

from dwindle import errors
from dwindle.data import __main__ as data_commands
from dwindle.data import source as catalogue
from dwindle.data.fetch import _alone, fetch
from dwindle.data.source import DataSet, Source, contents_digest, keep_all
from dwindle.errors import UserError

ROOT = Path(__file__).parents[1]
CONTENT = {"zero/a.wav": b"RIFF" + os.urandom(200_000), "zero/b.wav": b"RIFF" + os.urandom(100_000), "list.txt": b"a"}


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with serving(tarball(CONTENT)) as server:
        yield server


def words(server, pinned: bool = True, url: str | None = None, **changes) -> DataSet:
    sha256 = hashlib.sha256(server.body).hexdigest() if pinned else None
    made = DataSet(
        "words",
        "Words",
        "none",
        "http://home.example",
        (Source(url or server.url, sha256),),
        0,
        ("list.txt",),
        keep_all,
    )
    return replace(made, **changes)


@contextmanager
def fails_in_one_line(data_dir: Path, *parts: str):
    """A UserError of one line that says these parts, and nothing at the destination."""
    with pytest.raises(UserError) as caught:
        yield
    text = str(caught.value)
    assert "\n" not in text
    for part in parts:
        assert part in text
    assert not (data_dir / "words").exists()


def part_of(data_dir: Path) -> Path:
    return data_dir / ".fetch" / "words" / "words.tar.gz.part"


@pytest.mark.parametrize("fault", [None, "chunked", "no ranges"])
def test_a_set_is_fetched_whole_and_leaves_nothing_else(server, tmp_path, fault):
    server.fault = fault
    assert fetch(words(server), tmp_path) == tmp_path / "words"
    assert files_below(tmp_path) == {f"words/{name}": content for name, content in CONTENT.items()}
    assert os.listdir(tmp_path) == ["words"]
    fetch(words(server), tmp_path)
    assert len(server.ranges) == 1  # what is there is not fetched again


def test_zip_and_plain_files(server, tmp_path):
    server.body = zipped(CONTENT)
    fetch(words(server, url=server.url.replace("tar.gz", "zip")), tmp_path / "zip")
    assert files_below(tmp_path / "zip" / "words") == CONTENT
    server.body = gzip.compress(b"digits")
    plain = server.url.replace("words.tar.gz", "images.gz")
    fetch(words(server, url=plain, needs=("images.gz",)), tmp_path / "idx")
    assert files_below(tmp_path / "idx" / "words") == {"images.gz": server.body}


@pytest.mark.parametrize("fault", ["drop", "chunked drop"])
def test_a_dropped_connection_is_resumed_where_it_broke(server, tmp_path, fault):
    server.fault = fault
    with fails_in_one_line(tmp_path, "the connection broke after", "fetch again", server.url):
        fetch(words(server), tmp_path)
    have = part_of(tmp_path).stat().st_size
    assert have == len(server.body) // 2
    server.fault = None
    fetch(words(server), tmp_path)
    assert server.ranges == [None, f"bytes={have}-"]
    assert files_below(tmp_path / "words") == CONTENT


def test_a_server_without_ranges_starts_again(server, tmp_path):
    server.fault = "drop"
    with fails_in_one_line(tmp_path, "the connection broke"):
        fetch(words(server), tmp_path)
    server.fault = "no ranges"
    fetch(words(server), tmp_path)
    assert len(server.ranges) == 2  # nothing of the old part was left to spoil the checksum
    assert files_below(tmp_path / "words") == CONTENT


@pytest.mark.parametrize("left", ["of another file", "whole", "too long"])
def test_whatever_an_earlier_download_left(server, tmp_path, left):
    part = part_of(tmp_path)
    part.parent.mkdir(parents=True)
    part.write_bytes({"of another file": b"x" * 99, "whole": server.body, "too long": server.body + b"x"}[left])
    fetch(words(server), tmp_path)
    assert files_below(tmp_path / "words") == CONTENT
    assert len(server.ranges) == (1 if left == "whole" else 2)


def test_a_wrong_checksum_leaves_nothing(server, tmp_path):
    wanted = words(server)
    server.body = tarball({"list.txt": b"something else"})
    with fails_in_one_line(tmp_path, "wrong checksum", "deleted", "http://home.example"):
        fetch(wanted, tmp_path)
    assert files_below(tmp_path) == {}


def test_contents_are_verified_where_the_archive_is_not_pinned(server, tmp_path):
    (tmp_path / "same").write_bytes(b"a")
    digest = contents_digest([tmp_path / "same"])
    pinned = words(server, pinned=False, contents_pattern="same", contents_sha256=digest, needs=("same",))
    server.body = tarball({"same": b"b"})
    with fails_in_one_line(tmp_path, "wrong checksum of its contents"):
        fetch(pinned, tmp_path)
    server.body = tarball({"same": b"a"})
    fetch(pinned, tmp_path)  # the bad archive was not kept
    assert files_below(tmp_path / "words") == {"same": b"a"}


@pytest.mark.parametrize(("status", "advice"), [(404, "it has moved"), (410, "it has moved"), (503, "try again later")])
def test_an_error_of_the_server(server, tmp_path, status, advice):
    server.fault = status
    with fails_in_one_line(tmp_path, str(status), advice, server.url):
        fetch(words(server), tmp_path)
    assert os.listdir(tmp_path) == []


def test_nobody_answers(server, tmp_path):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/words.tar.gz"
        with fails_in_one_line(tmp_path, "cannot be reached", "Connection refused", "check the connection"):
            fetch(words(server, url=url), tmp_path)


@pytest.mark.parametrize("body", [b"<html>please log in</html>", b"", tarball(CONTENT)[:150_000]])
@pytest.mark.parametrize("suffix", ["tar.gz", "zip"])
def test_not_an_archive(server, tmp_path, body, suffix):
    server.body = body
    with fails_in_one_line(tmp_path, "not an archive that can be unpacked"):
        fetch(words(server, pinned=False, url=server.url.replace("tar.gz", suffix)), tmp_path)
    assert files_below(tmp_path) == {}


@pytest.mark.parametrize("name", ["../evil", "zero/../../../evil", "/tmp/evil", "..\\evil", "C:\\evil"])
@pytest.mark.parametrize("pack", [tarball, zipped])
def test_an_archive_that_reaches_outside(server, tmp_path, name, pack):
    server.body = pack({"list.txt": b"a", name: b"gotcha"})
    url = server.url if pack is tarball else server.url.replace("tar.gz", "zip")
    with fails_in_one_line(tmp_path, "wants to write outside"):
        fetch(words(server, url=url), tmp_path)
    assert files_below(tmp_path) == {}


def test_the_disk_fills_up_while_downloading(server, small_disk):
    folder, message = small_disk
    server.body = os.urandom(2_000_000)
    with fails_in_one_line(folder, message):
        fetch(words(server), folder)
    assert set(files_below(folder)) == {".fetch/words/words.tar.gz.part"}


def test_the_disk_fills_up_while_unpacking(server, small_disk):
    folder, message = small_disk
    server.body = tarball({"list.txt": bytes(2_000_000)})  # zeros: a small archive
    with fails_in_one_line(folder, message):
        fetch(words(server), folder)
    assert set(files_below(folder)) == {".fetch/words/words.tar.gz"}  # still good, not downloaded again


def test_a_disk_too_small_is_told_before_the_download(server, tmp_path):
    with fails_in_one_line(tmp_path, "needs 1000000000.00 GB", "free some space"):
        fetch(words(server, disk_bytes=10**18), tmp_path)
    assert server.ranges == []


def test_a_folder_that_cannot_be_made(server, tmp_path):
    (tmp_path / "file").write_text("")
    with fails_in_one_line(tmp_path, "not a directory"):
        fetch(words(server), tmp_path / "file" / "data")
    assert server.ranges == []


def test_something_else_stands_there(server, tmp_path):
    (tmp_path / "words").mkdir()
    with pytest.raises(UserError, match="not a whole words: move it away"):
        fetch(words(server), tmp_path)


def test_interrupted_while_downloading(server, tmp_path):
    server.fault = "stall"
    program = f"""
from pathlib import Path
from dwindle.data.source import DataSet, Source, keep_all
from dwindle.errors import run
from dwindle.data.fetch import fetch
words = DataSet("words", "Words", "", "", (Source({server.url!r}),), 0, ("list.txt",), keep_all)
run(lambda: fetch(words, Path({str(tmp_path)!r})) and 0)
"""
    process = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not (part_of(tmp_path).exists() and part_of(tmp_path).stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.02)
        assert process.poll() is None, process.stderr.read()
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == errors.EXIT_SIGNALLED + signal.SIGINT
    assert stderr.strip().endswith("interrupted") and len(stderr.strip().splitlines()) == 1
    assert set(files_below(tmp_path)) == {".fetch/words/words.tar.gz.part"}
    server.fault = None
    fetch(words(server), tmp_path)
    assert server.ranges[-1].startswith("bytes=")
    assert files_below(tmp_path / "words") == CONTENT


def test_interrupted_while_unpacking(server, tmp_path):
    def interrupt(unpacked, finished):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(words(server, arrange=interrupt), tmp_path)
    assert set(files_below(tmp_path)) == {".fetch/words/words.tar.gz"}
    fetch(words(server), tmp_path)
    assert len(server.ranges) == 1
    assert files_below(tmp_path) == {f"words/{name}": content for name, content in CONTENT.items()}


def test_two_at_once(server, tmp_path):
    def meanwhile(unpacked, finished):
        with pytest.raises(UserError, match="being fetched by another process"):
            fetch(words(server), tmp_path)
        keep_all(unpacked, finished)

    fetch(words(server, arrange=meanwhile), tmp_path)
    assert files_below(tmp_path / "words") == CONTENT


def test_who_comes_second_takes_nothing_from_the_first(server, tmp_path):
    """A regression: while the first waited for the server, the second removed its empty folder."""
    with _alone(tmp_path / "w", words(server)):
        with pytest.raises(UserError, match="being fetched by another process"), _alone(tmp_path / "w", words(server)):
            pass
        assert (tmp_path / "w").is_dir()
    assert not (tmp_path / "w").exists()


def test_the_command_ends_in_one_line_and_an_exit_code(server, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(catalogue.DATA_SETS, "fsdd", words(server, name="fsdd"))
    monkeypatch.setattr(sys, "argv", ["data", "fetch", "fsdd", "--data_dir", str(tmp_path)])
    server.fault = 404
    with pytest.raises(SystemExit) as ended:
        errors.run(data_commands.main)
    assert ended.value.code == 1
    output = capsys.readouterr()
    assert output.out == "" and output.err.count("\n") == 1 and "404" in output.err
    server.fault = None
    with pytest.raises(SystemExit) as ended:
        errors.run(data_commands.main)
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"fsdd: in {tmp_path / 'fsdd'}\n"
