"""Speak the recordings of this folder with espeak-ng and flite (both must be installed), from the project's root:

python -m samples.make_samples
"""

from pathlib import Path

import numpy as np
import soundfile

from dwindle.errors import run
from dwindle.files import written_whole
from dwindle.infer.speech import SAMPLE_RATE
from dwindle.tasks.speech.vocabulary import DIGIT_WORDS
from dwindle.tasks.speech.voices import Utterance, speak

FOLDER = Path(__file__).parent
SILENCE_MS = 200
DIGIT_VOICES = (
    ("flite", "slt", 1.1, 180),
    ("flite", "rms", 1.1, 105),
    ("espeak-ng", "en-us+f2", 140, 50),
    ("espeak-ng", "en-gb+m3", 140, 45),
)
OTHERS = (
    Utterance("four two", "flite", "slt", 1.15, 180, "."),
    Utterance("one seven three", "flite", "rms", 1.15, 105, "."),
    Utterance("hello", "flite", "awb", 1.1, 120, ""),
)


def main() -> None:
    """Write one WAV per utterance, named after its words."""
    digits = [Utterance(word, *DIGIT_VOICES[number % len(DIGIT_VOICES)], "") for number, word in enumerate(DIGIT_WORDS)]
    silence = np.zeros(SAMPLE_RATE * SILENCE_MS // 1000, np.int16)
    for utterance in (*digits, *OTHERS):
        samples = np.concatenate([silence, speak(utterance).samples, silence])
        path = FOLDER / f"{utterance.word.replace(' ', '_')}.wav"
        with written_whole(path) as temporary:
            soundfile.write(temporary, samples, SAMPLE_RATE, format="WAV")
        print(f"{path.name:<22}{len(samples) / SAMPLE_RATE:5.2f} s  {utterance.synthesiser} {utterance.voice}")


if __name__ == "__main__":
    run(main)
