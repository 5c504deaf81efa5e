"""infer.py on files, folders and manifests."""

import errno
import json
import os
import resource
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
from infer_command import infer, json_lines
from tone_model import silence, spoken, tone, write_tone_model

import infer as infer_script
from dwindle.infer.speech import command
from dwindle.infer.speech.file_listener import FileListener, Settings


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A model and recordings of every kind, good and bad."""
    folder = tmp_path_factory.mktemp("place")
    write_tone_model(folder / "tones.onnx")
    (folder / "many" / "deeper").mkdir(parents=True)
    (folder / "hollow").mkdir()
    soundfile.write(folder / "173.wav", spoken("173"), 8_000)
    stereo = np.stack([np.concatenate([silence(0.3, 44_100), tone(4, rate=44_100)])] * 2, axis=1)
    soundfile.write(folder / "4.flac", stereo, 44_100)
    soundfile.write(folder / "noise.wav", 0.2 * np.random.default_rng(0).standard_normal(8_000), 8_000)
    for name, text in (("00", "00"), ("deeper/01", "01")):
        soundfile.write(folder / f"many/{name}.wav", spoken(text), 8_000)
    (folder / "junk.wav").write_bytes(b"junk" * 100)
    (folder / "empty.wav").write_bytes(b"")
    soundfile.write(folder / "no_samples.wav", silence(0), 8_000)
    soundfile.write(folder / "nan.wav", np.full(900, np.nan, np.float32), 8_000, subtype="FLOAT")
    (folder / "cut.wav").write_bytes((folder / "173.wav").read_bytes()[:9_000])
    return folder


def options(place):
    return ["--model", place / "tones.onnx", "--vad", "energy"]


def test_files_in_any_format_get_a_line_each(place):
    done = infer(*options(place), place / "173.wav", place / "4.flac", place / "noise.wav")
    assert (done.returncode, done.stderr) == (0, "")
    first, second, third = done.stdout.splitlines()
    assert first.startswith(f"{place}/173.wav:  173   1 1.00 (0.20-0.50 s)")
    assert ":  4   4 " in second
    assert ":  no known word " in third


def test_json_has_the_promised_fields(place):
    done = infer(*options(place), "--json", place / "173.wav", place / "noise.wav")
    heard, nothing = json_lines(done)
    assert set(heard) == {"file", "text", "digits", "latency_ms"}
    assert (heard["file"], heard["text"]) == (str(place / "173.wav"), "173")
    assert [set(digit) for digit in heard["digits"]] == [{"digit", "start", "end", "confidence"}] * 3
    assert heard["digits"][1]["start"] == pytest.approx(0.7, abs=0.03)
    assert (nothing["text"], nothing["digits"]) == ("", [])
    assert nothing["latency_ms"] > 0


@pytest.mark.parametrize("mode", [[], ["--isolated"], ["--workers", "2"]])
def test_what_is_wrong_with_a_file_is_its_answer_and_the_others_get_theirs(place, mode):
    bad = ["junk.wav", "empty.wav", "no_samples.wav", "nan.wav", "cut.wav", "absent.wav", "hollow"]
    done = infer(*options(place), *mode, "--json", *(place / name for name in [*bad, "4.flac"]))
    assert done.returncode == 1
    assert done.stderr == ""
    rows = json_lines(done)
    errors = {row["file"]: row["error"] for row in rows if "error" in row}
    assert set(errors) == {str(place / name) for name in bad}
    assert all("\n" not in error and str(place) not in error for error in errors.values())
    assert [row["text"] for row in rows if "text" in row] == ["4"]


@pytest.mark.parametrize("mode", [[], ["--isolated"], ["--workers", "2"], ["--stream"]])
def test_who_expects_digits_alone_gets_them_though_they_are_faint(tmp_path, mode):
    """Two tones at once: the model is unsure, and as strict as can be."""
    strict = write_tone_model(tmp_path / "strict.onnx", lone_threshold="1.0", threshold="1.0")
    unsure = np.concatenate([silence(0.5), tone(4) + 0.8 * tone(7), silence(3)])
    soundfile.write(tmp_path / "unsure.wav", unsure, 8_000)
    for expected, text in (([], ""), (["--expect", "digits"], "4")):
        done = infer("--model", strict, *expected, "--json", *mode, tmp_path / "unsure.wav")
        assert done.returncode == 0
        rows = json_lines(done)
        assert "".join(row.get("text", row.get("digit", "")) for row in rows) == text


@pytest.mark.parametrize(
    ("duration_s", "after_s", "text"),
    [(0.6, 2.5, "4"), (0.95, 2.5, ""), (0.6, 4.5, "")],
    ids=["word", "drawn out", "long"],
)
def test_a_short_recording_of_one_word_gets_a_second_look(tmp_path, duration_s, after_s, text):
    """The rules for running speech refuse it; the pooled output, over a clip of one word, may be surer."""
    model = write_tone_model(tmp_path / "strict.onnx", lone_threshold="1.0", threshold="0.3")
    sound = tone(4, duration_s) + 0.8 * tone(7, duration_s)
    soundfile.write(tmp_path / "4.wav", np.concatenate([silence(0.5), sound, silence(after_s)]), 8_000)
    heard = FileListener(Settings(model, None, 1, "energy", False)).hear(str(tmp_path / "4.wav"))
    assert heard["text"] == text
    assert all(0.4 < digit["start"] < 0.55 and 1.05 < digit["end"] < 1.2 for digit in heard["digits"])


def test_who_expects_digits_gets_none_where_nobody_speaks(place, tmp_path):
    soundfile.write(tmp_path / "hiss.wav", 1e-4 * np.random.default_rng(0).standard_normal(4_000), 8_000)
    for only_words in (False, True):
        settings = Settings(place / "tones.onnx", None, 1, "energy", False, only_words=only_words)
        assert FileListener(settings).hear(str(tmp_path / "hiss.wav"))["text"] == ""


def test_an_isolated_word_stands_in_a_minute_at_most(place, tmp_path):
    listener = FileListener(Settings(place / "tones.onnx", None, 1, "energy", True))
    for after_s, refused in ((59, False), (61, True)):
        soundfile.write(tmp_path / "7.wav", np.concatenate([tone(7), silence(after_s)]), 8_000)
        row = listener.hear(str(tmp_path / "7.wav"))
        assert ("longer than 60 s" in row["error"]) if refused else row["text"] == "7"


def test_people_read_errors_on_standard_error(place):
    done = infer(*options(place), place / "hollow", place / "4.flac")
    assert done.returncode == 1
    assert done.stderr == f"{place}/hollow: no sound files in this folder\n"
    assert len(done.stdout.splitlines()) == 1


def test_a_folder_that_may_not_be_read_costs_no_other_file_its_answer(place, monkeypatch, capsys):
    """A regression. The tests may run as root, who may read all: so the folder's refusal is put in its place."""

    def refusing(folder: Path):
        raise PermissionError(errno.EACCES, "Permission denied", str(folder))

    monkeypatch.setattr(command, "sound_files", refusing)
    settings = Settings(place / "tones.onnx", None, 1, "energy", False)
    code = command.recognise(settings, [str(place / "many"), str(place / "4.flac")], 1, True)
    refused, good = map(json.loads, capsys.readouterr().out.splitlines())
    assert (code, good["text"]) == (1, "4")
    assert "no permission" in refused["error"]


def test_names_that_are_no_text_are_heard_and_told(place, tmp_path):
    for name in (b"caf\xe9.wav", b"junk\xe9.wav"):
        sound = place / ("173.wav" if name.startswith(b"caf") else "junk.wav")
        shutil.copy(sound, os.fsencode(tmp_path) + b"/" + name)
    for encoding in ("utf-8:strict", "ascii"):
        heard, junk = json_lines(infer(*options(place), "--json", tmp_path, PYTHONIOENCODING=encoding))
        assert (heard["text"], os.fsencode(heard["file"])) == ("173", os.fsencode(tmp_path) + b"/caf\xe9.wav")
        assert "not a sound file" in junk["error"]
        told = infer(*options(place), tmp_path, PYTHONIOENCODING=encoding)
        assert told.returncode == 1
        assert "173" in told.stdout


@pytest.mark.parametrize("rate", [1_000_003, 2_000_000_011, 0, 50])
def test_a_rate_that_cannot_be_is_refused_before_anything_is_made_for_it(place, tmp_path, rate):
    sound = bytearray((place / "173.wav").read_bytes())
    at = sound.index(b"fmt ") + 12
    sound[at : at + 4] = struct.pack("<I", rate)
    (tmp_path / "odd.wav").write_bytes(sound)
    odd, good = json_lines(infer(*options(place), "--json", tmp_path / "odd.wav", place / "173.wav"))
    assert "error" in odd
    assert good["text"] == "173"
    assert infer(*options(place), "--stream", tmp_path / "odd.wav").returncode == 1
    assert infer(*options(place), "-", stdin=bytes(sound)).returncode == 1


def test_what_cannot_even_be_looked_at_is_its_own_answer(place, tmp_path):
    os.mkfifo(tmp_path / "pipe.wav")
    (tmp_path / "folder.wav").mkdir()
    shutil.copy(place / "173.wav", tmp_path / "folder.wav" / "173.wav")
    inputs = ("a" * 300 + ".wav", tmp_path, f"{place}/./173.wav", f"{place}//absent.wav")
    done = infer(*options(place), "--json", *inputs)
    long, inside, pipe, good, absent = json_lines(done)
    assert done.returncode == 1
    assert "too long" in long["error"]
    assert (inside["text"], good["text"]) == ("173", "173")
    assert pipe["error"] == "not a file"
    assert absent["error"] == "no such file"  # named once, however its path is written


def test_isolated_gives_one_answer_per_clip(place):
    rows = json_lines(infer(*options(place), "--isolated", "--json", *(place / n for n in ("4.flac", "noise.wav"))))
    assert [row["text"] for row in rows] == ["4", ""]
    assert rows[0]["digits"][0]["start"] == pytest.approx(0.3, abs=0.05)


def test_a_closely_cut_recording_is_heard_amid_its_own_hiss(place, tmp_path, monkeypatch):
    """Digital silence around it would be an edge that nobody spoke."""
    hiss = 0.01 * np.random.default_rng(0).standard_normal(len(tone(7)))
    soundfile.write(tmp_path / "7.wav", tone(7) + hiss, 8_000)
    listener = FileListener(Settings(place / "tones.onnx", None, 1, "energy", False))
    heard, process = [], listener._inference.process
    monkeypatch.setattr(listener._inference, "process", lambda sound: heard.append(sound) or process(sound))
    [digit] = listener.hear(str(tmp_path / "7.wav"))["digits"]
    assert digit["digit"] == "7"
    assert 0 <= digit["start"] < digit["end"] <= len(hiss) / 8_000
    before, after = heard[0][:6_000], heard[0][-6_000:]
    assert len(heard[0]) == len(hiss) + 12_000
    assert 0.001 < before.std() < 0.02 and 0.001 < after.std() < 0.02


@pytest.mark.parametrize(("pause_s", "around_s"), [(0.6, 1.5), (0.8, 0.0)])
def test_only_a_recording_of_less_than_a_second_stands_amid_more_hiss(place, tmp_path, monkeypatch, pause_s, around_s):
    soundfile.write(tmp_path / "7.wav", np.concatenate([tone(7), silence(pause_s)]), 8_000)
    listener = FileListener(Settings(place / "tones.onnx", None, 1, "energy", False))
    lengths, process = [], listener._inference.process
    monkeypatch.setattr(listener._inference, "process", lambda sound: lengths.append(len(sound)) or process(sound))
    assert listener.hear(str(tmp_path / "7.wav"))["text"] == "7"
    assert sum(lengths) / 8_000 == pytest.approx(0.3 + pause_s + around_s, abs=0.01)


def test_a_long_clip_is_cut_about_its_word(place, tmp_path):
    clip = np.concatenate([silence(5), tone(6), silence(2), 0.01 * tone(1, 2.0)])
    soundfile.write(tmp_path / "late.wav", clip, 8_000)
    (row,) = json_lines(infer(*options(place), "--isolated", "--json", tmp_path / "late.wav"))
    assert row["text"] == "6"


def test_a_manifest_is_scored(place):
    lines = ["path,label,corpus", "173.wav,173,strings", "many/00.wav,01,strings", "noise.wav,reject,other"]
    (place / "list.csv").write_text("\n".join(lines), encoding="utf-8")
    done = infer(*options(place), "--evaluate", place / "list.csv", "--json")
    report = json.loads(done.stdout)
    assert (done.returncode, report["files_failed"]) == (0, 0)
    strings, other, everything = report["corpora"]
    found = strings["strings"]
    assert (found["digits"], found["substitutions"], found["error_rate"]) == (5, 1, 0.2)
    assert (other["rejected"]["share"], everything["files"]) == (1.0, 3)
    table = infer(*options(place), "--evaluate", place / "list.csv").stdout
    assert "digit errors 20.00% (1/5" in table
    assert "rejected 100.00% (1/1" in table


def test_a_manifest_with_a_missing_recording_is_scored_without_it(place):
    (place / "gap.csv").write_text("path,label\n4.flac,4\nabsent.wav,5\n", encoding="utf-8")
    done = infer(*options(place), "--isolated", "--evaluate", place / "gap.csv")
    assert done.returncode == 1
    assert "absent.wav: no such file" in done.stderr
    assert "right 100.00% (1/1" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        ([], 2, "name sound files or give one of"),
        (["--mic", "a.wav"], 2, "one thing at a time"),
        (["-", "a.wav"], 2, "- stands alone"),
        (["--mic", "--isolated"], 2, "--isolated is for files"),
        (["--mic", "--workers", "2"], 2, "--workers is for files"),
        (["-", "--rate", "4000"], 2, "4000 Hz is not between 8000 and 192000 Hz"),
        (["a.wav", "--device", "2"], 2, "--device goes with --mic"),
        (["a.wav", "--realtime"], 2, "--realtime goes with --stream"),
        (["a.wav", "--threshold", "1.5"], 2, "--threshold 1.5 is outside 0 to 1"),
        (["a.wav", "--threshold", "nan"], 2, "outside 0 to 1"),
        (["a.wav", "--workers", "0"], 2, "not a whole number from 1"),
        (["a.wav", "--threads", "99999999999"], 2, "not a whole number"),
        (["a.wav", "--vad", "ear"], 2, "invalid choice"),
        (["a.wav", "--model", "absent.onnx"], 1, "no such model file"),
        (["a.wav", "--model", "list.csv"], 1, "not an ONNX model"),
        (["--evaluate", "absent.csv"], 1, "no such manifest"),
    ],
)
def test_a_wrong_command_line_is_one_clear_line(place, arguments, code, complaint):
    known = {"list.csv", "absent.onnx", "absent.csv"}
    (place / "list.csv").touch()
    arguments = [place / one if one in known else one for one in arguments]
    done = infer(*options(place), *arguments)
    assert done.returncode == code
    [line] = done.stderr.splitlines()
    assert complaint in line
    assert done.stdout == ""


def test_the_first_answer_takes_less_than_a_second(place):
    """Of processor time, which other programs on the machine do not lengthen as they do the time on the wall."""
    times_s = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        infer(*options(place), place / "4.flac")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times_s.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(times_s) < 1.0


def test_the_classes_of_the_specification_can_be_imported_and_used(place):
    recogniser_path = place / "tones.onnx"
    names = ("VoiceActivityDetector", "AudioProcessor", "RealTimeInference")
    detector_class, processor_class, inference_class = (getattr(infer_script, name) for name in names)
    from dwindle.infer.speech.model import Recogniser

    processor = processor_class(16_000, 8_000)
    inference = inference_class(Recogniser(recogniser_path), detector_class("energy"))
    sound = np.concatenate([silence(0.2, 16_000), tone(9, rate=16_000), silence(0.2, 16_000)])
    events = inference.process(processor.process(sound)) + inference.process(processor.finish()) + inference.finish()
    assert [event.digit for event in events] == ["9"]
