"""The page's Speak tab in a real browser: what is said, dropped or chosen is what is shown."""

import json
import subprocess

import numpy as np
import pytest
import soundfile
from script_process import ROOT
from web_browser import PHONE, READY_MS, digits_shown, dropped, microphone_flags, opened, run_node_test
from web_vectors import DETECTOR, MODEL, strings, vectors

from bench.browser import browser, served
from dwindle.infer.speech import file_listener
from dwindle.infer.speech.file_listener import FileListener, Settings
from dwindle.infer.speech.listener import RealTimeInference
from dwindle.infer.speech.sound_file import read_audio
from dwindle.infer.speech.vad import VoiceActivityDetector

SAMPLES = sorted((ROOT / "samples").glob("*.wav"))
RATE = 8_000
SAID = {"three": "3", "one": "1", "four": "4", "seven": "7", "two": "2", "eight": "8"}
STRINGS, TEST_STRINGS = 12, 12  # of samples, and of FSDD's test takes
TEST_TAKES = range(5)


def read(path) -> np.ndarray:
    return soundfile.read(path, dtype="float32")[0]


@pytest.fixture(scope="module")
def loaded(chromium, url):
    page = opened(chromium, url)
    yield page
    page.context.close()


@pytest.fixture
def page(loaded):
    """One page for several tests, each of which begins where a visitor does."""
    loaded.get_by_role("tab", name="Speak").click()
    loaded.errors.clear()
    return loaded


@pytest.fixture(scope="module")
def speech(tmp_path_factory):
    """What is said into the microphone: digits with pauses."""
    pause = np.zeros(RATE * 4 // 10, np.float32)
    sound = [np.zeros(2 * RATE, np.float32)]
    for word in SAID:
        sound += [read(ROOT / "samples" / f"{word}.wav"), pause]
    path = tmp_path_factory.mktemp("speech") / "said.wav"
    soundfile.write(path, np.concatenate([*sound, np.zeros(2 * RATE, np.float32)]), RATE)
    return path


def held_to(site, recordings, folder) -> subprocess.CompletedProcess:
    """The page's listener and Python's, on the same sound."""
    made = vectors(recordings)
    assert sum(len(row["words"]) for row in made["recordings"]) >= len(recordings)
    (folder / "vectors.json").write_text(json.dumps(made), encoding="utf-8")
    return run_node_test("listener.test", site, folder, VECTORS=folder / "vectors.json")


@pytest.mark.slow(seconds=20)
def test_the_listener_says_what_pythons_says_at_the_same_hop(site, tmp_path):
    words = [read(path) for path in SAMPLES]
    recordings = {path.stem: (sound, RATE) for path, sound in zip(SAMPLES, words, strict=True)}
    recordings |= {f"string {number}": (sound, RATE) for number, sound in enumerate(strings(words, RATE, STRINGS))}
    done = held_to(site, recordings, tmp_path)
    assert done.returncode == 0, done.stdout[-3000:]
    assert f"pass {len(recordings)}\n" in done.stdout


@pytest.mark.slow(seconds=30)
def test_the_listener_says_what_pythons_says_of_people(site, data_dir, tmp_path):
    takes = [
        path
        for path in sorted((data_dir / "fsdd" / "recordings").glob("*.wav"))
        if int(path.stem.split("_")[2]) in TEST_TAKES
    ]
    sounds = strings([read(path) for path in takes], RATE, TEST_STRINGS, seed=1)
    done = held_to(site, {f"string {number}": (sound, RATE) for number, sound in enumerate(sounds)}, tmp_path)
    assert done.returncode == 0, done.stdout[-3000:]


@pytest.mark.slow(seconds=15)
def test_digits_said_are_digits_shown_as_they_are_said(playwright, url, speech):
    with browser(playwright, *microphone_flags(speech)) as chromium:
        page = opened(chromium, url)
        page.get_by_role("button", name="Listen").click()
        page.wait_for_selector("#heard li:nth-child(2)")
        assert page.locator("#listen").get_attribute("aria-pressed") == "true"
        assert len(digits_shown(page)) < len(SAID)  # the rest has not been said
        page.wait_for_selector(f"#heard li:nth-child({len(SAID)})")
        page.locator("#listen").click()
        page.wait_for_selector("#listen[aria-pressed=false]")
        assert digits_shown(page) == list(SAID.values())
        for text in page.locator("#heard small").all_inner_texts():
            confidence, latency = text.split(" · ")
            assert 30 <= int(confidence.rstrip("%")) <= 100
            assert 0 <= float(latency.removesuffix(" ms").replace(",", "")) < 2_000
        assert "listened for" in page.inner_text("#state")
        assert page.errors == []


@pytest.mark.slow(seconds=15)
def test_every_sample_is_heard_as_python_hears_it(page):
    python = FileListener(Settings(MODEL, None, 1, DETECTOR, isolated=False))
    for path in SAMPLES:
        page.get_by_role("button", name=path.stem.replace("_", " "), exact=True).click()
        page.wait_for_selector(f"#state:has-text('{path.name}:')")
        assert digits_shown(page) == [digit["digit"] for digit in python.hear(str(path))["digits"]], path.name
    assert page.errors == []


def test_a_file_that_is_dropped_is_heard(page):
    dropped(page, "#drop", "mine.wav", (ROOT / "samples" / "one_seven_three.wav").read_bytes())
    page.wait_for_selector("#state:has-text('mine.wav: 173')")
    assert digits_shown(page) == ["1", "7", "3"]


def test_a_file_that_is_no_sound_is_named_and_the_next_one_is_heard(page, tmp_path):
    (tmp_path / "letter.wav").write_text("dear all", encoding="utf-8")
    page.set_input_files("#file", tmp_path / "letter.wav")
    page.wait_for_selector("#problem:has-text('letter.wav is no sound file')")
    page.set_input_files("#file", ROOT / "samples" / "four_two.wav")
    page.wait_for_selector("#state:has-text('four_two.wav: 42')")
    assert page.locator("#problem").is_hidden()


def test_a_short_recording_gets_a_second_look_as_in_python(page, tmp_path, monkeypatch):
    """Of a word amid hiss in which the rules for running speech find nothing, and the pooled output does."""
    rng = np.random.default_rng(0)
    python = FileListener(Settings(MODEL, None, 1, DETECTOR, isolated=False))
    for number in range(300):
        word = read(SAMPLES[number % len(SAMPLES)])
        path = tmp_path / f"{number}.wav"
        soundfile.write(path, np.clip(word + 10 ** rng.uniform(-2, -1) * rng.standard_normal(len(word)), -1, 1), RATE)
        found = python.hear(str(path))["digits"]
        with monkeypatch.context() as rules:
            rules.setattr(file_listener, "SHORT_RECORDING_S", 0)
            at_once = python.hear(str(path))["digits"]
        if not at_once and found and found[0]["confidence"] > python.recogniser.threshold + 0.01:
            break
    else:
        pytest.fail("no recording was in need of a second look")
    page.set_input_files("#file", path)
    page.wait_for_selector(f"#state:has-text('{path.name}:')")
    assert digits_shown(page) == [digit["digit"] for digit in found]


def test_a_recording_is_heard_in_hindsight_as_in_python(page, tmp_path):
    """One in which a live listener hears other words, as it does not know what follows."""
    rng = np.random.default_rng(0)
    python = FileListener(Settings(MODEL, None, 1, DETECTOR, isolated=False))
    live = RealTimeInference(python.recogniser, VoiceActivityDetector(DETECTOR))
    for number in range(300):
        sound = np.pad(np.concatenate([read(path) for path in rng.choice(SAMPLES, 6)]), RATE // 2)
        sound += 10 ** rng.uniform(-2.5, -1) * rng.standard_normal(len(sound))
        soundfile.write(path := tmp_path / f"{number}.wav", np.clip(sound, -1, 1), RATE)
        at_once = [word.digit for word in live.process(read_audio(path)) + live.finish()]
        live.reset()
        found = python.hear(str(path))["digits"]
        if at_once == [digit["digit"] for digit in found] or any(0.28 < digit["confidence"] < 0.32 for digit in found):
            continue  # the same, or so close to a threshold that arithmetic may decide
        page.set_input_files("#file", path)
        page.wait_for_selector(f"#state:has-text('{path.name}:')")
        assert digits_shown(page) == [digit["digit"] for digit in found]
        return
    pytest.fail("hindsight never told otherwise")


def test_an_unsure_digit_is_shown_as_unsure(page, tmp_path):
    rng = np.random.default_rng(0)
    words = [read(path) for path in SAMPLES]
    python = FileListener(Settings(MODEL, None, 1, DETECTOR, isolated=False))
    for number in range(200):  # until Python is unsure of one, too
        sound = np.concatenate([np.zeros(RATE), words[rng.integers(10)], np.zeros(RATE // 5), words[rng.integers(10)]])
        noisy = sound + 10 ** rng.uniform(-2, -1.3) * rng.standard_normal(len(sound))
        path = tmp_path / f"{number}.wav"
        soundfile.write(path, np.clip(noisy, -1, 1), RATE)
        confidences = [digit["confidence"] for digit in python.hear(str(path))["digits"]]
        if confidences and min(confidences) < python.recogniser.lone_threshold - 0.05 and max(confidences) > 0.8:
            break
    else:
        pytest.fail("Python was never unsure")
    page.set_input_files("#file", path)
    page.wait_for_selector(f"#state:has-text('{path.name}:')")
    shown = [item.get_attribute("class") for item in page.locator("#heard li").all()]
    assert shown == [
        "unsure" if confidence < python.recogniser.lone_threshold else "sure" for confidence in confidences
    ]
    assert page.locator("#heard .unsure b").first.inner_text().endswith("?")


def test_a_refused_microphone_is_explained_and_recordings_are_a_way_on(playwright, url):
    with browser(playwright, "--use-fake-device-for-media-stream", "--deny-permission-prompts") as chromium:
        page = opened(chromium, url)
        page.locator("#listen").click()
        page.wait_for_selector("#problem:has-text('may not use the microphone')")
        assert "recordings" in page.inner_text("#problem")
        page.get_by_role("button", name="one seven three").click()
        page.wait_for_selector("#state:has-text('173')")
        assert page.locator("#problem").is_hidden()


def test_no_microphone_is_explained(chromium, url):
    page = chromium.new_context().new_page()
    none = "Promise.reject(new DOMException('Requested device not found', 'NotFoundError'))"  # there may be one here
    page.add_init_script(f"navigator.mediaDevices.getUserMedia = () => {none}")
    page.goto(url)
    page.wait_for_selector("body[data-ready]", timeout=READY_MS)
    page.locator("#listen").click()
    page.wait_for_selector("#problem:has-text('No microphone was found')")
    assert page.locator("#listen").is_enabled()
    page.context.close()


def test_without_webassembly_the_page_says_so_and_offers_the_recordings(chromium, url):
    page = chromium.new_context().new_page()
    page.add_init_script("delete window.WebAssembly")
    page.goto(url)
    page.wait_for_selector("#problem:has-text('no WebAssembly')")
    assert page.locator("#samples audio").count() == len(SAMPLES)
    assert page.locator("#listen").is_disabled()
    page.context.close()


def test_it_works_offline_once_loaded_and_loads_nothing_from_elsewhere(chromium, site):
    context = chromium.new_context()
    page, asked = context.new_page(), []
    context.on("request", lambda request: asked.append(request.url))
    with served(site) as address:
        page.goto(address)
        page.wait_for_selector("body[data-ready]", timeout=READY_MS)
        page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    asked.clear()
    page.reload()  # nobody serves it any more
    page.wait_for_selector("body[data-ready]", timeout=READY_MS)
    page.get_by_role("button", name="four two").click()
    page.wait_for_selector("#state:has-text('42')")
    assert asked
    assert all(request.startswith(address) for request in asked)
    context.close()


def test_on_a_phone_nothing_is_cut_off(chromium, url):
    page = opened(chromium, url, **PHONE)
    page.get_by_role("button", name="one seven three").tap()
    page.wait_for_selector("#state:has-text('173')")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.locator("#listen").bounding_box()["height"] >= 44  # a finger's width
    page.context.close()


def test_the_keyboard_is_enough(chromium, url):
    page = opened(chromium, url)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "tab-speak"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "listen"
    page.get_by_role("button", name="four two").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("#state:has-text('42')")
    page.context.close()


def test_compare_shows_every_version_and_the_command_that_made_it(page):
    rows = json.loads((ROOT / "artifacts" / "results.json").read_text(encoding="utf-8"))["rows"]
    page.get_by_role("tab", name="Compare").click()
    page.locator("#score").select_option("unseen_speakers")
    page.wait_for_selector("#size-chart .mark")
    drawn = [row for row in rows if row.get("bytes") and "unseen_speakers" in row["scores"]]
    assert page.locator("#size-chart .mark").count() == len(drawn)
    assert page.locator("#latency-chart .mark").count() >= 3
    for name in ("pruned fp16:", "pruned static uint8:"):
        page.locator(f"#size-chart .mark[aria-label^='{name}']").press("Enter")
        row = next(row for row in rows if row["version"] == name.rstrip(":").replace(" ", "_"))
        first = page.locator("#chosen details").first
        assert first.locator("code").inner_text() == row["command"]
        assert f"{row['parameters']:,}" in first.inner_text()
    assert page.errors == []


def test_compare_fits_a_phone_in_the_dark(chromium, url):
    page = opened(chromium, url, **PHONE, color_scheme="dark")
    page.get_by_role("tab", name="Compare").tap()
    page.wait_for_selector("#size-chart .mark")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 23, 27)"
    page.context.close()


def test_the_site_is_small_and_the_program_readable(site):
    assert sum(path.stat().st_size for path in site.rglob("*") if path.is_file()) < 15e6
    for path in (ROOT / "web" / "src").iterdir():
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 300, path.name
    assert '"resolved"' not in (ROOT / "web" / "package-lock.json").read_text(encoding="utf-8")
