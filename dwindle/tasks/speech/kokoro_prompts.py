"""What Kokoro is asked to say: digits spelled in many accents, strings of them in one breath, other words, short texts.

Every prompt has its own seeded draw. Their order mixes the kinds, so that any beginning of it is a balanced set.
"""

import zlib
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from dwindle.tasks.speech.running_text import SOUND_ALIKES, drawn_text, names_a_digit
from dwindle.tasks.speech.vocabulary import DIGIT_WORDS, OTHER_WORDS

SEED = 0  # one draw for everybody: other prompts would be hours of speaking
WORD, STRING, OTHER, TEXT = "word", "string", "other", "text"
COUNTS = {WORD: 6_000, STRING: 5_500, OTHER: 2_000, TEXT: 3_500}  # a digit in a string costs a third of one alone
CHUNK_PROMPTS = 50  # are made, and kept, together; all of one kind
PURE_SHARE = 1 / 3  # of the speakers' prompts; the others are said by a mixture of two voices
MIXTURES = 300
MIXED = (0.3, 0.7)  # how much of the first voice
SPEEDS = (0.75, 1.35)
STRING_DIGITS = {2: 3, 3: 4, 4: 4, 5: 3, 6: 2, 7: 1, 8: 1, 9: 1, 10: 1}  # how many digits: how often
GROUPED_SHARE = 0.35  # of the strings are said in groups, as telephone numbers are
GROUP_DIGITS = (2, 5)
MARKS = {"": 4, ".": 2, ",": 3, "?": 1}  # after it, for another melody: how often
ACCENT_SHARE = 0.6  # of the other words and texts
CHANGE_SHARE = 0.5  # of what an accent may change
SOUND_ALIKE_SHARE = 0.4  # of the other words

SPELLINGS = {  # in Kokoro's phonemes: A I O are the vowels of eight, five, zero
    "zero": "zˈɪɹO zˈiɾo sˈiɹo zˈɛɹo ʤˈiɹo zˈiɹoː",
    "one": "wˈʌn wˈan vˈʌn wˈɑn wˈɔn",
    "two": "tˈu ʈˈu tˈʊ",
    "three": "θɹˈi tɹˈi tˈɾi sɹˈi tˈi",
    "four": "fˈɔɹ fˈɔː fˈoɾ fˈo pʰˈoɹ",
    "five": "fˈIv fˈI fˈIf fˈIb fˈaːv",
    "six": "sˈɪks sˈiks sˈɪk sˈɪs",
    "seven": "sˈɛvən sˈɛbən sˈɛwən sˈɛvɛn sˈɛfən",
    "eight": "ˈAt ˈet ˈA ˈɛt ˈeːʈ",
    "nine": "nˈIn nˈI nˈIŋ nˈaːn",
}
CHANGES = {  # what accents make of the sounds of other words
    "θ": "ts",
    "ð": "dz",
    "ɹ": "ɾ",
    "v": "bwf",
    "w": "v",
    "z": "s",
    "t": "ʈ",
    "ɪ": "i",
    "æ": "aɛ",
    "ʌ": "aɑ",
    "A": "eɛ",
    "O": "oɔ",
    "I": "a",
}
VOICES = tuple(
    f"{group}_{name}"
    for group, names in {
        "af": "alloy aoede bella heart jessica kore nicole nova river sarah sky",
        "am": "adam echo eric fenrir liam michael onyx puck santa",
        "bf": "alice emma isabella lily",
        "bm": "daniel fable george lewis",
        "ef": "dora",
        "em": "alex santa",
        "ff": "siwis",
        "hf": "alpha beta",
        "hm": "omega psi",
        "if": "sara",
        "im": "nicola",
        "jf": "alpha gongitsune nezumi tebukuro",
        "jm": "kumo",
        "pf": "dora",
        "pm": "alex santa",
        "zf": "xiaobei xiaoni xiaoxiao xiaoyi",
        "zm": "yunjian yunxi yunxia yunyang",
    }.items()
    for name in names.split()
)


@dataclass(frozen=True)
class Prompt:
    """One thing to say and who says it how."""

    kind: str
    text: str  # digits as words, apart by spaces
    phonemes: str  # empty: those of the text, with the changes
    changes: str  # of single phonemes: "θt ɹɾ"
    speaker: str  # "af_sky" or, of two voices, "af_sky:0.41+hm_psi"
    speed: float
    mark: str


@cache
def prompts() -> list[list[Prompt]]:
    """All of them, in chunks; every beginning of the list holds the kinds in the proportion of the whole."""
    places = [
        (start / count, kind, start) for kind, count in COUNTS.items() for start in range(0, count, CHUNK_PROMPTS)
    ]
    return [
        [_drawn(kind, start + number) for number in range(min(CHUNK_PROMPTS, COUNTS[kind] - start))]
        for _, kind, start in sorted(places)
    ]


def _drawn(kind: str, number: int) -> Prompt:
    rng = np.random.default_rng([SEED, zlib.crc32(kind.encode()), number])
    speaker = _speaker(rng)
    speed = round(float(np.exp(rng.uniform(*np.log(SPEEDS)))), 3)
    mark = _by_odds(MARKS, rng)
    if kind in (WORD, STRING):
        digits = [number % 10] if kind == WORD else rng.integers(10, size=_by_odds(STRING_DIGITS, rng)).tolist()
        spelled = [str(rng.choice(spellings.split())) for spellings in SPELLINGS.values()]  # one accent in a string
        phonemes = "".join(gap + spelled[digit] for gap, digit in zip(_gaps(len(digits), rng), digits, strict=True))
        return Prompt(kind, " ".join(DIGIT_WORDS[digit] for digit in digits), phonemes, "", speaker, speed, mark)
    text = _other_word(rng) if kind == OTHER else drawn_text(rng)
    return Prompt(kind, text, "", drawn_accent(rng) if rng.random() < ACCENT_SHARE else "", speaker, speed, mark)


def _speaker(rng: np.random.Generator) -> str:
    """One of the voices, or one of a fixed set of mixtures: who says strings of single words must have said several."""
    if rng.random() < PURE_SHARE:
        return str(rng.choice(VOICES))
    mixing = np.random.default_rng([SEED, int(rng.integers(MIXTURES))])
    first, second = mixing.choice(VOICES, 2, replace=False)
    return f"{first}:{mixing.uniform(*MIXED):.2f}+{second}"


def _gaps(count: int, rng: np.random.Generator) -> list[str]:
    """What stands before each digit."""
    gaps = [""] + [" "] * (count - 1)
    if rng.random() < GROUPED_SHARE:
        place = int(rng.integers(*GROUP_DIGITS))
        while place < count:
            gaps[place] = ", "
            place += int(rng.integers(*GROUP_DIGITS))
    return gaps


def _other_word(rng: np.random.Generator) -> str:
    words = SOUND_ALIKES if rng.random() < SOUND_ALIKE_SHARE else OTHER_WORDS
    while names_a_digit(word := str(rng.choice(words))):
        pass
    return word


def drawn_accent(rng: np.random.Generator) -> str:
    """Which sounds of other words an accent changes, and into what."""
    changed = [sound for sound in CHANGES if rng.random() < CHANGE_SHARE]
    return " ".join(sound + str(rng.choice(list(CHANGES[sound]))) for sound in changed)


def _by_odds(odds: dict[Any, int], rng: np.random.Generator) -> Any:
    values, weights = list(odds), np.array(list(odds.values()), float)
    return values[int(rng.choice(len(values), p=weights / weights.sum()))]
