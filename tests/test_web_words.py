"""A person's own words in the page: from Python's file or from recordings made there, heard, kept, forgotten."""

import json

import numpy as np
import pytest
import soundfile
from infer_command import infer, json_lines
from script_process import ROOT
from web_browser import READY_MS, digits_shown, dropped, microphone_flags, opened, run_node_test
from web_vectors import MODEL, enrolments, said_again, strings, vectors

from bench.browser import browser
from dwindle.files import sha256_of
from dwindle.infer.speech.enrol import enrol
from dwindle.infer.speech.enrolled import read_words
from dwindle.infer.speech.model import Recogniser
from dwindle.infer.speech.sound_file import sound_files

RATE = 8_000
HELLO, HELLO_WAV = "hello", ROOT / "samples" / "hello.wav"
PEOPLES_WORDS = ("marvin", "happy", "house", "tree")
TAKES = 5


def read(path) -> np.ndarray:
    return soundfile.read(path, dtype="float32")[0]


def written(path, sound: np.ndarray):
    soundfile.write(path, sound, RATE)
    return path


@pytest.fixture(scope="module")
def takes(tmp_path_factory):
    """Five recordings of a word that is no digit."""
    folder = tmp_path_factory.mktemp("takes")
    sounds = said_again(read(HELLO_WAV), RATE, TAKES)
    return [written(folder / f"{number}.wav", sound) for number, sound in enumerate(sounds)]


@pytest.fixture(scope="module")
def words(takes, tmp_path_factory):
    """The file of words that Python makes of them."""
    file = tmp_path_factory.mktemp("words") / "mine.json"
    enrol(MODEL, file, HELLO, list(map(str, takes)))
    return file


@pytest.fixture
def page(chromium, url):
    """A visitor who has added no word yet."""
    page = opened(chromium, url)
    yield page
    assert page.errors == []
    page.context.close()


def own_words(page) -> list[str]:
    return page.locator("#own-words b").all_inner_texts()


def judgements(page) -> list[str]:
    return [text.split(": ", 1)[1] for text in page.locator("#takes span").all_inner_texts()]


def hears(page, path) -> list[str]:
    """What is shown of a file."""
    page.evaluate("document.getElementById('state').textContent = ''")  # it may be what it said before
    page.set_input_files("#file", path)
    page.wait_for_selector(f"#state:has-text('{path.name}:')")
    return digits_shown(page)


def sentence(folder):
    """hello three hello"""
    pause, hello = np.zeros(RATE // 2, np.float32), read(HELLO_WAV)
    parts = [pause, hello, pause, read(ROOT / "samples" / "three.wav"), pause, hello, pause]
    return written(folder / "sentence.wav", np.concatenate(parts))


@pytest.mark.slow(seconds=20)
def test_enrolled_words_are_heard_when_python_hears_them(site, words, tmp_path):
    sounds = [read(path) for path in sorted((ROOT / "samples").glob("*.wav"))] + 6 * [read(HELLO_WAV)]
    made = vectors({f"string {n}": (sound, RATE) for n, sound in enumerate(strings(sounds, RATE, 12))}, words=words)
    heard = [word["digit"] for row in made["recordings"] for word in row["words"]]
    assert heard.count(HELLO) >= 6
    (tmp_path / "vectors.json").write_text(json.dumps(made), encoding="utf-8")
    done = run_node_test("listener.test", site, tmp_path, VECTORS=tmp_path / "vectors.json")
    assert done.returncode == 0, done.stdout[-3000:]


def test_words_are_enrolled_as_python_enrols_them(site, tmp_path):
    names = ("hello", "two", "seven", "zero")
    sounds = {name: read(ROOT / "samples" / f"{name}.wav") for name in names}
    sets = {f"{name} again": said_again(sound, RATE, TAKES) for name, sound in sounds.items()}
    sets["one unlike"] = [*said_again(sounds["hello"], RATE, TAKES), sounds["two"]]
    sets["all unlike"] = list(sounds.values())
    made = enrolments(tmp_path, {name: [(sound, RATE) for sound in some] for name, some in sets.items()})
    assert [any(row["unsure"]) for row in made["enrolments"]] == [name == "one unlike" for name in sets]
    assert [row["file"] is None for row in made["enrolments"]] == [name == "all unlike" for name in sets]
    (tmp_path / "vectors.json").write_text(json.dumps(made), encoding="utf-8")
    done = run_node_test("enrolment.test", site, tmp_path, VECTORS=tmp_path / "vectors.json")
    assert done.returncode == 0, done.stdout[-3000:]


@pytest.mark.slow(seconds=20)
def test_peoples_words_are_enrolled_as_python_enrols_them(site, data_dir, tmp_path):
    folders = {word: data_dir / "speech_commands" / word for word in PEOPLES_WORDS}
    sounds = {
        word: [soundfile.read(path, dtype="float32") for path in list(sound_files(folder))[:TAKES]]
        for word, folder in folders.items()
    }
    made = enrolments(tmp_path, sounds)
    (tmp_path / "vectors.json").write_text(json.dumps(made), encoding="utf-8")
    done = run_node_test("enrolment.test", site, tmp_path, VECTORS=tmp_path / "vectors.json")
    assert done.returncode == 0, done.stdout[-3000:]


def test_pythons_file_of_words_is_taken_and_its_words_are_heard(page, words, tmp_path):
    said = sentence(tmp_path)
    assert hears(page, said) == ["3"]
    page.get_by_label("A file of words, from here").set_input_files(words)
    page.wait_for_selector("#own-state:has-text('hello: heard from now on')")
    assert hears(page, said) == [HELLO, "3", HELLO]
    assert page.inner_text("#state") == "sentence.wav: hello 3 hello"
    assert "alike" in page.inner_text("#heard li:first-child small")
    page.get_by_role("button", name="Forget hello").click()
    page.wait_for_selector("#own-state:has-text('hello is forgotten')")
    assert hears(page, said) == ["3"]
    dropped(page, "#drop", "mine.json", words.read_bytes())
    page.wait_for_selector("#own-words b:has-text('hello')")
    assert hears(page, said) == [HELLO, "3", HELLO]


@pytest.mark.slow(seconds=25)
def test_a_word_recorded_in_the_page_is_heard_live_kept_and_read_by_python(playwright, url, takes, tmp_path):
    pause = np.zeros(RATE // 2, np.float32)
    parts = [part for take in takes for part in (read(take), pause)]
    said = written(tmp_path / "said.wav", np.concatenate([np.zeros(2 * RATE, np.float32), *parts, pause, pause]))
    with browser(playwright, *microphone_flags(said)) as chromium:
        page = opened(chromium, url)
        page.get_by_role("textbox", name="New word").fill("hello")
        page.get_by_role("button", name="Record", exact=True).click()
        page.wait_for_selector("#record[aria-pressed=true]")
        assert "Say the word 5 times" in page.inner_text("#record-state")
        page.wait_for_selector(f"#takes li.good:nth-child({TAKES})")
        page.wait_for_selector("#record[aria-pressed=false]")  # by itself: five are enough
        page.get_by_role("button", name="Add the word").click()
        page.wait_for_selector("#own-state:has-text('hello is added')")
        assert page.locator("#takes li").count() == 0
        page.get_by_role("button", name="Listen").click()
        page.wait_for_selector(f"#heard li:nth-child({TAKES})")
        page.locator("#listen").click()
        page.wait_for_selector("#listen[aria-pressed=false]")
        assert digits_shown(page) == [HELLO] * TAKES
        page.reload()
        page.wait_for_selector("body[data-ready]", timeout=READY_MS)
        assert own_words(page) == [HELLO]
        with page.expect_download() as download:
            page.get_by_role("button", name="Download").click()
        assert download.value.suggested_filename == "model_int8.words.json"
        download.value.save_as(tmp_path / "words.json")
        assert page.errors == []
    kept = read_words(tmp_path / "words.json", MODEL, len(Recogniser(MODEL).crowd.mean))
    assert {word: one.recordings for word, one in kept.words.items()} == {HELLO: TAKES}
    (heard,) = json_lines(infer("--words", tmp_path / "words.json", "--vad", "energy", "--json", sentence(tmp_path)))
    assert heard["text"] == "hello 3 hello"


def test_each_recording_is_judged(page, takes, tmp_path):
    hello, edge = read(HELLO_WAV), np.zeros(RATE // 3, np.float32)
    faulty = {
        "quiet": 0.003 * hello,
        "short": np.concatenate([edge, hello[3_000:3_500], edge]),
        "long": np.concatenate([hello, np.zeros(5 * RATE, np.float32)]),
        "silent": edge,
        "other": read(ROOT / "samples" / "two.wav"),
    }
    files = [written(tmp_path / f"{name}.wav", sound) for name, sound in faulty.items()]
    page.get_by_label("Or choose sound files").set_input_files([*takes[:4], *files])
    page.wait_for_selector(f"#takes li:nth-child({4 + len(files)})")
    *good, quiet, short, long, silent, other = judgements(page)
    assert all(one.startswith("good, ") for one in good)
    assert quiet.startswith(silent[:9])
    assert quiet.startswith("too quiet")
    assert short.startswith("too short")
    assert long.startswith("longer than 5 s")
    assert other.startswith("unlike the others")
    page.get_by_role("button", name="Remove other.wav").press("Enter")
    assert len(judgements(page)) == 4 + len(files) - 1
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Remove silent.wav"
    page.get_by_role("textbox", name="New word").fill("hello")
    page.get_by_role("textbox", name="New word").press("Enter")  # what is no use does not count
    page.wait_for_selector("#own-words li:has-text('4 recordings')")


def test_what_cannot_be_enrolled_is_refused_in_a_sentence(page, takes, tmp_path):
    add, name = page.get_by_role("button", name="Add the word"), page.get_by_role("textbox", name="New word")
    for word, said in (
        ("", "Type the word first"),
        ("7", "The model knows 7 already"),
        ("reject", "The model knows reject already"),
        ("a\u200bb", "up to 40 letters"),
        ("hello", "0 good recordings, where 3 are needed"),
    ):
        name.fill(word)
        add.click()
        page.wait_for_selector(f"#own-problem:has-text('{said}')")
    samples = [ROOT / "samples" / f"{digit}.wav" for digit in ("two", "seven", "zero", "six")]
    page.get_by_label("Or choose sound files").set_input_files(samples)
    page.wait_for_selector("#takes li:nth-child(4)")
    add.click()
    page.wait_for_selector("#own-problem:has-text('Most recordings are unlike the others')")
    (tmp_path / "letter.wav").write_text("dear all", encoding="utf-8")
    page.get_by_label("Or choose sound files").set_input_files([tmp_path / "letter.wav"])
    page.wait_for_selector("#own-problem:has-text('letter.wav is no sound file')")
    assert own_words(page) == []


def test_a_file_of_words_that_is_damaged_or_another_models_is_named(page, words, tmp_path):
    whole = json.loads(words.read_text(encoding="utf-8"))
    word = whole["words"][HELLO]
    for change, said in (
        ({"format": "dwindle-words-9"}, "not a file of enrolled words"),
        ({"words": []}, "not a file of enrolled words"),
        ({"words": {HELLO: word | {"prototype": [1.0]}}}, "not a file of enrolled words"),
        ({"words": {HELLO: word | {"prototype": [0.9] * len(word["prototype"])}}}, "not a file of enrolled words"),
        ({"words": {HELLO: word | {"least_similarity": 2}}}, "not a file of enrolled words"),
        ({"words": {HELLO: None}}, "not a file of enrolled words"),
        ({"model_sha256": "0" * 64}, "enrolled with another model"),
    ):
        (tmp_path / "spoilt.json").write_text(json.dumps(whole | change), encoding="utf-8")
        page.get_by_label("A file of words, from here").set_input_files(tmp_path / "spoilt.json")
        page.wait_for_selector(f"#own-problem:has-text('{said}')")
    (tmp_path / "spoilt.json").write_text("[", encoding="utf-8")
    dropped(page, "#drop", "spoilt.json", b"[")
    page.wait_for_selector("#problem:has-text('spoilt.json is not a file of enrolled words')")
    assert own_words(page) == []
    page.get_by_label("A file of words, from here").set_input_files(words)
    page.wait_for_selector("#own-words b:has-text('hello')")
    assert page.locator("#own-problem").is_hidden()


def test_kept_words_of_an_earlier_model_are_told_of(chromium, url, words):
    page = opened(chromium, url)
    kept = json.loads(words.read_text(encoding="utf-8"))
    assert kept["model_sha256"] == sha256_of(MODEL)
    page.evaluate("text => localStorage.setItem('dwindle-words', text)", json.dumps(kept | {"model_sha256": "0" * 64}))
    page.reload()
    page.wait_for_selector("#own-problem:has-text('enrolled with another model')")
    page.wait_for_selector("body[data-ready]", timeout=READY_MS)
    assert own_words(page) == []
    page.context.close()


def test_a_refused_microphone_is_explained_where_the_word_is_recorded(playwright, url):
    with browser(playwright, "--use-fake-device-for-media-stream", "--deny-permission-prompts") as chromium:
        page = opened(chromium, url)
        page.get_by_role("button", name="Record", exact=True).click()
        page.wait_for_selector("#own-problem:has-text('may not use the microphone')")
        assert page.locator("#record").get_attribute("aria-pressed") == "false"
