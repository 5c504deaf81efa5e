"""infer.py on sound that comes as time goes by: the same path as a microphone's."""

import io
import re
import shlex
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from infer_command import ROOT, infer, json_lines
from tone_model import silence, spoken, write_tone_model

from dwindle.infer.speech.listener import RealTimeInference
from dwindle.infer.speech.live import Display, listen
from dwindle.infer.speech.model import Recogniser
from dwindle.infer.speech.sources import Player
from dwindle.infer.speech.vad import VoiceActivityDetector


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("place")
    write_tone_model(folder / "tones.onnx")
    soundfile.write(folder / "string.wav", spoken("40922"), 8_000)
    wide = np.interp(np.arange(0, 2.7, 1 / 48_000), np.arange(len(spoken("40922"))) / 8_000, spoken("40922"))
    soundfile.write(folder / "wide.wav", np.stack([wide, wide], axis=1), 48_000)
    return folder


def options(place):
    return ["--model", place / "tones.onnx", "--vad", "energy"]


def command(place) -> str:
    return shlex.join([sys.executable, str(ROOT / "infer.py"), *map(str, options(place))])


def shell(line: str) -> subprocess.CompletedProcess:
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, timeout=60)
    assert "Traceback" not in done.stderr
    return done


@pytest.mark.parametrize("name", ["string.wav", "wide.wav"])
def test_a_clear_file_down_the_live_path_gives_what_the_whole_file_gives(place, name):
    """Starts to a hundredth of a second, as a whole file is decoded later; the end of a live word is still open."""
    live = infer(*options(place), "--stream", place / name, "--json")
    assert live.returncode == 0
    (whole,) = json_lines(infer(*options(place), place / name, "--json"))
    words = json_lines(live)
    assert whole["text"] == "40922"
    keys = ("digit", "confidence")
    assert [[word[key] for key in keys] for word in words] == [[word[key] for key in keys] for word in whole["digits"]]
    assert [word["start"] for word in words] == pytest.approx([word["start"] for word in whole["digits"]], abs=0.011)
    assert all(0 <= word["latency_ms"] < 100 for word in words)
    assert re.search(r"words: 40922; latency median \d+ ms, p95 \d+ ms", live.stderr)


def test_real_time_is_the_same_but_slower(place):
    started = time.monotonic()
    live = infer(*options(place), "--stream", place / "string.wav", "--realtime")
    assert time.monotonic() - started > 2.7
    assert [line.split()[0] for line in live.stdout.splitlines()] == list("40922")
    assert "listened for 2.7 s" in live.stderr


@pytest.mark.parametrize(("ending", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_ends_a_file_before_its_end_and_says_so(place, ending, code):
    """A regression: only Ctrl-C gave the summary."""
    line = [sys.executable, "-u", ROOT / "infer.py", *options(place), "--stream", place / "string.wav", "--realtime"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(list(map(str, line)), **pipes) as process:
        assert process.stdout.readline()[0] == "4"
        process.send_signal(ending)
        _, told = process.communicate(timeout=20)
    assert process.returncode == code
    assert re.search(r"listened for [012]\.\d s; words: 4", told)


def test_of_a_file_that_is_not_there_nothing_is_summed_up(place):
    """A regression: "listened for 0.0 s; words: none" stood before the error."""
    done = infer(*options(place), "--stream", place / "missing.wav")
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert "missing.wav" in line and "no such file" in line


def test_ctrl_c_says_the_word_that_waited_for_company(tmp_path):
    """A regression: a digit alone, and Ctrl-C within two seconds, was none."""
    doubting = Recogniser(write_tone_model(tmp_path / "doubting.onnx", lone_threshold="1.0"))

    class Interrupted(Player):
        def chunks(self):
            yield from super().chunks()
            raise KeyboardInterrupt

    told = []

    class Telling(Display):
        def word(self, event, latency_ms):
            told.append(event.digit)

    player = Interrupted([spoken("4", 0.5)], 8_000)
    assert listen(player, RealTimeInference(doubting, VoiceActivityDetector("energy")), Telling())
    assert told == ["4"]


def test_pcm_on_standard_input(place):
    pcm = (spoken("581") * 32_767).astype("<i2").tobytes()
    done = infer(*options(place), "-", "--rate", "8000", "--json", stdin=pcm)
    assert "".join(word["digit"] for word in json_lines(done)) == "581"
    wav = io.BytesIO()
    soundfile.write(wav, spoken("66"), 8_000, format="WAV", subtype="PCM_16")
    done = infer(*options(place), "-", "--json", stdin=wav.getvalue())
    assert "".join(word["digit"] for word in json_lines(done)) == "66"
    done = infer(*options(place), "-", stdin=b"")
    assert done.returncode == 1
    assert "nothing came in on standard input" in done.stderr


@given(cuts=st.lists(st.integers(1, 20_000), max_size=10))
@settings(max_examples=10)
def test_the_live_path_gives_the_same_for_any_blocks(place, cuts):
    def words_of(blocks):
        heard = []

        class Silent(Display):
            def word(self, event, latency_ms):
                heard.append((event.digit, event.start_s, event.confidence, event.emitted_s))

            def note(self, text):
                pass

        recogniser = Recogniser(place / "tones.onnx")
        inference = RealTimeInference(recogniser, VoiceActivityDetector("energy"))
        listen(Player(blocks, 8_000), inference, Silent())
        return heard

    sound = spoken("4092")
    assert words_of(np.split(sound, sorted({min(cut, len(sound)) for cut in cuts}))) == words_of([sound])


def test_silence_is_summed_up_too(place, tmp_path):
    soundfile.write(tmp_path / "silence.wav", silence(4), 8_000)
    done = infer(*options(place), "--stream", tmp_path / "silence.wav")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "listened for 4.0 s; words: none\n")
    done = infer(*options(place), "-", stdin=bytes(4 * 16_000 * 2))  # a recording may be silent; a microphone hisses
    assert (done.returncode, done.stdout) == (0, "")
    muted, summary = done.stderr.splitlines()
    assert "is the microphone muted?" in muted
    assert summary == "listened for 4.0 s; words: none"


def test_a_program_is_told_of_a_bad_file_where_it_listens(place):
    done = infer(*options(place), "--stream", place / "absent.wav", "--json")
    assert (done.returncode, json_lines(done)) == (1, [{"file": f"{place}/absent.wav", "error": "no such file"}])
    (row,) = json_lines(infer(*options(place), "--stream", place / ("a" * 300), "--json"))
    assert "too long" in row["error"]


def test_closed_streams_are_told_and_no_traceback(place):
    done = shell(f"{command(place)} - <&-")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "standard input is closed" in done.stderr
    for way in ("", "--stream", "--json --stream"):
        assert shell(f"{command(place)} {way} {place}/string.wav >&-").returncode == 0


def test_a_closed_standard_error_costs_no_answer(place, tmp_path):
    for number in range(20):  # enough for a progress bar
        (tmp_path / f"{number}.wav").symlink_to(place / "string.wav")
    for way, count in ((tmp_path, 20), (f"--stream {place}/string.wav", 5)):
        done = shell(f"{command(place)} --json {way} 2>&-")
        assert (done.returncode, len(json_lines(done))) == (0, count)


def test_more_threads_than_cores_are_as_many_as_cores(place):
    """A regression: it asked for two thousand million, and the model took the blame."""
    (row,) = json_lines(infer(*options(place), place / "string.wav", "--json", "--threads", "2000000000"))
    assert row["text"] == "40922"


@pytest.mark.parametrize("content", [b"", b"junk" * 99])
def test_a_bad_file_down_the_live_path(place, tmp_path, content):
    (tmp_path / "bad.wav").write_bytes(content)
    done = infer(*options(place), "--stream", tmp_path / "bad.wav")
    assert done.returncode == 1
    assert "bad.wav: " in done.stderr.splitlines()[-1]


def test_a_sound_library_that_cannot_start_is_one_line(place, tmp_path):
    """A regression: PortAudio's own error, raised while it is imported or asked for devices, was a traceback."""
    error = "class PortAudioError(Exception): pass\n"
    asked = "class default: device = [0, 0]\ndef query_devices(): raise PortAudioError('no answer')\n"
    for module in (f"{error}raise PortAudioError('no answer')\n", error + asked):
        (tmp_path / "sounddevice.py").write_text(module, encoding="utf-8")
        for way in ("--mic", "--list_devices"):
            done = infer(*options(place), way, PYTHONPATH=str(tmp_path))
            assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
            assert "no answer" in done.stderr
            assert "check that the sound server runs" in done.stderr


def test_a_missing_portaudio_matters_for_the_microphone_only(place, tmp_path):
    # sounddevice raises just this when it finds no PortAudio
    (tmp_path / "sounddevice.py").write_text("raise OSError('PortAudio library not found')\n", encoding="utf-8")
    for way in (["--mic"], ["--list_devices"]):
        done = infer(*options(place), *way, PYTHONPATH=str(tmp_path))
        assert done.returncode == 1
        assert len(done.stderr.splitlines()) == 1
        assert "libportaudio2" in done.stderr
    assert infer(*options(place), place / "string.wav", PYTHONPATH=str(tmp_path)).returncode == 0
