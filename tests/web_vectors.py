"""What the Python listener hears, written down for the page's listener to be held to.

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

from dwindle.infer.speech.listener import RealTimeInference
from dwindle.infer.speech.model import Recogniser
from dwindle.infer.speech.processor import AudioProcessor
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


def vectors(recordings: dict[str, tuple[np.ndarray, int]], model: Path = MODEL) -> dict[str, Any]:
    """Every recording (mono samples, their rate) at one of several rates, with the words in it, for JSON."""
    recogniser = Recogniser(model)
    rows = []
    for number, (name, (samples, own_rate)) in enumerate(recordings.items()):
        rate, chunk = RATES[number % len(RATES)], CHUNK_SAMPLES[number % len(CHUNK_SAMPLES)]
        resampled = soxr.resample(samples, own_rate, rate) if own_rate != rate else samples
        pcm = np.clip(np.round(resampled * 32_768), -32_768, 32_767).astype("<i2")
        detector = VoiceActivityDetector(DETECTOR, recogniser.sample_rate)
        listener = RealTimeInference(recogniser, detector)
        processor = AudioProcessor(rate, recogniser.sample_rate)
        words = []
        for at in range(0, len(pcm), chunk):
            words += map(asdict, listener.process(processor.process(pcm[at : at + chunk])))
        words += map(asdict, listener.process(processor.finish()) + listener.finish())
        row = {"name": name, "rate": rate, "chunk": chunk, "pcm": base64.b64encode(pcm.tobytes()).decode()}
        rows.append(row | {"words": words})
    return {"model": str(model), "recordings": rows}


def main() -> None:
    output, *paths = sys.argv[1:]
    recordings = {path: soundfile.read(path, dtype="float32") for path in paths}
    made = vectors(recordings)
    Path(output).write_text(json.dumps(made), encoding="utf-8")
    print(f"{len(made['recordings'])} recordings, {sum(len(row['words']) for row in made['recordings'])} words")


if __name__ == "__main__":
    main()
