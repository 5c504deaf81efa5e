"""Files are there whole or not at all, whatever happens while they are written."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from dwindle.files import make_writable, scratch_folder, sha256_of, write_json, written_whole


def test_the_old_file_stays_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "deep" / "a.txt"
    with written_whole(path) as temporary:
        temporary.write_text("first")
        assert not path.exists()
        assert temporary.parent == path.parent  # a rename is whole only inside one file system
    with written_whole(path) as temporary:
        temporary.write_text("second")
        assert path.read_text() == "first"
    assert path.read_text() == "second"
    assert os.listdir(path.parent) == ["a.txt"]


def test_a_failure_leaves_what_was_there_and_nothing_else(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError), written_whole(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    with pytest.raises(FileNotFoundError), written_whole(path):
        pass  # nothing was written
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_kill_in_mid_writing_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    writer = (
        "import sys, time\nfrom dwindle.files import written_whole\nwith written_whole(sys.argv[1]) as temporary:\n"
        " temporary.write_text('half'); print('writing', flush=True); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", writer, path], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "writing\n"
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=10)
    assert path.read_text() == "old"
    assert len(os.listdir(tmp_path)) == 2
    with written_whole(path) as temporary:
        temporary.write_text("new")
    assert path.read_text() == "new"
    assert os.listdir(tmp_path) == ["a.txt"]  # what the killed one left is nobody's


def test_scratch_folders_of_killed_programs_go_and_those_in_use_stay(tmp_path):
    """A regression: killed exports left .export- folders for ever."""
    holder = "import sys, time\nfrom dwindle.files import scratch_folder\n"
    holder += "with scratch_folder(sys.argv[1], '.export-') as one:\n"
    holder += " (one / 'model.onnx').write_text('half'); print(one.name, flush=True); time.sleep(60)"
    command = [sys.executable, "-c", holder, tmp_path]
    killed, working = (subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2))
    left, used = (process.stdout.readline().strip() for process in (killed, working))
    killed.kill()
    killed.communicate(timeout=10)
    assert sorted(os.listdir(tmp_path)) == sorted([left, used])
    with scratch_folder(tmp_path, ".export-") as own:
        assert sorted(os.listdir(tmp_path)) == sorted([own.name, used])
    assert os.listdir(tmp_path) == [used]
    working.kill()
    working.communicate(timeout=10)


def test_a_folder_that_takes_no_file_is_told_before_the_work(tmp_path):
    make_writable(tmp_path / "a" / "b")
    with pytest.raises(NotADirectoryError):
        (tmp_path / "file").write_text("")
        make_writable(tmp_path / "file" / "below")
    with pytest.raises(OSError, match="proc"):
        make_writable("/proc/self")


def test_two_writers_at_once_leave_one_whole_file(tmp_path):
    path = tmp_path / "a.txt"
    writer = (
        "import sys\nfrom dwindle.files import written_whole\nfor _ in range(50):\n"
        " with written_whole(sys.argv[1]) as temporary: temporary.write_text(sys.argv[2] * 100_000)"
    )
    writers = [subprocess.Popen([sys.executable, "-c", writer, path, letter]) for letter in "ab"]
    while any(process.poll() is None for process in writers):
        if path.exists():
            assert path.read_text() in ("a" * 100_000, "b" * 100_000)
        time.sleep(0.001)
    assert [process.returncode for process in writers] == [0, 0]
    assert os.listdir(tmp_path) == ["a.txt"]


def test_json_is_readable_whole_and_never_nan(tmp_path):
    write_json(tmp_path / "a.json", {"wörd": [1, 2.5, None]})
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == {"wörd": [1, 2.5, None]}
    assert "wörd" in (tmp_path / "a.json").read_text(encoding="utf-8")
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", [float("nan")])
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == {"wörd": [1, 2.5, None]}


def test_the_digest_is_sha256(tmp_path):
    (tmp_path / "a").write_bytes(b"dwindle" * 1_000_000)
    assert sha256_of(tmp_path / "a") == hashlib.sha256(b"dwindle" * 1_000_000).hexdigest()
