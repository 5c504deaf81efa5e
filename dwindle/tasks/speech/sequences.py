"""Running speech made of single words: mostly one voice, run together, overlapped or spaced, as people say numbers.

Some are said in one breath by synthetic voices; and now and then nobody speaks, as before every microphone.
"""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from dwindle.infer.speech import REJECT, SAMPLE_RATE
from dwindle.infer.speech.edges import loud_edges
from dwindle.tasks.speech.noises import NOT_SPOKEN, Noises
from dwindle.tasks.speech.phrase_lengths import PhraseLengths
from dwindle.tasks.speech.running_speech import RUNNING
from dwindle.tasks.speech.store import FULL_SCALE, ClipStore

LONGEST_WORD_SAMPLES = SAMPLE_RATE  # a longer one was not trimmed well
LONGEST_OTHER_SAMPLES = SAMPLE_RATE * 9 // 5  # wake phrases are longer than words
SHORTEST_WORD_SAMPLES = SAMPLE_RATE // 10
OVERLAP_SAMPLES = SAMPLE_RATE * 60 // 1000
WIDEST_GAP_SAMPLES = SAMPLE_RATE * 400 // 1000
MOST_WORDS = 6
SYNTHETIC = ("voices", "kokoro")  # the corpora that nobody recorded
ONE_VOICE_SHARE = 0.8
OTHER_WORD_SHARE = 0.3  # words that are none of ours, between those that are
REAL_SHARE = 0.7  # of those that nobody made up are said by people, however few such recordings there are
MADE_UP_SHARE = 0.4  # of those begin like one word and end like another
BACKWARDS_SHARE = 0.4  # of the made-up ones are played backwards
SEAM = (0.35, 0.65)  # how much of each word a made-up one keeps
CARELESS_DB = (12.0, 28.0)  # a trimmer that knows only levels drops what lies so far below the loudest
PHRASE_SHARE = 0.5  # strings said in one breath, by a synthetic voice or somebody reading
NOISE_SHARE = 0.15  # strings in which nobody speaks, and which spell nothing
BURSTS_SHARE = 0.6  # of those are sudden sounds over a faint background ...
FAINT_DB = (-40.0, -6.0)  # ... relative to what it is otherwise
BURST_SHARE = 0.1  # before so many words bursts a sound that spells nothing
SHORTEST_WINDOW_SHARE = 0.45  # a listener's window is shorter than a string; each batch draws its own length
CUT_SHARE = 0.5  # of the strings end soon after a word, as a listener hears it who has not heard what follows
LONGEST_TAIL_SAMPLES = SAMPLE_RATE * 150 // 1000
JUST_SAID_TAIL_SAMPLES = (-SAMPLE_RATE * 100 // 1000, SAMPLE_RATE * 200 // 1000)  # after a word, when it is judged
CROWDED_SHARE = 0.5  # of the words just said have neighbours
NEIGHBOUR_SAMPLES = SAMPLE_RATE * 250 // 1000  # of the words before and after a crowded one, at most
NEIGHBOUR_SHARE = 0.6  # of their length, at most
LEVEL = 0.05 * FULL_SCALE
LEVEL_SPREAD_DB = 4.0
FADE_SAMPLES = SAMPLE_RATE * 5 // 1000


@dataclass(frozen=True)
class Strings:
    """A batch of strings: audio (batch, samples), class numbers (batch, most words) and how many of them count."""

    audio: np.ndarray
    spelling: np.ndarray
    lengths: np.ndarray


class StringMaker:
    """Draws strings from the words of a store, and from phrases whose labels name several words each."""

    def __init__(
        self,
        store: ClipStore,
        class_numbers: dict[str, int],
        window_samples: int,
        phrases: ClipStore | None = None,
    ) -> None:
        self.store, self.window_samples, self.phrases = store, window_samples, phrases
        self.phrase_lengths = PhraseLengths(phrases)
        self.most_words = max([MOST_WORDS, *(len(clip.label.split()) for clip in (phrases.clips if phrases else ()))])
        self.class_numbers = class_numbers
        spoken_samples = np.diff(store.edges, axis=1).squeeze(1)
        self.by_speaker: dict[str, list[int]] = defaultdict(list)
        self.real_others: list[int] = []
        self.synthetic_others: list[int] = []
        self.noises = Noises(store)
        for index in np.flatnonzero(spoken_samples >= SHORTEST_WORD_SAMPLES).tolist():
            clip = store.clips[index]
            is_word = clip.label != REJECT
            longest = LONGEST_WORD_SAMPLES if is_word else LONGEST_OTHER_SAMPLES
            if clip.corpus in (*NOT_SPOKEN, RUNNING) or spoken_samples[index] > longest:
                continue
            others_like_it = self.synthetic_others if clip.corpus in SYNTHETIC else self.real_others
            (self.by_speaker[clip.speaker] if is_word else others_like_it).append(index)
        others = self.real_others + self.synthetic_others
        self.has_others = bool(others)
        self.words = set(others).union(*self.by_speaker.values()) if self.by_speaker else set()
        self.speakers = sorted(self.by_speaker)
        spoken = {store.clips[index].label for indices in self.by_speaker.values() for index in indices}
        self.can_make_up = len(spoken) > 1
        counts = np.array([len(self.by_speaker[speaker]) for speaker in self.speakers], float)
        self.odds = counts / max(1.0, counts.sum())  # every recording as often as any other

    def draw(self, count: int, rng: np.random.Generator) -> Strings:
        """That many strings, all of one drawn length."""
        samples = round(self.window_samples * rng.uniform(SHORTEST_WINDOW_SHARE, 1.0))
        audio = np.zeros((count, samples), np.float32)
        spelling = np.zeros((count, self.most_words), np.int64)
        lengths = np.zeros(count, np.int64)
        fitting = self.phrase_lengths.no_longer_than(samples)
        for row in range(count):
            if self.noises and rng.random() < NOISE_SHARE:
                audio[row] = self._nobody(samples, rng)
                continue
            if fitting and rng.random() < PHRASE_SHARE:
                of_corpus = fitting[int(rng.integers(len(fitting)))]
                said, ends = self._quote(audio[row], int(rng.choice(of_corpus)), rng)
            else:
                said, ends = self._say(audio[row], rng)
            if said and rng.random() < CUT_SHARE:
                last = int(rng.choice(ends))
                said = [word for word, end in zip(said, ends, strict=True) if end <= last]
                end = min(samples, last + int(rng.integers(LONGEST_TAIL_SAMPLES)))
                audio[row] = np.concatenate([np.zeros(samples - end, np.float32), audio[row, :end]])
            spelling[row, : len(said)] = said
            lengths[row] = len(said)
        return Strings(audio / FULL_SCALE, spelling, lengths)

    def _say(self, audio: np.ndarray, rng: np.random.Generator) -> tuple[list[int], list[int]]:
        """Fill one row; returns the class numbers of what was said, and where each word ends."""
        said: list[int] = []
        ends: list[int] = []
        if not self.speakers:  # every recording is a sentence or a click: silence spells nothing
            return said, ends
        wanted = int(rng.integers(1, MOST_WORDS + 1))
        speaker = self._speaker(rng)
        run_together = rng.random() < 0.5
        position = int(rng.integers(0, min(SAMPLE_RATE // 2, len(audio) // 3)))
        while len(said) < wanted:
            if rng.random() > ONE_VOICE_SHARE:
                speaker = self._speaker(rng)
            if self.noises and rng.random() < BURST_SHARE:
                position = self._lay_burst(audio, position, rng)
            is_other = (self.has_others or self.can_make_up) and rng.random() < OTHER_WORD_SHARE
            if is_other and self.can_make_up and (not self.has_others or rng.random() < MADE_UP_SHARE):
                label, word = REJECT, self._made_up(rng)
            else:
                index = self._other(rng) if is_other else int(rng.choice(self.by_speaker[speaker]))
                label, word = self.store.clips[index].label, self._levelled(index, rng)
            room = len(audio) - position
            if len(word) > room and (not is_other or room < SHORTEST_WORD_SAMPLES):
                break
            word = word[:room]  # only an other word may be cut: its beginning is no word of ours either
            audio[position : position + len(word)] += word
            said.append(self.class_numbers[label])
            ends.append(position + len(word))
            widest = WIDEST_GAP_SAMPLES // 3 if run_together else WIDEST_GAP_SAMPLES
            position = max(0, position + len(word) + int(rng.integers(-OVERLAP_SAMPLES, widest)))
        return said, ends

    def _quote(self, audio: np.ndarray, index: int, rng: np.random.Generator) -> tuple[list[int], list[int]]:
        """Fill one row with a phrase; where its single words end is not known, so all of them end with it."""
        phrase = self.phrases.whole(index).astype(np.float32)
        start = int(rng.integers(len(audio) - len(phrase) + 1))
        _lay(audio, _faded(_at_level(phrase, LEVEL)), start)
        said = [self.class_numbers[label] for label in self.phrases.clips[index].label.split()]
        return said, [start + len(phrase)] * len(said)

    def _nobody(self, samples: int, rng: np.random.Generator) -> np.ndarray:
        """A background, or a faint one with sounds that burst out of it."""
        audio = _at_level(self.noises.background(samples, rng), LEVEL)
        if rng.random() < BURSTS_SHARE:
            audio *= 10 ** (rng.uniform(*FAINT_DB) / 20)
            position = int(rng.integers(SAMPLE_RATE // 2))
            while position < samples:
                position = self._lay_burst(audio, position, rng)
        return audio

    def _lay_burst(self, audio: np.ndarray, position: int, rng: np.random.Generator) -> int:
        """Add a sudden sound; returns where the next sound may stand."""
        burst = self._burst(rng)
        _lay(audio, burst, position)
        return position + len(burst) + int(rng.integers(-OVERLAP_SAMPLES, WIDEST_GAP_SAMPLES))

    def made_up(self, samples: int, rng: np.random.Generator) -> np.ndarray:
        """One word that nobody says, anywhere in a window."""
        return _anywhere(self._made_up(rng), samples, rng)

    def closely_cut(self, index: int, samples: int, rng: np.random.Generator) -> np.ndarray:
        """One word, anywhere in a window, without the faint sounds at its ends: a six may lack both its s."""
        word = self._levelled(index, rng)
        return _anywhere(word[slice(*loud_edges(word, rng.uniform(*CARELESS_DB)))], samples, rng)

    def crowded(self, index: int, samples: int, rng: np.random.Generator) -> np.ndarray:
        """One whole word between the end of another and the beginning of a third, as in running speech."""
        word = self._levelled(index, rng)[:samples]
        start = int(rng.integers(samples - len(word) + 1))
        audio = np.zeros(samples, np.float32)
        _lay(audio, word, start)
        self._surround(audio, start, start + len(word), rng)
        return audio / FULL_SCALE

    def just_said(self, index: int, samples: int, rng: np.random.Generator) -> np.ndarray:
        """One word that has ended, or nearly: so the listener cuts it out of running speech to have it judged."""
        word = self._levelled(index, rng)
        end = samples - int(rng.integers(*JUST_SAID_TAIL_SAMPLES))
        audio = np.zeros(samples, np.float32)
        _lay(audio, word, end - len(word))
        if rng.random() < CROWDED_SHARE:
            self._surround(audio, end - len(word), end, rng)
        return audio / FULL_SCALE

    def burst(self, samples: int, rng: np.random.Generator, just_said: bool) -> np.ndarray:
        """A sneeze, a bark, a slam: where a word would stand."""
        burst = self._burst(rng)
        if not just_said:
            return _anywhere(burst, samples, rng)
        audio = np.zeros(samples, np.float32)
        _lay(audio, burst, samples - int(rng.integers(*JUST_SAID_TAIL_SAMPLES)) - len(burst))
        return audio / FULL_SCALE

    def _surround(self, audio: np.ndarray, start: int, end: int, rng: np.random.Generator) -> None:
        """Lay the end of another word before this stretch, and the beginning of a third after it."""
        before, after = (self._levelled(int(rng.choice(self.by_speaker[self._speaker(rng)])), rng) for _ in range(2))
        before, after = before[-_part(before) :], after[: _part(after)]
        gaps = rng.integers(-OVERLAP_SAMPLES, WIDEST_GAP_SAMPLES // 3, size=2).tolist()
        _lay(audio, before, start - gaps[0] - len(before))
        _lay(audio, after, end + gaps[1])

    def _made_up(self, rng: np.random.Generator) -> np.ndarray:
        """The beginning of one word and the end of another, mostly of one voice: half a word of ours is none."""
        first, last = (int(index) for index in rng.choice(self.by_speaker[self._speaker(rng)], 2))
        while self.store.clips[first].label == self.store.clips[last].label:
            is_other = self.has_others and rng.random() < OTHER_WORD_SHARE
            first = self._other(rng) if is_other else int(rng.choice(self.by_speaker[self._speaker(rng)]))
        beginning, end = self._levelled(first, rng), self._levelled(last, rng)
        beginning = _faded(beginning[: round(rng.uniform(*SEAM) * len(beginning))])
        end = _faded(end[-round(rng.uniform(*SEAM) * len(end)) :])
        joined = np.zeros(len(beginning) + len(end) - FADE_SAMPLES, np.float32)
        _lay(joined, beginning, 0)
        _lay(joined, end, len(beginning) - FADE_SAMPLES)
        return joined[::-1] if rng.random() < BACKWARDS_SHARE else joined

    def _other(self, rng: np.random.Generator) -> int:
        """A word that is none of ours."""
        if self.real_others and (not self.synthetic_others or rng.random() < REAL_SHARE):
            return int(rng.choice(self.real_others))
        return int(rng.choice(self.synthetic_others))

    def _speaker(self, rng: np.random.Generator) -> str:
        return self.speakers[int(rng.choice(len(self.speakers), p=self.odds))]

    def _levelled(self, index: int, rng: np.random.Generator) -> np.ndarray:
        """One word at about the level of all others."""
        return _at_drawn_level(self.store.spoken(index).astype(np.float32), rng)

    def _burst(self, rng: np.random.Generator) -> np.ndarray:
        return _at_drawn_level(self.noises.burst(rng), rng)


def _at_drawn_level(samples: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return _faded(_at_level(samples, LEVEL * 10 ** (rng.uniform(-LEVEL_SPREAD_DB, LEVEL_SPREAD_DB) / 20)))


def _at_level(samples: np.ndarray, level: float) -> np.ndarray:
    return samples * (level / max(1.0, float(np.sqrt(np.mean(np.square(samples))))))


def _faded(samples: np.ndarray) -> np.ndarray:
    """Soft at both ends, so that joins do not click."""
    fade = np.linspace(0.0, 1.0, FADE_SAMPLES, dtype=np.float32)
    samples = samples.copy()
    samples[:FADE_SAMPLES] *= fade
    samples[-FADE_SAMPLES:] *= fade[::-1]
    return samples


def _part(word: np.ndarray) -> int:
    """How much of a neighbour is heard: too little to be taken for the word."""
    return min(NEIGHBOUR_SAMPLES, round(NEIGHBOUR_SHARE * len(word)))


def _anywhere(word: np.ndarray, samples: int, rng: np.random.Generator) -> np.ndarray:
    """A window of silence with the word somewhere in it."""
    audio = np.zeros(samples, np.float32)
    word = word[:samples]
    _lay(audio, word, int(rng.integers(samples - len(word) + 1)))
    return audio / FULL_SCALE


def _lay(audio: np.ndarray, word: np.ndarray, start: int) -> None:
    """Add the word; what would stand outside the audio is cut off."""
    first, last = max(0, -start), min(len(word), len(audio) - start)
    if first < last:
        audio[start + first : start + last] += word[first:last]
