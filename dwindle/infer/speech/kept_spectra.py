"""Spectra that outlast a run: the network hears a stream's newest second with each hop, and knows most of it already.

An exported file joins the spectra of the sound that it is given to earlier ones, of which it has none: a constant. Here
both are declared to be an input and an output, so that a listener gives back what it got a hop before. To everybody
else the file is as any other. It says how its spectra lie; one that does not say so is run on whole windows.
"""

from dataclasses import dataclass

import numpy as np

EARLIER, SPECTRA = "earlier_spectra", "spectra"  # values of the graph: (batch, bands, time)
SAMPLES_KEY, HOP_KEY = "spectrum_samples", "spectrum_hop_samples"  # of the metadata
# fields of a protocol buffer, from ModelProto down to a dimension that has a name and any size
_GRAPH, _INPUT, _OUTPUT, _NAME, _TYPE, _TENSOR, _SHAPE, _DIMENSION, _DIMENSION_NAME = 7, 11, 12, 1, 2, 1, 2, 1, 2
_FLOAT = bytes([1 << 3, 1])


@dataclass(frozen=True)
class KeptSpectra:
    """How the spectra of a model lie: so many samples each, so many apart."""

    samples: int
    hop_samples: int

    def unheard(
        self, window: np.ndarray, kept: np.ndarray | None, new_samples: int
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Of this window the newest sound alone, and the spectra of all before it; the whole where those are not known.

        `kept` are the spectra of the window that ended `new_samples` earlier.
        """
        count, odd = divmod(len(window) - self.samples, self.hop_samples)
        new, between = divmod(new_samples, self.hop_samples)
        if kept is None or odd or between or not 0 < new <= count or kept.shape[2] != count + 1:
            return window, None
        return window[-(self.samples + (new - 1) * self.hop_samples) :], kept[:, :, new:]


def declared() -> bytes:
    """What makes them an input and an output: messages that follow on each other are merged."""
    axes = b"".join(_field(_DIMENSION, _field(_DIMENSION_NAME, axis)) for axis in (b"batch", b"bands", b"time"))
    kind = _field(_TYPE, _field(_TENSOR, _FLOAT + _field(_SHAPE, axes)))
    names = {_INPUT: EARLIER, _OUTPUT: SPECTRA}
    values = b"".join(_field(place, _field(_NAME, name.encode()) + kind) for place, name in names.items())
    return _field(_GRAPH, values)


def _field(number: int, content: bytes) -> bytes:
    """A field that holds fewer than 128 bytes, or (in two bytes of length) fewer than 16,384."""
    size = len(content)
    length = [size] if size < 128 else [size & 0x7F | 0x80, size >> 7]
    return bytes([number << 3 | 2, *length]) + content
