"""What bench/people.py counts, with a model that hears pure tones as digits: every figure is known beforehand."""

import csv
import json
import os
import subprocess
import sys

import numpy as np
import pytest
import soundfile
from script_process import ROOT
from tone_model import DIGITS, RATE, silence, spoken, tone, write_tone_model

from bench.listener_rules import RememberingRecogniser
from bench.people import as_table, by_kind, greedy_words, judged
from dwindle.infer.speech.evaluate import Entry
from dwindle.infer.speech.model import Recogniser

LABELS = [*DIGITS, "reject"]
RECORDINGS = [  # file, label, corpus, speaker, what sounds in it
    ("a/1.wav", "3", "a", "anna", "3"),
    ("a/2.wav", "5", "a", "anna", "5"),
    ("a/3.wav", "5", "a", "ben", "6"),
    ("b/1.wav", "8", "b", "", "8"),
    ("numbers/1.wav", "1234", "numbers", "ben", "1234"),
    ("numbers/2.wav", "5678", "numbers", "ben", "578"),
    ("numbers/3.wav", "90", "numbers", "ben", "91"),
    ("reading/1.wav", "", "reading", "ida", "77"),
    ("reading/2.wav", "", "reading", "jon", ""),
]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Recordings of tones, and other words by two validation speakers: noise, but for one that sounds like a digit."""
    root = tmp_path_factory.mktemp("data")
    people = root / "people"
    people.mkdir()
    with open(people / "manifest.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "label", "corpus", "speaker"])
        for name, label, corpus, speaker, sound in RECORDINGS:
            (people / name).parent.mkdir(exist_ok=True)
            samples = np.concatenate([silence(1.0), spoken(sound), silence(3.0)])
            soundfile.write(people / name, tone(int(sound)) if len(sound) == 1 else samples, RATE)
            writer.writerow([name, label, corpus, speaker])
    words = root / "speech_commands" / "cat"
    words.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number in range(4):
        sound = tone(2) if number == 0 else 0.1 * rng.standard_normal(RATE // 3)
        soundfile.write(words / f"{'xy'[number % 2]}{number}_nohash_0.wav", sound, RATE)
    listed = "".join(f"cat/{path.name}\n" for path in words.iterdir())
    (words.parent / "validation_list.txt").write_text(listed)
    return root


@pytest.fixture(scope="module")
def report(data):
    return judged(data, write_tone_model(data / "tones.onnx"), workers=1)


def test_single_words_are_counted_by_collection_and_over_all_speakers(report):
    rows = {row["collection"]: row for row in report["isolated"]}
    assert list(rows) == ["a", "b", "all"]
    assert [rows[name]["recordings"] for name in rows] == [3, 1, 4]
    for way in ("best of ten", "accepted, shipped", "listener"):
        assert [rows[name][way]["value"] for name in rows] == pytest.approx([2 / 3, 1, 3 / 4])
    assert rows["b"]["expecting digits"]["value"] == 1
    assert rows["a"]["best of ten"]["low"] < 0.5 < 0.9 < rows["a"]["best of ten"]["high"]


def test_a_threshold_that_keeps_other_words_out_keeps_words_out_as_well(report):
    taken, at = report["other_words_taken"], report["thresholds"]
    assert (taken["count"], taken["value"]) == (4, 0.25)
    heard = report["other_words_heard_as_digits"]
    assert (heard["count"], heard["value"]) == (4, 0.25)
    assert at["shipped"] < at["3%"] <= at["1%"]
    accepted = report["isolated"][-1]
    assert accepted["accepted, 1%"]["value"] <= accepted["accepted, 3%"]["value"] <= accepted["best of ten"]["value"]


def test_strings_are_read_by_the_listener_and_by_the_frames_alone(report):
    (row,) = report["strings"]
    for way in ("listener", "expecting digits", "expecting digits, live", "greedy", "greedy, no reject"):
        found = row[way]
        edits = [found[name] for name in ("substitutions", "deletions", "insertions", "words")]
        assert edits == [1, 1, 0, 10] and found["value"] == pytest.approx(0.2)


def test_digits_heard_in_reading_are_counted_per_minute(report):
    (row,) = report["reading"]
    minutes = (4.0 + 2 * 0.3 + 3 * 0.2 + 4.0 + 0.2) / 60
    assert row["minutes"] == pytest.approx(minutes) and row["digits"] == {"7": 2}
    rate = row["digits a minute"]
    assert rate["value"] == pytest.approx(2 / minutes) and rate["low"] <= rate["value"] <= rate["high"]


def test_the_table_says_all_of_it(report):
    text = as_table(report)
    for part in ("a, 3 ", "b, 1 ", "all, 4 ", "worst collection", "numbers, 3", "66.67", "20.00", "7: 2", "3%"):
        assert part in text
    assert "numbers, listener: 1 substitutions, 1 deletions, 0 insertions in 10 digits" in text


@pytest.mark.parametrize(
    ("path", "with_reject", "without"),
    [("1 1 - 1 2", "112", "112"), ("- r - 3 r r 4", "34", "6364"), ("r", "", "6"), ("- - -", "", "")],
)
def test_greedy_reading_merges_repeats_and_drops_blanks_and_rejects(path, with_reject, without):
    """Where a frame is rejected, the likeliest word is a six."""
    frames = np.full((len(path.split()), 12), 0.01)
    for frame, name in zip(frames, path.split(), strict=True):
        frame[{"-": 11, "r": 10}[name] if name in "-r" else int(name)] = 0.8
        frame[6] += 0.1 * (name == "r")
    assert "".join(greedy_words(frames, LABELS, True)) == with_reject
    assert "".join(greedy_words(frames, LABELS, False)) == without


def test_a_collection_is_of_one_kind_by_its_longest_label(tmp_path):
    entries = [Entry(tmp_path / str(n), tuple(words), corpus) for n, (words, corpus) in enumerate(
        [("12", "s"), ("1", "w"), ("1", "s"), ("", "r"), ("", "w")]
    )]  # fmt: skip
    kinds = {kind: [entry.corpus for entry in found] for kind, found in by_kind(entries).items()}
    assert kinds == {"reading": ["r"], "strings": ["s", "s"], "isolated": ["w", "w"]}


def test_the_command_line_writes_json_and_refuses_a_folder_without_people(data, tmp_path):
    model = write_tone_model(tmp_path / "tones.onnx")
    line = [sys.executable, "-m", "bench.people", "--model", str(model), "--workers", "1"]
    done = subprocess.run(
        [*line, "--data_dir", str(data), "--output", str(tmp_path / "out.json")],
        cwd=ROOT, capture_output=True, text=True, timeout=120, env=os.environ,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert set(json.loads((tmp_path / "out.json").read_text())) > {"model_sha256", "isolated", "strings", "reading"}
    done = subprocess.run([*line, "--data_dir", str(tmp_path)], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1) and "manifest" in done.stderr


def test_frames_of_a_whole_recording_are_all_there(data):
    recogniser = Recogniser(write_tone_model(data / "again.onnx"))
    assert len(recogniser.frames(spoken("1234"))) == len(spoken("1234")) // recogniser.frame_samples


def test_what_is_remembered_is_what_the_network_answers(tmp_path):
    """A regression: it took the outputs that are asked for to be always the same two."""
    model = write_tone_model(tmp_path / "tones.onnx")
    plain, remembering = Recogniser(model), RememberingRecogniser(model)
    remembering.remember()
    for sound in (spoken("47")[:8_000], tone(3, 0.5)):
        for _ in range(2):
            assert np.array_equal(remembering.pooled(sound), plain.pooled(sound))
            assert np.array_equal(remembering.frames(sound), plain.frames(sound))
