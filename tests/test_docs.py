"""The pages of docs/ are followed word by word: each command as it stands there, on a tiny vocabulary of chords."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from infer_command import infer
from script_process import ROOT, run_script
from tiny_corpus import chord
from tone_model import RATE, crowd, silence, write_tone_model
from tone_model import chord as tones

from dwindle.checkpoint import load_checkpoint
from dwindle.export.measure import parameters
from dwindle.tasks.speech.network import SpeechNet
from dwindle.tasks.speech.words import STUDENT

PAGE = (ROOT / "docs" / "your_own_words.md").read_text(encoding="utf-8")
ENROL_PAGE = (ROOT / "docs" / "enrol.md").read_text(encoding="utf-8")
C_PAGE = (ROOT / "docs" / "microcontroller.md").read_text(encoding="utf-8")
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]
FEWER = {
    "--steps 4": "--steps 1 --qat_epochs 1 --rounds 10 --trials 100",
    "export_models.py": "export_models.py --trials 100",
}  # all that differs
PITCHES = {"anna": 0.9, "ben": 0.95, "cleo": 1.0, "dan": 1.05, "eva": 1.1}
WORDS = ("left", "right", "stop", "_reject_")
SAMPLE_RATE = 16_000


def write_place(folder: Path) -> None:
    """The clone, the reader's recordings, and a data directory in which nothing has to be fetched."""
    for script in ROOT.glob("*.py"):
        (folder / script.name).symlink_to(script)
    (folder / "artifacts").mkdir()
    (folder / "artifacts" / "student.pt").symlink_to(ROOT / "artifacts" / "student.pt")
    rng = np.random.default_rng(0)
    for number, word in enumerate(WORDS):
        (folder / "my_words" / word).mkdir(parents=True)
        for name, pitch in PITCHES.items():
            for take in range(6):
                sound = chord(2 * number, pitch * rng.uniform(0.99, 1.01), rng, SAMPLE_RATE)
                soundfile.write(folder / "my_words" / word / f"{name}_{take:02}.wav", sound, SAMPLE_RATE)
    silence = np.zeros(SAMPLE_RATE // 2)
    new = np.concatenate([silence, chord(0, 1.02, rng, SAMPLE_RATE), silence])
    soundfile.write(folder / "new_recording.wav", new + 0.001 * rng.standard_normal(len(new)), SAMPLE_RATE)
    corpus = folder / "data" / "speech_commands"
    for name in ("zero", "nine", "_background_noise_"):
        (corpus / name).mkdir(parents=True)
    (corpus / "validation_list.txt").write_text("", encoding="utf-8")
    noise = 0.05 * rng.standard_normal(5 * SAMPLE_RATE)
    soundfile.write(corpus / "_background_noise_" / "hiss.wav", noise, SAMPLE_RATE)


def follow(command: str, folder: Path) -> subprocess.CompletedProcess:
    for number, fewer in FEWER.items():
        command = command.replace(number, fewer)
    program, *arguments = shlex.split(command)
    assert program == "python"
    if arguments[0] in ("train_distill.py", "prune_and_quantize.py", "export_models.py"):
        return run_script(folder, *arguments)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(folder / "no_sound_card")])}
    line = [sys.executable, *arguments]
    return subprocess.run(line, cwd=folder, env=environment, capture_output=True, text=True, timeout=60)


def test_the_page_shows_every_stage_and_every_way_to_listen():
    for part in (*("fetch", "train_distill.py", "prune_and_quantize.py", "export_models.py", "infer.py"), "--mic"):
        assert any(part in command for command in COMMANDS), part
    assert all(any(number in command for command in COMMANDS) for number in FEWER)


def test_the_page_states_the_size_of_the_network_that_it_makes():
    released = load_checkpoint(ROOT / "artifacts" / "student.pt").arguments  # as which it begins, with its front end
    network = SpeechNet(classes=len(WORDS), **STUDENT, front_end=released["front_end"])
    assert f"student: {parameters(network):,} parameters" in PAGE


@pytest.mark.slow(seconds=50)
@pytest.mark.timeout(900)  # on a busy machine; a minute on a quiet one
def test_who_follows_the_page_has_a_recogniser_of_new_recordings(tmp_path, monkeypatch):
    monkeypatch.delenv("DWINDLE_DATA", raising=False)
    write_place(tmp_path)
    (tmp_path / "no_sound_card").mkdir()  # sounddevice raises just this where PortAudio is missing
    (tmp_path / "no_sound_card" / "sounddevice.py").write_text("raise OSError('PortAudio library not found')\n")
    said = {}
    for command in COMMANDS:
        done = follow(command, tmp_path)
        assert "Traceback" not in done.stderr, f"{command}\n{done.stderr}"
        if "--mic" in command:  # the model is loaded by then
            assert (done.returncode, len(done.stderr.splitlines())) == (1, 1), done.stderr
            assert "libportaudio2" in done.stderr
        else:
            assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        said[command] = done.stdout
    (as_json,) = [text for command, text in said.items() if "--json" in command]
    assert json.loads(as_json)["text"] == "left"
    streamed = [text for command, text in said.items() if "--stream" in command]
    assert [text.split()[:1] for text in streamed] == [["left"]] * len(streamed), streamed
    (folder,) = [text for command, text in said.items() if command.endswith("my_words/left")]
    assert sum(":  left   " in line for line in folder.splitlines()) >= 24  # of 30


def test_who_follows_the_page_on_new_words_hears_them_and_forgets_them(tmp_path, monkeypatch):
    """With a model that hears tones: another model is all that differs."""
    monkeypatch.chdir(tmp_path)
    write_tone_model(tmp_path / "tones.onnx", crowd=crowd())
    for name, chosen, count in (("my_recordings", (1, 3, 5, 8), 5), ("other_recordings", (1, 3, 5, 9), 1)):
        (tmp_path / name).mkdir()
        for take in range(count):
            sound = np.concatenate([silence(0.2), tones(*chosen, duration_s=0.3 + 0.03 * take), silence(0.2)])
            soundfile.write(tmp_path / name / f"{take}.wav", sound, RATE)
    new = np.concatenate([silence(0.3), tones(1, 3, 5, 8, amplitude=0.7), silence(0.3)])
    soundfile.write(tmp_path / "new_recording.wav", new, RATE)
    commands = [line for block in re.findall(r"```sh\n(.*?)```", ENROL_PAGE, re.DOTALL) for line in block.splitlines()]
    said = {}
    for command in commands:
        program, script, *arguments = shlex.split(command)
        assert (program, script) == ("python", "infer.py")
        done = infer("--model", "tones.onnx", "--vad", "energy", *arguments)
        assert done.returncode == 0, f"{command}\n{done.stderr}"
        said[command] = done.stdout
    heard = [text for command, text in said.items() if command.endswith("new_recording.wav")]
    assert len(heard) == 4
    assert all("marvin" in text for text in heard)
    assert json.loads(said["python infer.py --json new_recording.wav"])["text"] == "marvin"
    assert (tmp_path / "tones.words.json").is_file()
    assert not (tmp_path / "mine.json").exists()


def test_who_follows_the_page_on_microcontrollers_hears_seven(tmp_path):
    (commands,) = re.findall(r"```sh\n(.*?)```", C_PAGE, re.DOTALL)
    (tmp_path / "samples").symlink_to(ROOT / "samples")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    path = os.pathsep.join([str(tmp_path / "bin"), os.environ["PATH"]])
    environment = os.environ | {"PATH": path, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    done = subprocess.run(
        ["sh", "-e", "-c", commands], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].split()[0] == "7"
