"""Hold-back of uncertain words. People dictate several digits in a row; a false alarm mostly comes alone."""

from dwindle.infer.speech.word import Candidate

HOLD_S = 2.0  # for so long an uncertain word is held back, and for so long a likely one confirms those after it
CONFIRMING = 0.55  # confidence from which a word confirms its neighbours
CONFIRMING_AMID_SPEECH = 0.8  # likewise of a word that has other words beside it
FAINT_DB = 25.0  # below the loudest likely word nearby: no word, but noise before or after one
WORTH_HOLDING_AMID_NOISE = 0.5  # below it a candidate amid noise is dropped: the first half of a bark, for one


class HoldBack:
    """Passes a word on at once when it is certain or has a neighbour, else when a likely one follows in time."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Start a new recording."""
        self._held: list[Candidate] = []
        self._likely: list[Candidate] = []  # the newest

    def likely_words(self, now_s: float) -> int:
        """How many likely words were found shortly before, passed on or not."""
        self._likely = [word for word in self._likely if now_s - word.found_s <= HOLD_S]
        return len(self._likely)

    def passed(self, word: Candidate, needed: float) -> list[Candidate]:
        """The words that this one makes certain, in order; `needed` is the confidence of a word without neighbours."""
        confirmed = self.likely_words(word.found_s) > 0
        if is_faint(word, max((one.power for one in self._likely), default=0.0)):
            return []
        held = self._take_held(word.found_s)
        if is_likely(word):
            self._likely.append(word)
            confirmed = confirmed or bool(held)
        if confirmed or word.alone >= needed:
            return [*held, word]
        worth_holding = not word.amid_noise or word.confidence >= WORTH_HOLDING_AMID_NOISE
        self._held = [*held, word] if worth_holding else held
        return []

    def passed_at_the_end(self, now_s: float) -> list[Candidate]:
        """A recording that ends shortly after a word was made for it, unless it may be part of noise or speech."""
        return [word for word in self._take_held(now_s) if not (word.amid_noise or word.amid_speech)]

    def _take_held(self, now_s: float) -> list[Candidate]:
        """Those that have not been held too long; the others are dropped."""
        held, self._held = self._held, []
        return [word for word in held if now_s - word.found_s <= HOLD_S]


def is_likely(word: Candidate) -> bool:
    """Whether it makes its neighbours certain."""
    return word.confidence >= (CONFIRMING_AMID_SPEECH if word.amid_speech else CONFIRMING)


def is_faint(word: Candidate, loudest: float) -> bool:
    """Whether it is far fainter than the loudest likely word nearby, given by its power."""
    return word.power < loudest * 10 ** (-FAINT_DB / 10)
