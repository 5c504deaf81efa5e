"""Kokoro-82M, a neural speech synthesiser: spells accents, mixes voices, says strings of digits as people say them.

    python -m dwindle.tasks.speech.kokoro --data_dir data --count 17000

Speaks as many prompts as asked and keeps them, a chunk in a file, in the cache; a run that was stopped goes on where
it was. About a second of one core for a word: all prompts take hours, and training takes what is there.
"""

import hashlib
import json
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import astuple
from pathlib import Path

import numpy as np
import onnxruntime

from dwindle import errors
from dwindle.cli import FlagParser, nonempty, positive_int
from dwindle.data import data_directory, fetch_command
from dwindle.errors import UserError, imported
from dwindle.infer.speech import REJECT, SAMPLE_RATE
from dwindle.infer.speech.processor import resampled
from dwindle.tasks.speech.kokoro_prompts import COUNTS, OTHER, STRING, TEXT, WORD, Prompt, prompts
from dwindle.tasks.speech.store import ClipStore, store_of_voices
from dwindle.tasks.speech.vocabulary import DIGIT_WORDS
from dwindle.tasks.speech.voices import (
    DAMAGED,
    SpokenClip,
    cache_directory,
    levelled,
    load_clips,
    save_clips,
    trim_silence,
)

RECIPE_VERSION = 1  # raise it when the same prompt would sound different
KOKORO = "kokoro"  # the corpus, and its folder in the data directory
VARIABLE = "DWINDLE_KOKORO"
MODEL, VOICES = "kokoro-v1.0.int8.onnx", "voices-v1.0.bin"
# espeak-ng's phonemes, which the library gives, as Kokoro learnt them
RESPELLED = {
    "aɪ": "I", "aʊ": "W", "eɪ": "A", "oʊ": "O", "əʊ": "O", "ɔɪ": "Y", "dʒ": "ʤ", "tʃ": "ʧ", "ɚ": "əɹ", "ɜːɹ": "ɜɹ",
    "ɜː": "ɜɹ", "ɐ": "ə", "e": "A", "r": "ɹ", "ː": "", "\n": " ",
}  # fmt: skip


class Kokoro:
    """The synthesiser, on one core."""

    def __init__(self, folder: Path) -> None:
        library = imported("kokoro_onnx", "pip install kokoro-onnx")
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = settings.inter_op_num_threads = 1
        session = onnxruntime.InferenceSession(folder / MODEL, settings, providers=["CPUExecutionProvider"])
        self.engine = library.Kokoro.from_session(session, str(folder / VOICES))

    def say(self, prompt: Prompt) -> SpokenClip:
        """One prompt; resampled, trimmed and levelled."""
        phonemes = (prompt.phonemes or self._spelled(prompt)) + prompt.mark
        style = self._style(prompt.speaker)
        audio, rate = self.engine.create(phonemes, style, prompt.speed, is_phonemes=True, trim=False)
        if not np.any(audio):
            raise UserError(f"Kokoro said nothing for {phonemes!r} as {prompt.speaker}")
        audio = trim_silence(resampled(audio.astype(np.float32), rate, SAMPLE_RATE))
        return SpokenClip(prompt.text, f"kokoro:{prompt.speaker}", levelled(audio))

    def _spelled(self, prompt: Prompt) -> str:
        phonemes = self.engine.tokenizer.phonemize(prompt.text)
        for found, wanted in RESPELLED.items():
            phonemes = phonemes.replace(found, wanted)
        return phonemes.translate({ord(change[0]): change[1] for change in prompt.changes.split()})

    def _style(self, speaker: str) -> np.ndarray:
        first, _, second = speaker.partition("+")
        first, _, share = first.partition(":")
        style = self.engine.voices[first]
        return float(share) * style + (1 - float(share)) * self.engine.voices[second] if second else style


def model_folder(data_dir: Path) -> Path | None:
    """Where Kokoro's files lie: in the folder that $DWINDLE_KOKORO names, else in the data directory; None: nowhere."""
    folder = Path(os.environ.get(VARIABLE) or data_dir / KOKORO)
    return folder if (folder / MODEL).is_file() and (folder / VOICES).is_file() else None


def engine_in(data_dir: Path) -> Kokoro:
    """The synthesiser that lies there; one line where there is none."""
    folder = model_folder(data_dir)
    if folder is None:
        raise UserError(f"Kokoro is not in {data_dir}: get it with: {fetch_command(KOKORO, data_dir)}")
    return Kokoro(folder)


def kept(cache: Path | None = None) -> Iterator[tuple[Prompt, SpokenClip]]:
    """What has been said so far, in the order of the prompts."""
    for chunk in prompts():
        try:
            yield from zip(chunk, load_clips(_path(chunk, cache)), strict=True)
        except DAMAGED:  # or not said yet
            continue


def kokoro_words() -> ClipStore | None:
    """The single words said so far, digits and, to reject, others; None if there are none."""
    return _store((WORD, OTHER))


def kokoro_phrases() -> ClipStore | None:
    """The strings of digits and the texts said so far; a clip's label names all words in it, apart by spaces."""
    return _store((STRING, TEXT))


def _store(kinds: Sequence[str]) -> ClipStore | None:
    spoken = [(prompt, clip) for prompt, clip in kept() if prompt.kind in kinds]
    if not spoken:
        return None
    labels = {prompt.text: _label(prompt) for prompt, _ in spoken}
    return store_of_voices([clip for _, clip in spoken], labels, KOKORO)


def _label(prompt: Prompt) -> str:
    """In texts and other words nothing is a digit, also "to" and "for"."""
    digits = prompt.kind in (WORD, STRING)
    return " ".join(str(DIGIT_WORDS.index(word)) if digits else REJECT for word in prompt.text.split())


def speak_all(engine: Kokoro, count: int, cache: Path | None = None) -> int:
    """Have the first `count` prompts said, but for those that were already; returns how many were said now."""
    chunks = prompts()
    firsts = np.cumsum([0, *(len(chunk) for chunk in chunks)])
    wanted = [chunk for chunk, first in zip(chunks, firsts[:-1], strict=True) if first < count]
    missing = [chunk for chunk in wanted if not _is_whole(_path(chunk, cache))]
    total, said, began = sum(map(len, missing)), 0, time.monotonic()
    print(f"{sum(map(len, wanted)) - total:,} are there, {total:,} to say", flush=True)
    for chunk in missing:
        save_clips(_path(chunk, cache), [engine.say(prompt) for prompt in chunk])
        said += len(chunk)
        each_s = (time.monotonic() - began) / said
        left_min = each_s * (total - said) / 60
        print(f"{said:,} of {total:,} said, {each_s:.2f} s each, {left_min:,.0f} minutes left", flush=True)
    return said


def _is_whole(path: Path) -> bool:
    try:
        return bool(load_clips(path))
    except DAMAGED:
        return False


def _path(chunk: Sequence[Prompt], cache: Path | None) -> Path:
    recipe = json.dumps([RECIPE_VERSION, SAMPLE_RATE, [astuple(prompt) for prompt in chunk]])
    return (cache or cache_directory()) / f"kokoro-{hashlib.sha256(recipe.encode()).hexdigest()[:20]}.npz"


def main(arguments: list[str] | None = None) -> None:
    parser = FlagParser(prog="python -m dwindle.tasks.speech.kokoro", description=__doc__.partition("\n")[0])
    parser.add_argument("--data_dir", type=nonempty, help="the data directory (default: $DWINDLE_DATA, else data/)")
    parser.add_argument(
        "--count", type=positive_int, default=sum(COUNTS.values()), help="prompts (default: %(default)s)"
    )
    options = parser.parse_args(arguments)
    speak_all(engine_in(data_directory(options.data_dir)), options.count)


if __name__ == "__main__":
    errors.run(main)
