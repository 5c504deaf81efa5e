"""Stands where hours of speech synthesis would: a tone as long as the text."""

import numpy as np

from dwindle.infer.speech import SAMPLE_RATE
from dwindle.tasks.speech.kokoro_prompts import Prompt
from dwindle.tasks.speech.voices import SpokenClip


class Beep:
    """Says a prompt as Kokoro would, 50 ms for each letter."""

    def say(self, prompt: Prompt) -> SpokenClip:
        samples = 10_000 * np.sin(np.arange(SAMPLE_RATE // 20 * len(prompt.text)) / 3)
        return SpokenClip(prompt.text, f"kokoro:{prompt.speaker}", samples.astype(np.int16))
