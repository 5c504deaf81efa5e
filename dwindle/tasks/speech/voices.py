"""Synthetic voices: espeak-ng and flite speak any words in many accents, voices, speeds and pitches.

The draw is seeded word by word, so another word in the list changes no other word's clips. What was spoken is kept
in a cache ($DWINDLE_CACHE, else ~/.cache/dwindle), one file per recipe: the same call again costs nothing.
"""

import hashlib
import io
import json
import os
import shutil
import subprocess
import zipfile
import zlib
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np
import soundfile
from tqdm import tqdm

from dwindle.errors import UsageError, UserError
from dwindle.files import written_whole
from dwindle.infer.speech import SAMPLE_RATE
from dwindle.infer.speech.processor import resampled
from dwindle.machine import usable_cores

RECIPE_VERSION = 2  # raise it when the same recipe would sound different
FLITE_SHARE = 0.35  # few voices, but built from recorded people
PEAK = 0.6  # of full scale; level carries no information here
TRIM_DB = -42.0  # below the loudest frame: the hiss of "six" and the breath of "eight" stay
TRIM_FRAME_MS = 5
TRIM_MARGIN_MS = 15
TIMEOUT_S = 30
DAMAGED = (OSError, ValueError, KeyError, EOFError, zlib.error, zipfile.BadZipFile)  # what reading a kept file raises

ESPEAK_ACCENTS = {  # accent: how often it is drawn; West Midlands is left out, its "eight" is everyone's "ite"
    "en-us": 5,
    "en-gb": 3,
    "en-gb-x-rp": 2,
    "en-gb-scotland": 2,
    "en-gb-x-gbclan": 2,
    "en-us-nyc": 1,
    "en-029": 1,
}
# Left out: robots, whispers, croaks, announcers, and voices that carry a language or a long echo of their own.
_VARIANTS = (
    "m1 m2 m3 m4 m5 m6 m7 m8 f1 f2 f3 f4 f5 adam Alex Andrea Andy Annie antonio aunty belinda benjamin boris caleb "
    "david Denis Diogo ed edward edward2 Gene Gene2 grandma grandpa Henrique Hugo iven iven2 iven3 Jacky john klatt "
    "klatt2 klatt3 klatt4 linda Marcelo Marco Mario max Michael michel miguel mike Nguyen norbert pablo paul pedro "
    "quincy rob robert shelby steph steph2 steph3 travis victor Zac anika"
)
ESPEAK_VARIANTS = tuple(_VARIANTS.split())
FLITE_VOICES = ("awb", "kal", "kal16", "rms", "slt")
FLITE_PITCH_HZ = {"awb": (90, 170), "kal": (75, 170), "kal16": (75, 170), "rms": (75, 140), "slt": (140, 260)}
ENDINGS = ("", ".", ",", "?", "!")  # each gives the word another melody
ENDING_ODDS = (0.4, 0.1, 0.3, 0.1, 0.1)


@dataclass(frozen=True)
class Utterance:
    """One way to say one word."""

    word: str
    synthesiser: str  # "espeak-ng" or "flite"
    voice: str
    speed: float  # espeak-ng: words a minute; flite: stretch of every sound
    pitch: int  # espeak-ng: 0-99; flite: Hz
    ending: str


@dataclass(frozen=True)
class SpokenClip:
    """A word as one synthetic voice says it, at SAMPLE_RATE, silence trimmed."""

    word: str
    voice: str  # "espeak-ng:en-gb+f3"; one voice has many speeds and pitches
    samples: np.ndarray  # int16


def installed_synthesisers() -> list[str]:
    """Which of the two are here; none is an error that names the packages."""
    found = [name for name in ("espeak-ng", "flite") if shutil.which(name)]
    if not found:
        raise UserError("no speech synthesiser is installed: apt-get install espeak-ng flite (either one will do)")
    return found


def synthesise(words: Sequence[str], per_word: int, seed: int = 0, cache: Path | None = None) -> list[SpokenClip]:
    """Speak each of `words` in `per_word` drawn voices, and a word that stands there twice in twice as many.

    The same arguments give the same samples.
    """
    if per_word < 1:
        raise UsageError(f"the number of clips per word must be 1 or more, not {per_word}")
    if not words or not all(any(letter.isalnum() for letter in word) for word in words):
        raise UsageError("synthetic voices need words to speak: the list is empty or a word in it has no letters")
    return spoken_or_kept(draw_utterances(words, per_word, seed, installed_synthesisers()), cache)


def spoken_or_kept(plan: Sequence[Utterance], cache: Path | None = None) -> list[SpokenClip]:
    """Every utterance said, in order; from the cache where this very plan was spoken before."""
    recipe = json.dumps([RECIPE_VERSION, SAMPLE_RATE, [astuple(utterance) for utterance in plan]])
    folder = Path(cache) if cache else cache_directory()
    path = folder / f"voices-{hashlib.sha256(recipe.encode()).hexdigest()[:20]}.npz"
    try:
        return load_clips(path)
    except DAMAGED:  # or not there yet: speak again
        clips = _speak_all(plan)
    save_clips(path, clips)
    return clips


def cache_directory() -> Path:
    """Where spoken words are kept between runs."""
    return Path(os.environ.get("DWINDLE_CACHE") or Path.home() / ".cache" / "dwindle")


def draw_utterances(words: Sequence[str], per_word: int, seed: int, synthesisers: Sequence[str]) -> list[Utterance]:
    """Choose who says each word, how fast, how high and with which melody."""
    return [
        _draw(word, np.random.default_rng([seed, zlib.crc32(word.encode()), number]), synthesisers)
        for word, times in Counter(words).items()
        for number in range(times * per_word)
    ]


def _draw(word: str, rng: np.random.Generator, synthesisers: Sequence[str]) -> Utterance:
    use_flite = "flite" in synthesisers and (len(synthesisers) == 1 or rng.random() < FLITE_SHARE)
    ending = drawn_ending(rng)
    if use_flite:
        voice = str(rng.choice(FLITE_VOICES))
        stretch = round(float(np.exp(rng.uniform(np.log(0.7), np.log(1.3)))), 3)
        return Utterance(word, "flite", voice, stretch, int(rng.integers(*FLITE_PITCH_HZ[voice])), ending)
    odds = np.array(list(ESPEAK_ACCENTS.values()), float)
    accent = rng.choice(list(ESPEAK_ACCENTS), p=odds / odds.sum())
    return drawn_espeak(word, accent, ending, rng)


def drawn_espeak(word: str, language: str, ending: str, rng: np.random.Generator) -> Utterance:
    """One of espeak-ng's speakers of that language or accent, at some speed and pitch."""
    words_per_minute = round(float(np.exp(rng.uniform(np.log(110), np.log(220)))))
    voice = f"{language}+{rng.choice(ESPEAK_VARIANTS)}"
    return Utterance(word, "espeak-ng", voice, words_per_minute, int(rng.integers(15, 86)), ending)


def drawn_ending(rng: np.random.Generator) -> str:
    """How the melody ends."""
    return str(rng.choice(ENDINGS, p=ENDING_ODDS))


def speak(utterance: Utterance) -> SpokenClip:
    """Have one utterance said; resampled, trimmed and levelled."""
    name = f"{utterance.synthesiser}:{utterance.voice}"
    try:
        done = subprocess.run(_command(utterance), capture_output=True, timeout=TIMEOUT_S, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        raise UserError(f"{name} took more than {TIMEOUT_S} s over {utterance.word!r}") from None
    audio, rate = _decode(done.stdout)
    if done.returncode != 0 or not np.any(audio):
        reason = (done.stderr.decode(errors="replace").strip().splitlines() or ["no sound came out"])[-1]
        raise UserError(f"{name} could not say {utterance.word!r}: {reason}")
    audio = trim_silence(resampled(audio, rate, SAMPLE_RATE))
    return SpokenClip(utterance.word, name, levelled(audio))


def _command(utterance: Utterance) -> list[str]:
    text = utterance.word + utterance.ending
    if utterance.synthesiser == "flite":
        settings = (f"duration_stretch={utterance.speed}", f"int_f0_target_mean={utterance.pitch}")
        flags = [part for setting in settings for part in ("--setf", setting)]
        return ["flite", "-voice", utterance.voice, *flags, "-t", text, "-o", "/dev/stdout"]
    flags = ["-v", utterance.voice, "-s", str(int(utterance.speed)), "-p", str(utterance.pitch)]
    return ["espeak-ng", *flags, "--stdout", "--", text]


def _decode(wav: bytes) -> tuple[np.ndarray, int]:
    try:
        return soundfile.read(io.BytesIO(wav), dtype="float32")
    except soundfile.LibsndfileError:
        return np.zeros(0, np.float32), SAMPLE_RATE


def levelled(audio: np.ndarray) -> np.ndarray:
    """As 16-bit samples, the loudest of them at PEAK."""
    return np.round(audio * (PEAK * 32767 / np.abs(audio).max())).astype(np.int16)


def trim_silence(audio: np.ndarray, sample_rate: int = SAMPLE_RATE) -> np.ndarray:
    """Cut the silence before and after; a short margin stays."""
    frame = sample_rate * TRIM_FRAME_MS // 1000
    margin = sample_rate * TRIM_MARGIN_MS // 1000
    energy = np.square(np.pad(audio, (0, -len(audio) % frame))).reshape(-1, frame).mean(axis=1)
    loud = np.flatnonzero(energy > energy.max() * 10 ** (TRIM_DB / 10))
    if not len(loud):
        return audio
    return audio[max(0, loud[0] * frame - margin) : (loud[-1] + 1) * frame + margin]


def _speak_all(plan: Sequence[Utterance]) -> list[SpokenClip]:
    with ThreadPoolExecutor(usable_cores()) as pool:  # threads: the work is in the synthesisers' own processes
        try:
            return list(
                tqdm(pool.map(speak, plan), total=len(plan), desc="synthetic voices", unit="clip", disable=None)
            )
        except BaseException:
            pool.shutdown(cancel_futures=True)  # else Ctrl-C waits for every clip still queued
            raise


def save_clips(path: Path, clips: Sequence[SpokenClip]) -> None:
    """Keep clips in a file, whole or not at all."""
    with written_whole(path) as temporary, open(temporary, "wb") as file:  # savez appends .npz to a name
        np.savez(
            file,
            words=[clip.word for clip in clips],
            voices=[clip.voice for clip in clips],
            ends=np.cumsum([len(clip.samples) for clip in clips]),
            samples=np.concatenate([clip.samples for clip in clips]),
        )


def load_clips(path: Path) -> list[SpokenClip]:
    """What save_clips kept."""
    with np.load(path, allow_pickle=False) as stored:
        words, voices, ends, samples = (stored[name] for name in ("words", "voices", "ends", "samples"))
    starts = [0, *ends[:-1]]
    return [
        SpokenClip(str(word), str(voice), samples[start:end])
        for word, voice, start, end in zip(words, voices, starts, ends, strict=True)
    ]
