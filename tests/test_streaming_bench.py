"""What bench/streaming.py counts: streams made from clips, errors, and the time from a word's end to its answer."""

import os
import subprocess
import sys

import numpy as np
import pytest
import soundfile
from script_process import ROOT
from tiny_corpus import write_fsdd

from bench.streaming import latencies_ms, quality_row
from bench.streams import LEAD_S, Spoken, Stream, fsdd_streams
from dwindle.infer.speech import SAMPLE_RATE
from dwindle.infer.speech.word import WordEvent


def stream(text: str, seconds: float = 60.0) -> Stream:
    """A word each second, half a second long."""
    words = [Spoken(digit, at, at + 0.5) for at, digit in enumerate(text)]
    return Stream(np.zeros(round(seconds * SAMPLE_RATE), np.float32), words)


def test_every_clip_of_the_split_is_said_once_and_where_the_truth_says(tmp_path):
    write_fsdd(tmp_path)
    streams = fsdd_streams(tmp_path, 0.2, "test", share=1.0)
    assert sorted("".join("".join(sorted(one.digits)) for one in streams)) == sorted(3 * "0123456789")
    for one in streams:
        assert one.words[0].start_s == pytest.approx(LEAD_S, abs=0.03)
        gaps_s = [after.start_s - before.end_s for before, after in zip(one.words, one.words[1:], strict=False)]
        assert gaps_s == pytest.approx([0.24] * len(gaps_s), abs=0.002)  # two margins of 20 ms are no word
        for word in one.words:
            said, background = one.samples[int(word.start_s * 8_000) : int(word.end_s * 8_000)], one.samples[:2_000]
            assert said.std() > 50 * background.std()


def test_a_word_ends_where_its_clip_does_that_is_cut_there(tmp_path):
    """A regression: a margin that the clip does not have was taken off its word: its latency was 20 ms too long."""
    write_fsdd(tmp_path)
    for path in tmp_path.rglob("*.wav"):
        soundfile.write(path, 0.5 * np.sin(2 * np.pi * 400 * np.arange(2_400) / SAMPLE_RATE), SAMPLE_RATE)
    for one in fsdd_streams(tmp_path, 0.2, "test", share=1.0):
        gaps_s = [after.start_s - before.end_s for before, after in zip(one.words, one.words[1:], strict=False)]
        assert gaps_s == pytest.approx([0.2] * len(gaps_s), abs=0.002)


def test_time_runs_from_a_words_last_sample_to_its_answer():
    events = [
        WordEvent("4", 0.0, 0.3, 0.9, emitted_s=0.4, compute_ms=2.0),
        WordEvent("7", 1.0, 1.5, 0.9, emitted_s=1.6),  # of a "2": no right answer, no time
        WordEvent("9", 2.1, 2.6, 0.9, emitted_s=2.75, compute_ms=1.0),
    ]
    assert latencies_ms(stream("429"), events) == pytest.approx([-98.0, 251.0])


def test_errors_are_counted_per_digit_said_and_alarms_per_minute():
    row = quality_row("some", [stream("123"), stream("45")], ["123", "495"])
    assert (row["digits"], row["insertions"], row["substitutions"], row["deletions"]) == (5, 1, 0, 0)
    assert row["error_rate"] == 0.2
    alarms = quality_row("none", [stream("", 30.0), stream("", 60.0)], ["777", ""])
    assert alarms["false_alarms_per_minute"] == pytest.approx(2.0)
    assert alarms["interval"] == pytest.approx([0.0, 6.0])  # drawn anew: all from the second, all from the first
    low, high = quality_row("none", 2 * [stream("", 30.0)], ["", ""])["interval"]
    assert low == 0.0 < high


def test_a_missing_corpus_is_told_before_anything_is_measured(tmp_path):
    line = [sys.executable, "-m", "bench.streaming", "--data_dir", str(tmp_path)]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=60, env=os.environ)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "python -m dwindle.data fetch fsdd" in done.stderr
