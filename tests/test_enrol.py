"""Words that are enrolled from a few recordings: heard in files and streams under their own names, kept, forgotten."""

import json
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import soundfile
from infer_command import infer, json_lines
from tone_model import RATE, chord, crowd, silence, spoken, tone, write_tone_model

from dwindle.errors import UserError
from dwindle.infer.model_file import ModelError
from dwindle.infer.speech.command import evaluate
from dwindle.infer.speech.enrol import LEAST_SIMILARITY, direction_of, enrol, forget, prototype_of
from dwindle.infer.speech.enrolled import Match, read_words, words_beside
from dwindle.infer.speech.file_listener import FileListener, Settings
from dwindle.infer.speech.listener import RealTimeInference
from dwindle.infer.speech.model import Recogniser
from dwindle.infer.speech.spotter import SETTLED_RUNS, Spotter
from dwindle.infer.speech.vad import VoiceActivityDetector
from dwindle.infer.speech.word import WordEvent

DOOR, LAMP = (1, 3, 5, 8), (0, 2, 4, 7)
LIKE_DOOR = (1, 3, 5, 8, 9)


def recording(path: Path, sound: np.ndarray, seed: int = 0) -> Path:
    """A sound with silence and a little hiss around it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = np.concatenate([silence(0.2), sound, silence(0.2)])
    hiss = 1e-4 * np.random.default_rng(seed).standard_normal(len(whole))
    soundfile.write(path, whole + hiss, RATE)
    return path


@pytest.fixture
def place(tmp_path):
    """A model that has a crowd, five recordings of each of two words, and one sentence."""
    write_tone_model(tmp_path / "tones.onnx", crowd=crowd())
    for name, tones in (("door", DOOR), ("lamp", LAMP)):
        for take in range(5):
            sound = chord(*tones, duration_s=0.3 + 0.03 * take, amplitude=0.3 + 0.1 * take)
            recording(tmp_path / name / f"{take}.wav", sound, take)
    gap = silence(0.3)
    sentence = [tone(4), gap, chord(*DOOR), gap, tone(6), gap, chord(*LAMP), gap, chord(2, 6, 7, 9)]
    recording(tmp_path / "sentence.wav", np.concatenate(sentence))
    return tmp_path


def options(place):
    return ["--model", place / "tones.onnx", "--vad", "energy"]


def listener(place, isolated: bool = False, words: Path | None = None) -> FileListener:
    return FileListener(Settings(place / "tones.onnx", None, 1, "energy", isolated, words))


def enrolled(place, *names: str) -> None:
    for name in names:
        enrol(place / "tones.onnx", None, name, [str(place / name)])


def test_a_word_is_enrolled_heard_in_files_and_streams_and_forgotten(place):
    for name in ("door", "lamp"):
        done = infer(*options(place), "--enrol", name, place / name)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == f"{name}: enrolled from 5 recordings, kept in {place}/tones.words.json\n"
    (heard,) = json_lines(infer(*options(place), "--json", place / "sentence.wav"))
    assert heard["text"] == "4 door 6 lamp"
    door = heard["digits"][1]
    assert door["start"] == pytest.approx(0.8, abs=0.06)
    assert 0.95 < door["end"] < 1.26  # as far as it was heard when the word was certain
    assert 0.9 < door["confidence"] <= 1
    live = infer(*options(place), "--json", "--stream", place / "sentence.wav")
    assert [row["digit"] for row in json_lines(live)] == ["4", "door", "6", "lamp"]
    done = infer(*options(place), "--json", "--forget", "door")
    assert json.loads(done.stdout)["words"] == ["lamp"]
    (heard,) = json_lines(infer(*options(place), "--json", place / "sentence.wav"))
    assert heard["text"] == "4 6 lamp"


def test_an_isolated_word_is_named_and_a_digit_stays_one(place):
    enrolled(place, "door")
    hear = listener(place, isolated=True)
    assert hear.hear(str(place / "door" / "3.wav"))["text"] == "door"
    assert hear.hear(str(recording(place / "7.wav", tone(7))))["text"] == "7"
    assert hear.hear(str(place / "lamp" / "3.wav"))["text"] == ""


def test_the_last_word_takes_its_file_with_it(place):
    enrolled(place, "door")
    assert words_beside(place / "tones.onnx").is_file()
    assert forget(place / "tones.onnx", None, "door").words == []
    assert not words_beside(place / "tones.onnx").exists()
    assert listener(place).hear(str(place / "sentence.wav"))["text"] == "46"


def test_words_may_be_kept_elsewhere(place):
    elsewhere = place / "mine" / "words.json"
    done = infer(*options(place), "--words", elsewhere, "--enrol", "door", place / "door")
    assert done.returncode == 0
    assert not words_beside(place / "tones.onnx").exists()
    assert listener(place, words=elsewhere).hear(str(place / "sentence.wav"))["text"] == "4 door 6"
    assert listener(place).hear(str(place / "sentence.wav"))["text"] == "46"
    kept = json.loads(elsewhere.read_text(encoding="utf-8"))
    assert set(kept) == {"format", "model_sha256", "words"}
    assert set(kept["words"]["door"]) == {"prototype", "recordings", "least_similarity"}


def test_a_word_enrolled_again_is_replaced(place):
    enrolled(place, "door")
    enrol(place / "tones.onnx", None, "door", [str(place / "lamp")])
    assert listener(place).hear(str(place / "lamp" / "0.wav"))["text"] == "door"
    assert listener(place).hear(str(place / "door" / "0.wav"))["text"] == ""


def test_what_a_word_must_not_be_taken_for_sets_how_alike_it_must_be(place, monkeypatch):
    like = recording(place / "like" / "0.wav", chord(*LIKE_DOOR))
    gap, lamp = silence(0.184), chord(*LAMP, duration_s=0.3, amplitude=0.05)  # in all windows but one
    recording(place / "amid lamps" / "0.wav", np.concatenate([lamp, gap, chord(*LIKE_DOOR), gap, lamp]))
    assert enrol(place / "tones.onnx", None, "door", [str(place / "door")]).least_similarity == 0.62
    assert listener(place).hear(str(like))["text"] == "door"
    recogniser = Recogniser(place / "tones.onnx")
    takes = [soundfile.read(path, dtype="float32")[0] for path in sorted((place / "door").glob("*.wav"))]
    door = prototype_of([direction_of(recogniser, take) for take in takes])
    asked, direction = [], Recogniser.direction
    monkeypatch.setattr(Recogniser, "direction", lambda self, sound: asked.append(sound) or direction(self, sound))
    for folder in ("amid lamps", "like"):
        asked.clear()
        said = enrol(place / "tones.onnx", None, "door", [str(place / "door")], str(place / folder))
        assert LEAST_SIMILARITY < said.least_similarity < 1
        sound = np.pad(soundfile.read(place / folder / "0.wav", dtype="float32")[0], 6_144)
        windows = [sound[start : start + 6_144] for start in range(0, len(sound) - 6_144, 768)]  # 0.768 s, every 96 ms
        assert len(asked) == len(windows) + 5 * 4  # and each of five takes as it is heard about its end
        closest = max(float(recogniser.direction(window) @ door) for window in windows)
        assert said.least_similarity == pytest.approx(closest + 0.05, abs=1e-4)
    assert listener(place).hear(str(like))["text"] == ""
    assert listener(place).hear(str(place / "door" / "0.wav"))["text"] == "door"


def test_recordings_that_are_unlike_the_others_are_named(place):
    recording(place / "door" / "9.wav", chord(*LAMP))
    done = infer(*options(place), "--enrol", "door", place / "door")
    assert done.returncode == 0
    assert "from 6 recordings" in done.stdout
    assert f"unlike the others: {place}/door/9.wav" in done.stdout
    recording(place / "door" / "9.wav", chord(1, 3, 5, 0, 2))  # a cosine of 0.41 to the others
    assert "unlike the others" in infer(*options(place), "--enrol", "door", place / "door").stdout
    for number, digit in enumerate((0, 2, 4, 6)):
        recording(place / "mixed" / f"{number}.wav", tone(digit))
    with pytest.raises(UserError, match="most recordings are less like the others"):
        enrol(place / "tones.onnx", None, "mixed", [str(place / "mixed")])


def test_a_manifest_may_ask_for_enrolled_words(place, capsys):
    enrolled(place, "door")
    (place / "all.csv").write_text("path,label\ndoor/0.wav,door\ndoor/1.wav,door\nlamp/0.wav,\n", encoding="utf-8")
    settings = Settings(place / "tones.onnx", None, 1, "energy", True)
    assert evaluate(settings, place / "all.csv", 1, as_json=True) == 0
    (row,) = json.loads(capsys.readouterr().out)["corpora"]
    assert (row["words"]["correct"], row["rejected"]["correct"]) == (2, 1)


def test_every_chunking_of_a_stream_gives_the_same_enrolled_words(place):
    enrolled(place, "door", "lamp")
    samples, _ = soundfile.read(place / "sentence.wav", dtype="float32")
    found = []
    for size in (100, 1_000, len(samples)):
        inference = RealTimeInference(Recogniser(place / "tones.onnx"), VoiceActivityDetector("energy", RATE))
        chunks = [samples[at : at + size] for at in range(0, len(samples), size)]
        found.append([event for chunk in chunks for event in inference.process(chunk)] + inference.finish())
    assert found[0] == found[1] == found[2]
    assert [event.digit for event in found[0]] == ["4", "door", "6", "lamp"]


def test_a_word_that_the_sound_ends_in_is_heard(place):
    enrolled(place, "door")
    inference = RealTimeInference(Recogniser(place / "tones.onnx"), VoiceActivityDetector("energy", RATE))
    events = inference.process(np.concatenate([silence(0.5), chord(*DOOR)])) + inference.finish()
    assert [event.digit for event in events] == ["door"]


def test_a_word_in_the_hiss_laid_around_a_short_recording_is_none(place, monkeypatch):
    """A regression: it ended before it began."""
    enrolled(place, "door")
    (place / "short.wav").write_bytes((place / "door" / "0.wav").read_bytes())
    heard = listener(place)
    early = WordEvent("door", 0.1, 0.3, 0.9, 0.5)
    monkeypatch.setattr(heard._inference, "finish", lambda: [early])
    monkeypatch.setattr(heard._inference, "process", lambda _: [])
    assert heard.hear(place / "short.wav")["digits"] == []


def test_a_spotter_finds_a_word_once_and_again_when_it_is_said_again():
    spotter, found = Spotter(), []
    heights = [0.2, 0.6, 0.9, 0.7, 0.6, 0.6, 0.6, 0.2, 0.2, 0.7, 0.2, 0.2, 0.2]
    for run, similarity in enumerate(heights):
        found += [spotter.follow(Match("door", similarity, 0.5), float(run))]
    heard = [(one.similarity, one.at_s, at) for at, one in enumerate(found) if one]
    assert heard == [(0.9, 2.0, 2 + SETTLED_RUNS), (0.7, 9.0, 9 + SETTLED_RUNS)]


def test_what_cannot_be_enrolled_is_refused_in_one_line(place):
    (place / "hollow").mkdir()
    soundfile.write(place / "long.wav", spoken("1234567890"), RATE)
    soundfile.write(place / "silent.wav", silence(0.5), RATE)
    recording(place / "click.wav", chord(*DOOR, duration_s=0.08))
    soundfile.write(place / "whisper.wav", chord(*DOOR, amplitude=0.002), RATE)
    door, first = str(place / "door"), [str(place / "door" / f"{take}.wav") for take in range(2)]
    for word, inputs, unlike, said in (
        ("door", [str(place / "hollow")], None, "0 recordings of 'door', where 3 are needed"),
        ("door", first, None, "2 recordings of 'door', where 3 are needed"),
        ("door", [str(place / "none.wav"), *first], None, "none.wav"),
        ("door", [str(place / "long.wav"), *first], None, "record the word alone"),
        ("door", [str(place / "silent.wav"), *first], None, "holds no sound"),
        ("door", [str(place / "click.wav"), *first], None, "too short for a word"),
        ("door", [str(place / "whisper.wav"), *first], None, "too quiet"),
        ("door", [door], str(place / "hollow"), "no sound files"),
        ("3", [door], None, "knows this word already"),
        ("reject", [door], None, "knows this word already"),
        ("", [door], None, "no name for a word"),
        (" door", [door], None, "no name for a word"),
        ("d\n", [door], None, "no name for a word"),
    ):
        with pytest.raises((UserError, OSError), match=said):
            enrol(place / "tones.onnx", None, word, inputs, unlike)
    assert not words_beside(place / "tones.onnx").exists()
    enrolled(place, "door")
    with pytest.raises(UserError, match="lamp: not enrolled, only door is"):
        forget(place / "tones.onnx", None, "lamp")
    for arguments in (["--enrol", "door"], ["--enrol", "door", "--mic"], ["--unlike", door], ["--forget", "x", door]):
        done = infer(*options(place), *arguments)
        assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)


def test_a_name_has_40_letters_and_a_recording_5_seconds_at_most(place):
    door = [str(place / "door" / f"{take}.wav") for take in range(2)]
    for letters, pause_s, refused in ((40, 4.1, None), (41, 4.1, "no name for a word"), (40, 4.3, "longer than 5 s")):
        long = recording(place / "long.wav", np.concatenate([chord(*DOOR), silence(pause_s)]))  # and 0.8 s more
        with pytest.raises(UserError, match=refused) if refused else nullcontext():
            enrol(place / "tones.onnx", None, "d" * letters, [str(long), *door])


def test_a_model_from_before_there_was_a_crowd_enrols_nothing(place):
    old = write_tone_model(place / "old.onnx")
    with pytest.raises(UserError, match=r"old\.onnx: made before words could be enrolled: export it again"):
        enrol(old, None, "door", [str(place / "door")])
    enrolled(place, "door")
    done = infer("--model", old, "--words", words_beside(place / "tones.onnx"), place / "sentence.wav")
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert "made before words could be enrolled" in done.stderr


@pytest.mark.parametrize("said", ["[]", "{}", '{"mean": "AAA=", "axes": 3}', '{"mean": "", "axes": ""}', "["])
def test_a_damaged_crowd_is_one_line(tmp_path, said):
    with pytest.raises(ModelError, match="its crowd is not a mean and the axes around it"):
        Recogniser(write_tone_model(tmp_path / "spoilt.onnx", crowd=said))


def test_a_damaged_or_foreign_file_of_words_is_one_line(place):
    model, file = place / "tones.onnx", words_beside(place / "tones.onnx")
    enrolled(place, "door")
    whole = json.loads(file.read_text(encoding="utf-8"))
    word = whole["words"]["door"]
    for change in (
        {"format": "dwindle-words-9"},
        {"words": []},
        {"words": {"door": word | {"prototype": [0.1] * 10}}},
        {"words": {"door": word | {"prototype": [1.0]}}},
        {"words": {"door": word | {"least_similarity": 2}}},
        {"words": {"door": {}}},
    ):
        file.write_text(json.dumps(whole | change), encoding="utf-8")
        with pytest.raises(UserError, match="not a file of enrolled words, or damaged"):
            Recogniser(model)
    file.write_bytes(b"\xff{")
    done = infer(*options(place), place / "sentence.wav")
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    file.write_text(json.dumps(whole | {"model_sha256": "0" * 64}), encoding="utf-8")
    with pytest.raises(UserError, match="delete it and enrol them again"):
        Recogniser(model)
    with pytest.raises(UserError, match="no such file of enrolled words"):
        read_words(place / "none.json", model, 10)
