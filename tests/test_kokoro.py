"""Kokoro: the draw of its prompts, what it says, what is kept of it, and what training makes of that."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from beep import Beep

from bench.enrol_voices import SPEAKERS, TAKES, WORDS, mixed_in_training, prompts_of
from dwindle.errors import UserError
from dwindle.infer.speech import REJECT, SAMPLE_RATE
from dwindle.tasks.speech import kokoro, kokoro_prompts
from dwindle.tasks.speech.kokoro import Kokoro, kept, kokoro_phrases, kokoro_words, main, model_folder, speak_all
from dwindle.tasks.speech.kokoro_prompts import COUNTS, OTHER, SPELLINGS, STRING, TEXT, WORD, Prompt, prompts
from dwindle.tasks.speech.running_text import names_a_digit
from dwindle.tasks.speech.vocabulary import DIGIT_WORDS, OTHER_WORDS
from dwindle.tasks.speech.voices import PEAK

SEVEN = Prompt(WORD, "seven", "sˈɛwən", "", "af_sky", 1.0, "")


@pytest.fixture(scope="module")
def engine() -> Kokoro:
    """The real synthesiser, in the folder that $DWINDLE_KOKORO names."""
    folder = model_folder(Path("data"))
    assert folder is not None
    return Kokoro(folder)


def test_every_beginning_of_the_prompts_is_a_balanced_mix():
    chunks = prompts()
    assert Counter(prompt.kind for chunk in chunks for prompt in chunk) == COUNTS
    assert all(len({prompt.kind for prompt in chunk}) == 1 for chunk in chunks)
    whole = sum(COUNTS.values())
    for share in (0.1, 0.3, 0.7):
        begun = Counter(prompt.kind for chunk in chunks[: round(share * len(chunks))] for prompt in chunk)
        for kind, count in COUNTS.items():
            assert begun[kind] / begun.total() == pytest.approx(count / whole, abs=0.03)


def test_digits_are_spelled_in_every_accent_and_alike_throughout_a_string():
    drawn = [prompt for chunk in prompts() for prompt in chunk]
    words = [prompt for prompt in drawn if prompt.kind == WORD]
    assert set(Counter(prompt.text for prompt in words).values()) == {COUNTS[WORD] // 10}
    for word, spellings in SPELLINGS.items():
        assert {prompt.phonemes for prompt in words if prompt.text == word} == set(spellings.split())
    for prompt in (prompt for prompt in drawn if prompt.kind == STRING):
        spelled = list(zip(prompt.text.split(), prompt.phonemes.replace(",", "").split(), strict=True))
        assert 2 <= len(spelled) <= 10 and len(set(spelled)) == len({word for word, _ in spelled})
        assert all(phonemes in SPELLINGS[word].split() for word, phonemes in spelled)


def test_other_words_and_texts_hold_no_digit_and_homophones_only_among_other_words():
    drawn = [prompt for chunk in prompts() for prompt in chunk if prompt.kind in (OTHER, TEXT)]
    assert not [prompt.text for prompt in drawn if names_a_digit(prompt.text, homophones=prompt.kind == OTHER)]
    assert sum(names_a_digit(prompt.text) for prompt in drawn) > 1_000
    assert all(" " in prompt.text for prompt in drawn if prompt.kind == TEXT)


def test_a_third_of_the_speakers_are_pure_and_each_mixture_speaks_often():
    speakers = Counter(prompt.speaker for chunk in prompts() for prompt in chunk)
    pure = sum(count for speaker, count in speakers.items() if "+" not in speaker)
    assert pure / speakers.total() == pytest.approx(kokoro_prompts.PURE_SHARE, abs=0.02)
    assert len(speakers) > 300 and min(speakers.values()) > 10


def test_what_was_said_is_kept_and_a_stopped_run_goes_on(tmp_path, monkeypatch, capsys):
    assert speak_all(Beep(), 100, tmp_path) == 100
    assert "100 of 100 said" in capsys.readouterr().out
    damaged = sorted(tmp_path.iterdir())[0]
    damaged.write_bytes(damaged.read_bytes()[:100])
    assert len(list(kept(tmp_path))) == 50
    assert speak_all(Beep(), 200, tmp_path) == 150
    found = list(kept(tmp_path))
    assert [prompt for prompt, _ in found] == [prompt for chunk in prompts()[:4] for prompt in chunk]
    assert all(clip.word == prompt.text for prompt, clip in found)
    monkeypatch.setattr(kokoro, "RECIPE_VERSION", kokoro.RECIPE_VERSION + 1)
    assert not list(kept(tmp_path))


def test_training_gets_digits_other_words_strings_and_texts(tmp_path, monkeypatch):
    monkeypatch.setenv("DWINDLE_CACHE", str(tmp_path))
    assert kokoro_words() is None and kokoro_phrases() is None
    speak_all(Beep(), 400)
    words, phrases = kokoro_words(), kokoro_phrases()
    assert {clip.label for clip in words.clips} == {*"0123456789", REJECT}
    assert {clip.corpus for clip in words.clips} == {"kokoro"}
    for clip in words.clips:
        assert clip.label == (str(DIGIT_WORDS.index(clip.path.name)) if clip.path.name in DIGIT_WORDS else REJECT)
    for index, clip in enumerate(phrases.clips):
        said = clip.path.name.split()
        others = not set(said) <= set(DIGIT_WORDS)
        assert clip.label.split() == [REJECT if others else str(DIGIT_WORDS.index(word)) for word in said]
        assert len(phrases.whole(index)) == SAMPLE_RATE // 20 * len(clip.path.name)


def test_without_its_files_one_line_says_what_gets_them(tmp_path, monkeypatch):
    monkeypatch.delenv("DWINDLE_KOKORO", raising=False)
    with pytest.raises(UserError, match=r"Kokoro is not in .* python -m dwindle\.data fetch kokoro --data_dir"):
        main(["--data_dir", str(tmp_path)])


@pytest.mark.slow(seconds=15)
@pytest.mark.kokoro
def test_it_says_digits_the_same_each_time_faster_and_mixed(engine):
    clip, again = engine.say(SEVEN), engine.say(SEVEN)
    np.testing.assert_array_equal(clip.samples, again.samples)
    assert clip.samples.dtype == np.int16 and abs(int(np.abs(clip.samples).max()) - PEAK * 32767) <= 1
    assert 0.2 < len(clip.samples) / SAMPLE_RATE < 1.2
    fast = engine.say(replace(SEVEN, speed=1.35))
    assert len(fast.samples) < len(clip.samples)
    mixed = engine.say(replace(SEVEN, speaker="af_sky:0.40+hm_psi"))
    assert mixed.voice == "kokoro:af_sky:0.40+hm_psi"
    assert len(mixed.samples) != len(clip.samples) or np.any(mixed.samples != clip.samples)


@pytest.mark.slow(seconds=10)
@pytest.mark.kokoro
def test_texts_are_read_and_take_on_an_accent(engine):
    plain = Prompt(TEXT, "the three of them", "", "", "bm_daniel", 1.0, "")
    assert engine._spelled(plain) != engine._spelled(replace(plain, changes="θt ɹɾ"))
    assert not set("θɹ") & set(engine._spelled(replace(plain, changes="θt ɹɾ")))
    assert 0.5 < len(engine.say(plain).samples) / SAMPLE_RATE < 2.5


def test_the_voices_that_enrol_words_are_mixtures_and_say_words_that_training_never_held():
    trained = " ".join(prompt.text.lower() for chunk in prompts() for prompt in chunk)
    takes = [take for number in range(SPEAKERS) for take in prompts_of(number)]
    assert not [word for word in WORDS if word in trained or word in OTHER_WORDS]
    assert not {frozenset(voice.partition(":")[0] for voice in take.speaker.split("+")) for take in takes} & (
        mixed_in_training()
    )
    assert len({take.speaker for take in takes}) == SPEAKERS
    assert len({(take.text, take.speaker, take.speed) for take in takes}) == len(takes) == SPEAKERS * TAKES * len(WORDS)
