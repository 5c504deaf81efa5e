"""Who dictates says several words; what sounds like one and is none mostly comes alone. So a doubtful word waits."""

import math

from dwindle.runtime.event import WordEvent

COMPANY_S = 2.0  # within which one word vouches for another


class Company:
    """Says a word at once when it is sure or another was heard shortly before; else when another follows shortly."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Start a new recording."""
        self._waiting: WordEvent | None = None
        self._newest_s = -math.inf

    def is_there(self, now_s: float) -> bool:
        """Whether a word was heard shortly before, said or not."""
        return now_s - self._newest_s <= COMPANY_S

    def said(self, event: WordEvent, enough: float) -> list[WordEvent]:
        """The words that this one makes certain, in order; if it stands alone it is so from that confidence on."""
        in_company = self.is_there(event.emitted_s)
        self._newest_s = event.emitted_s
        if in_company:
            return [*self._vouched_for(event.emitted_s), event]
        self._waiting = None if event.confidence >= enough else event
        return [] if self._waiting else [event]

    def said_at_the_end(self, now_s: float) -> list[WordEvent]:
        """A recording that ends shortly after a word was made for it."""
        return self._vouched_for(now_s) if self.is_there(now_s) else []

    def _vouched_for(self, now_s: float) -> list[WordEvent]:
        event, self._waiting = self._waiting, None
        if event is None:
            return []
        event.emitted_s = now_s
        return [event]
