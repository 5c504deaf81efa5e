"""Ctrl-C while a script is still importing what it needs, which takes torch seconds: one line there too."""

import sys
from pathlib import Path
from types import TracebackType


def _told(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):  # Python then ends itself by the signal, as a shell expects
        print(f"\n{Path(sys.argv[0]).name}: interrupted", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)


sys.excepthook = _told
