"""What the Python listener hears and enrols, written down for the page's to be held to.

python -m tests.web_vectors vectors.json samples/*.wav
"""

import base64
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr

from dwindle.errors import UserError
from dwindle.files import sha256_of
from dwindle.infer.speech.enrol import direction_of, enrol, likenesses
from dwindle.infer.speech.listener import RealTimeInference
from dwindle.infer.speech.model import Recogniser
from dwindle.infer.speech.processor import AudioProcessor
from dwindle.infer.speech.sound_file import read_audio
from dwindle.infer.speech.vad import VoiceActivityDetector

MODEL = Path(__file__).parents[1] / "artifacts" / "model_int8.onnx"
DETECTOR = "energy"  # the one that the page has too
RATES = (8_000, 44_100, 48_000, 16_000)  # taken in turn
CHUNK_SAMPLES = (300, 360, 128)  # likewise; less than a hop, for a word's end moves from hop to hop
GAPS_S = (0.0, 0.15, 0.7, 2.5)
HISS = 0.002  # root mean square, of full scale


def strings(words: Sequence[np.ndarray], rate: int, count: int, seed: int = 0) -> list[np.ndarray]:
    """Words strung together with pauses of all lengths, loud and soft, half of the strings amid hiss."""
    random = np.random.default_rng(seed)
    made = []
    for number in range(count):
        parts = []
        for _ in range(5):
            gap = np.zeros(round(random.choice(GAPS_S) * rate), np.float32)
            parts += [gap, words[random.integers(len(words))] * random.uniform(0.2, 1.0)]
        sound = np.concatenate(parts).astype(np.float32)
        made.append(sound + (number % 2) * HISS * random.standard_normal(len(sound), np.float32))
    return made


def said_again(word: np.ndarray, rate: int, count: int, seed: int = 0) -> list[np.ndarray]:
    """Takes of one word, each a little faster or slower, louder or softer, amid hiss with silence around it."""
    random, made = np.random.default_rng(seed), []
    for _ in range(count):
        speed, gain = random.uniform(0.92, 1.08), random.uniform(0.4, 1.0)
        said = gain * soxr.resample(word, round(rate * speed), rate)
        around = np.zeros(round(0.3 * rate), np.float32)
        sound = np.concatenate([around, said, around])
        made.append((sound + HISS / 4 * random.standard_normal(len(sound))).astype(np.float32))
    return made


def pcm_of(samples: np.ndarray) -> np.ndarray:
    """As a WAV file of 16 bits holds them."""
    return np.clip(np.round(samples * 32_768), -32_768, 32_767).astype("<i2")


def enrolments(folder: Path, takes: dict[str, list[tuple[np.ndarray, int]]], model: Path = MODEL) -> dict[str, Any]:
    """Words with takes of each (mono samples, their rate) and what enrolling them gives, for JSON."""
    recogniser, rows = Recogniser(model), []
    for word, sounds in takes.items():
        paths, pcm = [], []
        for number, (samples, rate) in enumerate(sounds):
            paths.append(folder / f"{word} {number}.wav")
            soundfile.write(paths[-1], pcm_of(samples), rate, subtype="PCM_16")
            pcm.append({"rate": rate, "pcm": base64.b64encode(pcm_of(samples).tobytes()).decode()})
        directions = [direction_of(recogniser, read_audio(path, recogniser.sample_rate)) for path in paths]
        row = {"word": word, "takes": pcm, "alike": likenesses(directions), "file": None, "unsure": []}
        try:
            done = enrol(model, folder / f"{word}.json", word, list(map(str, paths)))
            row |= {"file": (folder / f"{word}.json").read_text(encoding="utf-8")}
            row |= {"unsure": [str(path) in done.unsure for path in paths]}
        except UserError as error:
            assert "most recordings" in str(error)
        rows.append(row)
    return {"model": str(model), "modelSha256": sha256_of(model), "enrolments": rows}


def vectors(
    recordings: dict[str, tuple[np.ndarray, int]], model: Path = MODEL, words: Path | None = None
) -> dict[str, Any]:
    """Every recording (mono samples, their rate) at one of several rates, with the words in it, for JSON."""
    recogniser = Recogniser(model, words=words)
    rows = []
    for number, (name, (samples, own_rate)) in enumerate(recordings.items()):
        rate, chunk = RATES[number % len(RATES)], CHUNK_SAMPLES[number % len(CHUNK_SAMPLES)]
        resampled = soxr.resample(samples, own_rate, rate) if own_rate != rate else samples
        pcm = pcm_of(resampled)
        detector = VoiceActivityDetector(DETECTOR, recogniser.sample_rate)
        listener = RealTimeInference(recogniser, detector)
        processor = AudioProcessor(rate, recogniser.sample_rate)
        heard = []
        for at in range(0, len(pcm), chunk):
            heard += map(asdict, listener.process(processor.process(pcm[at : at + chunk])))
        heard += map(asdict, listener.process(processor.finish()) + listener.finish())
        row = {"name": name, "rate": rate, "chunk": chunk, "pcm": base64.b64encode(pcm.tobytes()).decode()}
        rows.append(row | {"words": heard})
    file = words.read_text(encoding="utf-8") if words else None
    return {"model": str(model), "modelSha256": sha256_of(model), "file": file, "recordings": rows}


def main() -> None:
    output, *paths = sys.argv[1:]
    recordings = {path: soundfile.read(path, dtype="float32") for path in paths}
    made = vectors(recordings)
    Path(output).write_text(json.dumps(made), encoding="utf-8")
    print(f"{len(made['recordings'])} recordings, {sum(len(row['words']) for row in made['recordings'])} words")


if __name__ == "__main__":
    main()
