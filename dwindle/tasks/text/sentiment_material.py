"""Texts without labels for a teacher to judge: film phrases moved to other things, and reviews by pattern.

A student that hears its teacher on films alone learns little of what the teacher knows of waiters and batteries.
"""

import itertools
import json
import random
import re
from collections.abc import Sequence
from pathlib import Path

MOST = 60_000
FILM_WORD = re.compile(
    r"\b(film|movie|picture|story|comedy|drama|thriller|documentary|script|screenplay|plot|cast|director|filmmaker|"
    r"performance|acting|actor|actress|cinema|characters?)\b"
)
WORDS = json.loads(Path(__file__).with_name("sentiment_words.json").read_text(encoding="utf-8"))
PATTERNS, THINGS, GOOD, BAD = (WORDS[kind] for kind in ("patterns", "things", "good", "bad"))
LENGTHS = range(3, 26)  # words of a film phrase that is moved


def made_up(texts: Sequence[str]) -> list[str]:
    """Texts in an order that is always the same, half of them moved film phrases, half of them by pattern."""
    draw = random.Random(0)
    moved = _moved([text for text in texts if len(text.split()) in LENGTHS], draw)
    by_pattern = (_by_pattern(texts, draw) for _ in itertools.count())
    both = itertools.chain.from_iterable(zip(moved, by_pattern, strict=False))
    known, found = set(texts), []
    for text in itertools.islice(both, MOST):
        if text not in known:
            known.add(text)
            found.append(text)
    return found


def _moved(texts: list[str], draw: random.Random) -> list[str]:
    """Phrases that speak of a film, speaking of another thing."""
    about_films = [text for text in texts if FILM_WORD.search(text)]
    draw.shuffle(about_films)
    return [FILM_WORD.sub(lambda _: draw.choice(THINGS), text) for text in about_films]


def _by_pattern(texts: Sequence[str], draw: random.Random) -> str:
    same, opposite = draw.sample((GOOD, BAD), 2)
    phrase = FILM_WORD.sub(lambda _: draw.choice(THINGS), draw.choice(texts))
    return draw.choice(PATTERNS).format(
        thing=draw.choice(THINGS),
        thing2=draw.choice(THINGS),
        word=draw.choice(same),
        word2=draw.choice(same),
        word3=draw.choice(same),
        other=draw.choice(opposite),
        good=draw.choice(GOOD),
        verb=draw.choice(WORDS["verbs"]),
        very=draw.choice(WORDS["very"]),
        event=draw.choice(WORDS["events"]),
        never=draw.choice(("never", "always", "gladly")),
        phrase=phrase.rstrip(" ."),
    )
