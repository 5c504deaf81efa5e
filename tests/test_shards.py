"""Places of an archive: how they are called, whether two are the same, and which are none."""

import io
import os
import tarfile
from pathlib import Path

import pytest

from dwindle.errors import UserError
from dwindle.infer.speech.shards import Folder, Reader, Work


def test_a_local_name_is_called_as_it_is_spelt(tmp_path, monkeypatch):
    """A regression: `calls:2026/` was called `calls://2026`."""
    monkeypatch.chdir(tmp_path)
    for name, shown in (("calls:2026/", "calls:2026"), ("2026?#@", "2026?#@"), ("/", "/"), ("a/b//", "a/b")):
        folder = Folder(name)
        assert (folder.shown, folder.is_local) == (shown, True)
        assert folder.identity == str(Path(name).absolute())


def test_a_local_place_is_the_same_however_it_is_spelt(tmp_path, monkeypatch):
    (tmp_path / "calls/2026").mkdir(parents=True)
    (tmp_path / "link").symlink_to("calls")
    monkeypatch.chdir(tmp_path / "calls")
    ways = ("../calls", "2026/..", tmp_path / "link", f"file://{tmp_path}/calls", f"{tmp_path}//calls/")
    assert {Folder(str(way)).identity for way in ways} == {os.path.realpath(tmp_path / "calls")}


def test_a_store_is_called_without_endpoint_and_keys():
    uri = "s3://key:secret@calls/a@b/2026/?endpoint_override=nowhere:9000&region=eu-central-1"
    folder = Folder(uri)
    assert folder.shown == folder.identity == "s3://calls/a@b/2026"
    assert not folder.is_local


@pytest.mark.parametrize("uri", ["s3://[x", "s3://key:secret@[x/y?a=b", "nope://key:secret@x", "s3://key:secret@x?y=z"])
def test_what_is_no_place_is_one_line_without_keys(uri):
    """Regressions: the first was a traceback, and Arrow quoted the keys of the others."""
    with pytest.raises(UserError, match="cannot be opened") as refused:
        Folder(uri)
    assert "\n" not in str(refused.value)
    assert "secret" not in str(refused.value)


def test_names_that_are_not_utf_8(tmp_path):
    """Regressions: one in a tar shard ended the whole run, one in the folder gave a traceback."""
    with tarfile.open(tmp_path / "old.tar", "w", format=tarfile.GNU_FORMAT) as tar:
        for name in ("caf\udce9.wav", "good.wav"):
            tar.addfile(tarfile.TarInfo(name), io.BytesIO())
    (part,) = Reader(str(tmp_path), 9).parts(Folder(str(tmp_path)), Work(("old.tar",), True, 1))
    assert part["names"].to_pylist() == [["old.tar/caf\\udce9.wav", "old.tar/good.wav"]]
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.wav")).touch()
    with pytest.raises(UserError, match="holds a file whose name is not UTF-8: rename it"):
        Folder(str(tmp_path)).listed()
