"""English as a foreign language: digits, and words that are none, as espeak-ng's voices of other languages say them.

A digit is spelled so that whoever reads it by the rules of that language says the English word, and not a neighbour:
"sri" for three, since "tri" and "fri" are a tree and free. Hindi, Malayalam, Tamil and Telugu spell the English digits
as they are written there every day, with the sounds that Indian English has.
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

PHRASES = 1  # tells the draw of phrases from that of single words
PHRASE_DIGITS = (2, 7)
SPELLED = {
    "de": "siero wann tuh sri for faif ßiks sewwen äit nein",
    "es": "siro uan tu sri for faiv siks seven eit nain",
    "fr-be": "zéro ouane tou sri fore faïve sikse sévène éïte naïne",
    "fr-fr": "ziro ouane tou sri for faïve sikse sévène eïte naïne",
    "hi": "ज़ीरो वन टू थ्री फ़ोर फ़ाइव सिक्स सेवन एट नाइन",
    "id": "ziro wan tu sri for faif siks sefen eit nain",
    "it": "ziro uan tu ssri for faiv sics seven eit nain",
    "ja": "ゼロ ワン ツー スリー フォー ファイブ シックス セブン エイト ナイン",
    "ml": "സീറോ വൺ ടൂ ത്രീ ഫോർ ഫൈവ് സിക്സ് സെവൻ എയ്റ്റ് നയൻ",
    "nl": "ziero wan toe srie foor faaif six's seven eejt najn",
    "pl": "ziro łan tu sri for fajw syks sewen ejt najn",
    "pt": "zírou uâne tu sri fór faive siks séven êite náine",
    "ro": "ziro uan tu sri for faiv sics seven eit nain",
    "ru": "зиро уан ту сри фор файв сикс сэвэн эйт найн",
    "sv": "siero oann to sri får fajv sicks seven ejt najn",
    "ta": "ஜீரோ ஒன் டூ த்ரீ ஃபோர் ஃபைவ் சிக்ஸ் செவன் எய்ட் நைன்",
    "te": "జీరో వన్ టూ త్రీ ఫోర్ ఫైవ్ సిక్స్ సెవెన్ ఎయిట్ నైన్",
    "tr": "ziro van tu sri for fayv siks sevın eyt nayn",
}


def foreign_voices(per_digit: int, seed: int) -> list[SpokenClip]:
    """So many of each digit in each language, and once each everyday word, read as its rules have it."""
    if "espeak-ng" not in installed_synthesisers():
        return []
    return _spoken(list(_said(per_digit, seed)))


def foreign_phrases(per_language: int, seed: int) -> list[SpokenClip]:
    """Strings of digits in one breath, so many in each language; a clip's word is all its digits, apart by spaces."""
    if "espeak-ng" not in installed_synthesisers():
        return []
    said = []
    for number, (language, spelled) in enumerate(SPELLED.items()):
        rng = np.random.default_rng([seed, PHRASES, number])
        for _ in range(per_language):
            digits = rng.integers(len(DIGIT_WORDS), size=rng.integers(*PHRASE_DIGITS)).tolist()
            text = " ".join(spelled.split()[digit] for digit in digits)
            words = " ".join(DIGIT_WORDS[digit] for digit in digits)
            said.append((words, drawn_espeak(text, language, drawn_ending(rng), rng)))
    return _spoken(said)


def _said(per_digit: int, seed: int) -> Iterator[tuple[str, Utterance]]:
    for number, (language, spelled) in enumerate(SPELLED.items()):
        rng = np.random.default_rng([seed, number])
        digits = zip(DIGIT_WORDS, spelled.split(), strict=True)
        for word, spelling in [*digits] * per_digit + [(word, word) for word in EVERYDAY_WORDS]:
            yield word, drawn_espeak(spelling, language, drawn_ending(rng), rng)


def _spoken(said: list[tuple[str, Utterance]]) -> list[SpokenClip]:
    """Each utterance as a clip of the English words that it stands for, however they were spelled."""
    clips = spoken_or_kept([utterance for _, utterance in said])
    return [SpokenClip(words, clip.voice, clip.samples) for (words, _), clip in zip(said, clips, strict=True)]
