"""Who dictates says several words; what sounds like one and is none mostly comes alone. So doubtful words wait."""

import math

from dwindle.infer.speech.word import WordEvent

COMPANY_S = 2.0  # within which words vouch for each other ...
VOUCHING = 0.55  # ... where one of them is as likely as that
WORTH_WAITING_AMID_NOISE = 0.5  # what is less likely there is noise: half a bark before a bark


class Company:
    """Says a word at once when it is sure or in company; else when company follows shortly."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Start a new recording."""
        self._waiting: list[WordEvent] = []
        self._newest_s = -math.inf

    def is_there(self, now_s: float) -> bool:
        """Whether a likely word was heard shortly before, said or not."""
        return now_s - self._newest_s <= COMPANY_S

    def said(self, event: WordEvent, enough: float) -> list[WordEvent]:
        """The words that this one makes certain, in order; if it stands alone it is so from that confidence on."""
        in_company = self.is_there(event.emitted_s)
        waiting = self._take_waiting(event.emitted_s)
        if event.confidence >= min(VOUCHING, enough):
            self._newest_s = event.emitted_s
            in_company = in_company or bool(waiting)
        if in_company or event.confidence >= enough:
            return [*_made_certain(waiting, event.emitted_s), event]
        worth_waiting = not event.amid_noise or event.confidence >= WORTH_WAITING_AMID_NOISE
        self._waiting = [*waiting, event] if worth_waiting else waiting
        return []

    def said_at_the_end(self, now_s: float) -> list[WordEvent]:
        """A recording that ends shortly after a word was made for it, unless the word may be part of its noise."""
        return _made_certain([event for event in self._take_waiting(now_s) if not event.amid_noise], now_s)

    def _take_waiting(self, now_s: float) -> list[WordEvent]:
        """Those that have not waited too long."""
        waiting, self._waiting = self._waiting, []
        return [event for event in waiting if now_s - event.emitted_s <= COMPANY_S]


def _made_certain(waiting: list[WordEvent], now_s: float) -> list[WordEvent]:
    for event in waiting:
        event.emitted_s = now_s
    return waiting
