"""English as a foreign language: digits, and words that are none, as espeak-ng's voices of other languages say them.

A digit is spelled so that whoever reads it by the rules of that language says the English word, and not a neighbour:
"sri" for three, since "tri" and "fri" are a tree and free.
"""

from collections.abc import Iterator

import numpy as np

from dwindle.tasks.speech.vocabulary import DIGIT_WORDS, EVERYDAY_WORDS
from dwindle.tasks.speech.voices import (
    SpokenClip,
    Utterance,
    drawn_ending,
    drawn_espeak,
    installed_synthesisers,
    spoken_or_kept,
)

SPELLED = {
    "de": "siero wann tuh sri for faif ßiks sewwen äit nein",
    "es": "siro uan tu sri for faiv siks seven eit nain",
    "fr-be": "zéro ouane tou sri fore faïve sikse sévène éïte naïne",
    "fr-fr": "ziro ouane tou sri for faïve sikse sévène eïte naïne",
    "it": "ziro uan tu ssri for faiv sics seven eit nain",
    "nl": "ziero wan toe srie foor faaif six's seven eejt najn",
    "pl": "ziro łan tu sri for fajw syks sewen ejt najn",
    "pt": "zírou uâne tu sri fór faive siks séven êite náine",
    "ro": "ziro uan tu sri for faiv sics seven eit nain",
    "sv": "siero oann to sri får fajv sicks seven ejt najn",
}


def foreign_voices(per_digit: int, seed: int) -> list[SpokenClip]:
    """So many of each digit in each language, and once each everyday word, read as its rules have it."""
    if "espeak-ng" not in installed_synthesisers():
        return []
    said = list(_said(per_digit, seed))
    clips = spoken_or_kept([utterance for _, utterance in said])
    return [SpokenClip(word, clip.voice, clip.samples) for (word, _), clip in zip(said, clips, strict=True)]


def _said(per_digit: int, seed: int) -> Iterator[tuple[str, Utterance]]:
    for number, (language, spelled) in enumerate(SPELLED.items()):
        rng = np.random.default_rng([seed, number])
        digits = zip(DIGIT_WORDS, spelled.split(), strict=True)
        for word, spelling in [*digits] * per_digit + [(word, word) for word in EVERYDAY_WORDS]:
            yield word, drawn_espeak(spelling, language, drawn_ending(rng), rng)
