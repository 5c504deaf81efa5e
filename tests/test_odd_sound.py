"""Regressions: input that gave a wrong answer, none, or an unreadable line."""

import io
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
from tone_model import write_tone_model

from dwindle.errors import UserError, printable
from dwindle.infer.speech import live
from dwindle.infer.speech.evaluate import read_manifest
from dwindle.infer.speech.file_listener import FileListener, Settings
from dwindle.infer.speech.model import ModelError, Recogniser
from dwindle.infer.speech.sound_file import read_audio
from dwindle.infer.speech.sources import pcm_blocks
from dwindle.infer.speech.workers import PAYS_FROM_S, saved_s

ROOT = Path(__file__).parents[1]
RELEASED = ROOT / "artifacts" / "model_int8.onnx"


@pytest.mark.parametrize("vad", ["webrtc", "energy"])
@pytest.mark.parametrize("offset", [0.0, 0.5, -0.3])
def test_a_constant_offset_costs_no_word(tmp_path, offset, vad):
    """An offset of 0.5 turned 173 into 13: amplified for the voice detector it saturated."""
    sound = 0.5 * read_audio(ROOT / "samples" / "one_seven_three.wav")
    soundfile.write(tmp_path / "offset.wav", offset + sound, 8_000)
    assert FileListener(Settings(RELEASED, None, 1, vad, False)).hear(str(tmp_path / "offset.wav"))["text"] == "173"


@pytest.mark.parametrize("text", [b"one seven three\n", b"a,b\n" * 999, "Grüße aus Köln, ".encode() * 40, b"hi\n"])
def test_text_on_standard_input_is_not_taken_for_samples(text):
    with pytest.raises(UserError, match="that is text"):
        pcm_blocks(io.BufferedReader(io.BytesIO(text)), 16_000)


def test_a_model_whose_outputs_are_no_numbers_is_refused(tmp_path):
    import onnx
    from onnx import numpy_helper

    path = write_tone_model(tmp_path / "nan.onnx")
    model = onnx.load(path)
    weights = next(one for one in model.graph.initializer if one.name == "filters")
    weights.CopyFrom(numpy_helper.from_array(np.full_like(numpy_helper.to_array(weights), np.nan), "filters"))
    onnx.save(model, path)
    with pytest.raises(ModelError, match="not numbers"):
        Recogniser(path)


def test_the_spacing_of_frames_is_read_and_a_wrong_one_refused(tmp_path):
    assert Recogniser(write_tone_model(tmp_path / "stated.onnx", frame_samples="320")).frame_samples == 320
    with pytest.raises(ModelError, match="not 256 samples apart"):
        Recogniser(write_tone_model(tmp_path / "wrong.onnx", frame_samples="256"))


def test_names_are_printed_on_one_line_and_without_escape_codes():
    assert printable("a\nb\x1b[31m.wav") == "a\\nb\\x1b[31m.wav"
    assert printable("Grüße.wav") == "Grüße.wav"


def test_a_folder_is_no_manifest(tmp_path):
    with pytest.raises(UserError, match="a folder: name a CSV file"):
        read_manifest(tmp_path, ["1"])


@pytest.mark.parametrize("columns", [10, 32, 80])
def test_the_live_line_fits_its_terminal(monkeypatch, capsys, columns):
    monkeypatch.setenv("COLUMNS", str(columns))  # which the real question about the size heeds
    display = live.Display()
    display._words, display._latencies_ms = list("0123456789" * 5), [123.0]
    display._draw(-20.0, True)
    shown = capsys.readouterr().out.replace("\033[1m", "").replace("\033[0m", "").replace("\033[K", "").strip("\r")
    assert len(shown) < columns and shown.endswith("9")


def test_a_muted_source_is_told_once(capsys):
    display, told = live.Display(), SimpleNamespace(muted=True, level_db=-100.0)
    for told.muted in (True, False, True):
        display.state(told, False, 0, 0)
    assert capsys.readouterr().err.count("muted?") == 1


def test_workers_are_started_where_they_save_more_than_they_cost():
    assert saved_s(taken_s=0.05, done=1, left=49, workers=2) < PAYS_FROM_S
    assert saved_s(taken_s=0.05, done=1, left=1_000, workers=2) > PAYS_FROM_S
    assert saved_s(taken_s=9.0, done=1, left=1_000, workers=1) == 0
