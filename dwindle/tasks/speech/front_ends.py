"""The front ends that a speech network can have, by the name that its checkpoint remembers."""

import argparse
from typing import Any

from torch import nn

from dwindle.checkpoint import Checkpoint, load_checkpoint
from dwindle.errors import UsageError, UserError
from dwindle.infer.speech.kept_spectra import HOP_KEY, SAMPLES_KEY
from dwindle.tasks.speech.front_end import HOP_SAMPLES, LogMel
from dwindle.tasks.speech.scattering import Scattering
from dwindle.tasks.speech.sinc_filters import SincFilters

FRONT_ENDS: dict[str, type[nn.Module]] = {"log_mel": LogMel, "scattering": Scattering, "sinc": SincFilters}
DEFAULT_FRONT_END = "log_mel"  # what every checkpoint has that names none


def new_front_end(name: str) -> Any:
    """It makes a picture (batch, bands, frames) of a waveform; with several maps, (batch, maps, bands, frames)."""
    if name not in FRONT_ENDS:
        raise UserError(f"unknown front end {name!r}: choose from {', '.join(FRONT_ENDS)}")
    return FRONT_ENDS[name]()


def how_spectra_lie(name: str) -> dict[str, str]:
    """What a file says of spectra that may be kept; of others nothing."""
    samples = getattr(FRONT_ENDS[name], "spectrum_samples", 0)
    return {SAMPLES_KEY: str(samples), HOP_KEY: str(HOP_SAMPLES)} if samples else {}


def add_front_end(group: argparse._ArgumentGroup) -> None:
    """The flag that chooses one for the networks that a command trains."""
    group.add_argument(
        "--front_end", choices=FRONT_ENDS, help="what the network hears with (that of --start_from, else log_mel)"
    )


def chosen_front_end(options: argparse.Namespace, made_from: Checkpoint | None) -> str:
    """That of the checkpoint that a later stage goes on from, else what the flag says, else that of who is begun as."""
    if made_from is None:
        start = getattr(options, "start_from", None)
        begun_as = load_checkpoint(start).arguments if start and not options.front_end else {}
        return options.front_end or begun_as.get("front_end", DEFAULT_FRONT_END)
    its_own = made_from.arguments.get("front_end", DEFAULT_FRONT_END)
    if options.front_end not in (None, its_own):
        raise UsageError(f"--front_end {options.front_end}: the checkpoint hears with {its_own}: train another")
    return its_own
