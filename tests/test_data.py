"""The data directory and its command: where data is looked for, what is listed, what a check finds."""

import gzip
import json
import os
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
import soundfile

from dwindle import data
from dwindle.data import __main__ as data_commands
from dwindle.data.check import check, read_idx
from dwindle.errors import UsageError, UserError
from dwindle.infer.speech import SAMPLE_RATE
from dwindle.tasks.speech import check_recordings as checking


def test_where_data_is_looked_for(monkeypatch):
    monkeypatch.delenv("DWINDLE_DATA", raising=False)
    assert data.data_directory() == Path("data")
    monkeypatch.setenv("DWINDLE_DATA", "/corpora")
    assert data.data_directory() == Path("/corpora")
    assert data.data_directory("here") == Path("here")


def test_missing_data_names_the_command_that_fetches_it(tmp_path, monkeypatch):
    monkeypatch.setenv("DWINDLE_DATA", str(tmp_path))
    with pytest.raises(UserError, match=r"python -m dwindle\.data fetch fsdd$"):
        data.require("fsdd", tmp_path)
    with pytest.raises(UserError, match=r"fetch fsdd --data_dir elsewhere$"):
        data.require("fsdd", Path("elsewhere"))
    (tmp_path / "fsdd" / "recordings").mkdir(parents=True)
    assert data.require("fsdd", tmp_path) == tmp_path / "fsdd"


def test_list_tells_present_from_missing(tmp_path, capsys):
    (tmp_path / "fsdd" / "recordings").mkdir(parents=True)
    assert data_commands.main(["list", "--data_dir", str(tmp_path)]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert " present " in lines["fsdd"] and "CC BY-SA 4.0" in lines["fsdd"] and "16 MB" in lines["fsdd"]
    assert " missing " in lines["mnist"]
    data_commands.main(["list", "--data_dir", str(tmp_path), "--json"])
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["fsdd"]["present"] and not rows["sst2"]["present"]
    assert rows["sst2"]["fetch"] == f"python -m dwindle.data fetch sst2 --data_dir {tmp_path}"


def test_an_unknown_name_is_a_usage_error():
    with pytest.raises(UsageError, match="invalid choice: 'imagenet'") as refused:
        data_commands.main(["fetch", "imagenet"])
    assert refused.value.exit_code == 2


def test_check_of_a_missing_set(tmp_path):
    with pytest.raises(UserError, match="fetch mnist"):
        data_commands.main(["check", "mnist", "--data_dir", str(tmp_path)])


@pytest.fixture
def small_commands(tmp_path, request):
    """A Speech Commands of six clips, five speakers and one noise, as FLAC at 8 kHz or as WAV at 16 kHz."""
    suffix, rate = request.param
    rng = np.random.default_rng(0)
    root = tmp_path / "speech_commands"
    names = ["zero/aa_nohash_0", "zero/bb_nohash_0", "nine/bb_nohash_0", "nine/cc_nohash_0", "bed/dd_nohash_0"]
    for name in [*names, "nine/ee_nohash_0", "_background_noise_/tap"]:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(root / f"{name}{suffix}", rng.uniform(-0.5, 0.5, rate).astype(np.float32), rate)
    (root / "validation_list.txt").write_text(f"nine/cc_nohash_0{suffix}\n")
    (root / "training_list.txt").write_text("".join(f"{name}{suffix}\n" for name in names if "/cc" not in name))
    return root


LAYOUTS = pytest.mark.parametrize("small_commands", [(".flac", 8_000), (".wav", 16_000)], indirect=True, ids=str)
FLAC = pytest.mark.parametrize("small_commands", [(".flac", SAMPLE_RATE)], indirect=True, ids=["flac"])


@LAYOUTS
def test_check_counts_and_finds_nothing_wrong(small_commands, capsys):
    assert data_commands.main(["check", "speech_commands", "--data_dir", str(small_commands.parent), "--json"]) == 0
    (report,) = json.loads(capsys.readouterr().out)
    assert report["problems"] == []
    facts = report["facts"]
    assert (facts["recordings"], facts["  train"], facts["  validation"], facts["speakers"]) == (7, 5, 1, 5)
    assert facts["duplicates inside a split"] == facts["unreadable"] == 0


@FLAC
def test_check_finds_every_fault(small_commands, capsys):
    shutil.copy(small_commands / "nine/cc_nohash_0.flac", small_commands / "nine/ff_nohash_0.flac")  # in two splits
    shutil.copy(small_commands / "zero/bb_nohash_0.flac", small_commands / "zero/bb_nohash_1.flac")  # twice in train
    (small_commands / "zero/cc_nohash_0.flac").write_bytes(b"fLaC, but not for long")  # cc is in validation, too
    (small_commands / "nine/bb_nohash_0.flac").unlink()
    assert data_commands.main(["check", "speech_commands", "--data_dir", str(small_commands.parent)]) == 1
    output = capsys.readouterr().out
    assert "1 identical recordings in two splits: nine/cc_nohash_0.flac = nine/ff_nohash_0.flac" in output
    assert "1 unreadable" in output and "zero/cc_nohash_0.flac: not a sound file" in output
    assert "1 speakers stand in two splits" in output
    assert "1 recordings of its lists are missing: nine/bb_nohash_0" in output
    assert output.count("WRONG") == 4
    counted = next(line for line in output.splitlines() if "duplicates inside a split" in line)
    assert counted.split()[-1] == "1"


@FLAC
def test_the_same_sound_in_another_container_is_a_duplicate(small_commands):
    samples, rate = soundfile.read(small_commands / "nine/cc_nohash_0.flac", dtype="int16")
    soundfile.write(small_commands / "nine/gg_nohash_0.wav", samples, rate)
    problems = check("speech_commands", small_commands.parent).problems
    assert any("nine/cc_nohash_0.flac = nine/gg_nohash_0.wav" in problem for problem in problems)


@FLAC
def test_the_whole_archive_has_a_known_size(small_commands):
    (small_commands / "testing_list.txt").write_text("")
    assert any(
        "instead of the archive's 105,829" in text for text in check("speech_commands", small_commands.parent).problems
    )


def test_check_of_an_incomplete_fsdd(tmp_path):
    recordings = tmp_path / "fsdd" / "recordings"
    recordings.mkdir(parents=True)
    soundfile.write(recordings / "7_theo_3.wav", np.full(4_000, 0.1, np.float32), SAMPLE_RATE)
    report = check("fsdd", tmp_path)
    assert report.facts["  test"] == 1
    assert report.problems == ["1 recordings instead of 3,000"]


def idx(*shape: int, value: int = 7) -> bytes:
    header = b"\0\0\x08" + bytes([len(shape)]) + b"".join(length.to_bytes(4, "big") for length in shape)
    return header + bytes([value]) * int(np.prod(shape))


def test_read_idx(tmp_path):
    file = tmp_path / "x.gz"
    file.write_bytes(gzip.compress(idx(2, 3, 4)))
    assert read_idx(file).shape == (2, 3, 4) and (read_idx(file) == 7).all()
    whole = gzip.compress(idx(2, 3))
    damaged = [
        gzip.compress(idx(2, 3)[:-1]),
        gzip.compress(idx(2, 3) + b"\0"),
        gzip.compress(b""),
        gzip.compress(b"\0\0"),
    ]
    for content in [*damaged, gzip.compress(b"\0\0\x0d\x01\0\0\0\0"), whole[:-9], b"", b"<html>"]:
        file.write_bytes(content)
        with pytest.raises(UserError, match=r"x\.gz: "):
            read_idx(file)


def test_check_of_a_damaged_mnist(tmp_path):
    root = tmp_path / "mnist"
    root.mkdir()
    for split in ("train", "t10k"):
        (root / f"{split}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(2, 28, 28)))
        (root / f"{split}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(2)))
    problems = check("mnist", tmp_path).problems
    assert len(problems) == 4
    assert "the same image stands in train and test" in problems and "the contents are not those published" in problems
    (root / "train-images-idx3-ubyte.gz").write_bytes(b"no")
    assert any("damaged" in problem for problem in check("mnist", tmp_path).problems)


def test_check_of_a_damaged_sst2(tmp_path):
    root = tmp_path / "sst2"
    root.mkdir()
    (root / "train.tsv").write_text("sentence\tlabel\nsame\t1\nother\t0\nthird\t0\n")
    (root / "dev.tsv").write_text("index\tsentence\n0\tsame\n")
    (root / "test.tsv").write_text("sentence\tlabel\nother\t0\nthird\t1\n")
    problems = check("sst2", tmp_path).problems
    assert "train.tsv: 3 rows instead of 67,349" in problems
    assert "dev.tsv: its first line is not sentence<TAB>label" in problems
    assert "dev.tsv: 1 lines without a label of 0 or 1: line 2" in problems
    assert "2 sentences in two splits: other, third" in problems
    (root / "test.tsv").write_bytes(b"sentence\tlabel\n\xff\t1\n")
    with pytest.raises(UserError, match="not UTF-8 at byte 15"):
        check("sst2", tmp_path)


def test_the_command_that_fetches_can_be_pasted(tmp_path):
    assert data.fetch_command("fsdd", tmp_path / "my data").endswith(f"fetch fsdd --data_dir '{tmp_path}/my data'")


def killed(path: Path) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_worker_that_something_kills_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(checking, "decode", killed)
    with pytest.raises(UserError, match="words: a worker was stopped from outside"):
        checking._decode_all([tmp_path / "a.wav"], "words")
