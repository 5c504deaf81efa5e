"""The data directory: where public data sets lie, and what fetches one that is missing."""

import os
import shlex
from pathlib import Path

from dwindle.data.source import DATA_SETS
from dwindle.errors import UserError

VARIABLE = "DWINDLE_DATA"


def data_directory(flag: str | None = None) -> Path:
    """Where the data is: --data_dir, else $DWINDLE_DATA, else data/."""
    return Path(flag or os.environ.get(VARIABLE) or "data")


def require(name: str, data_dir: Path) -> Path:
    """The folder of a data set; when it is missing, an error with the very command that fetches it."""
    data_set = DATA_SETS[name]
    if not data_set.is_present(data_dir):
        raise UserError(f"{data_set.title} is not in {data_dir}: get it with: {fetch_command(name, data_dir)}")
    return data_dir / name


def fetch_command(name: str, data_dir: Path) -> str:
    """The command that fetches a data set into this data directory."""
    where = "" if data_dir == data_directory() else f" --data_dir {shlex.quote(str(data_dir))}"
    return f"python -m dwindle.data fetch {name}{where}"
