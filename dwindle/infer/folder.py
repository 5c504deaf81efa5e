"""The files in a folder that somebody named."""

import os
from collections.abc import Iterator
from pathlib import Path


def files_below(folder: Path, suffixes: tuple[str, ...]) -> Iterator[Path]:
    """Those with these suffixes in a folder and the folders in it, in a fixed order; none where it is not there.

    What is hidden is left out: some programs put such a file, of the same name, beside every file of sound. A folder
    that may not be read is an error and not an empty one.
    """
    found: list[Path] = []
    for parent, folders, names in os.walk(folder, onerror=_unless_missing):  # rglob skips what it may not read
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(parent, name) for name in names if not name.startswith(".")]
    return iter(sorted(path for path in found if path.suffix.lower() in suffixes))


def _unless_missing(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error
