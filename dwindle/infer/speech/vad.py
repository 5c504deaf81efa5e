"""Voice activity and background level: they decide when the network runs and how sure it must be."""

import statistics
from collections import deque
from typing import TYPE_CHECKING

import numpy as np

from dwindle.errors import UsageError, UserError

if TYPE_CHECKING:
    import webrtcvad

FRAME_MS = 20
KINDS = ("webrtc", "energy", "none")
WEBRTC_RATES = (8_000, 16_000, 32_000, 48_000)
WEBRTC_AGGRESSIVENESS = 1  # 0-3: a word missed costs more than a cough let through
WEBRTC_GAIN = 4.0  # it misses quiet microphones, and does not mind clipping
OFFSET_S = 1.0  # time constant with which a constant offset is followed: amplified it would saturate
QUIETEST_DB = -60.0  # energy detector: nothing below this is speech
ABOVE_NOISE_DB = 9.0
NOISE_RISE_DB_PER_S = 3.0  # how fast the energy detector takes a steady sound for the background
REMEMBERED_S = 2.0  # of the stream, whose median level is the background's
NEWEST_S = 0.5  # of it: where a word is when it is judged
STANDS_OUT_DB = 12.0  # a word's level above the background
FALLEN_DB = 20.0  # below the loudest of the newest sound: the word in it is over


class Background:
    """Follows the level of a stream, hop by hop: what sounds like a word amid noise may be noise."""

    def __init__(self, hop_s: float):
        self._newest_hops = round(NEWEST_S / hop_s)
        self._powers: deque[float] = deque(maxlen=round(REMEMBERED_S / hop_s))
        self.reset()

    def reset(self) -> None:
        """Start a new recording, with silence before it."""
        self._powers.extend([0.0] * (self._powers.maxlen or 0))

    def follow(self, hop: np.ndarray) -> None:
        """Take in one more hop; a constant offset has no level."""
        still = hop - hop.sum() / len(hop)
        self._powers.append(float(still @ still) / len(hop))

    @property
    def is_loud(self) -> bool:
        """Whether the background is nearly as loud as the newest sound."""
        return self._loudest < 10 ** (STANDS_OUT_DB / 10) * statistics.median(self._powers)

    @property
    def has_fallen(self) -> bool:
        """Whether the newest hop is far below the sound just before it."""
        return self._powers[-1] < 10 ** (-FALLEN_DB / 10) * self._loudest

    @property
    def _loudest(self) -> float:
        return max(list(self._powers)[-self._newest_hops :])


class VoiceActivityDetector:
    """Judges sound in frames of 20 ms, counted from the first sample, so that chunking never matters."""

    def __init__(self, kind: str = "webrtc", sample_rate: int = 8_000):
        if kind not in KINDS:
            raise UsageError(f"--vad {kind}: choose from {', '.join(KINDS)}")
        self.kind = kind
        self.sample_rate = sample_rate
        self.frame_samples = sample_rate * FRAME_MS // 1000
        self.reset()

    def reset(self) -> None:
        """Start a new recording."""
        self._rest = np.zeros(0, np.float32)
        self._noise_db: float | None = None
        self._offset: float | None = None
        self._webrtc = _open_webrtc(self.sample_rate) if self.kind == "webrtc" else None

    def process(self, samples: np.ndarray) -> list[bool]:
        """For every frame that these samples complete: whether it holds a voice."""
        samples = np.concatenate([self._rest, samples])
        whole = len(samples) // self.frame_samples * self.frame_samples
        self._rest = samples[whole:]
        frames = samples[:whole].reshape(-1, self.frame_samples)
        if self.kind == "none":
            return [True] * len(frames)
        webrtc = self._webrtc
        if webrtc is None:
            return [self._is_loud(frame) for frame in frames]
        louder = (frames - self._offsets(frames)) * np.float32(WEBRTC_GAIN * 32_767)
        pcm = np.minimum(np.maximum(louder, -32_768), 32_767).astype("<i2")
        return [webrtc.is_speech(frame.tobytes(), self.sample_rate) for frame in pcm]

    def _offsets(self, frames: np.ndarray) -> np.ndarray:
        """What each frame is shifted by, (frames, 1): the mean of the stream, followed slowly."""
        offsets = []
        for mean in frames.mean(axis=1).tolist():
            if self._offset is None:
                self._offset = mean
            self._offset += (mean - self._offset) * FRAME_MS / 1000 / OFFSET_S
            offsets.append(self._offset)
        return np.array(offsets, np.float32).reshape(-1, 1)

    def _is_loud(self, frame: np.ndarray) -> bool:
        """Clearly above a floor that falls at once and rises slowly."""
        level_db = 10 * np.log10(float(np.var(frame)) + 1e-10)
        floor_db = min(level_db, QUIETEST_DB) if self._noise_db is None else self._noise_db
        floor_db = min(level_db, floor_db + NOISE_RISE_DB_PER_S * FRAME_MS / 1000)
        self._noise_db = floor_db
        return level_db > max(floor_db + ABOVE_NOISE_DB, QUIETEST_DB)


def _open_webrtc(sample_rate: int) -> "webrtcvad.Vad":
    if sample_rate not in WEBRTC_RATES:
        raise UserError(f"the WebRTC voice detector does not work at {sample_rate} Hz: choose --vad energy")
    try:
        import webrtcvad
    except ImportError as error:
        raise UserError(
            f"the WebRTC voice detector cannot start ({error}): pip install webrtcvad-wheels, or choose --vad energy"
        ) from error
    return webrtcvad.Vad(WEBRTC_AGGRESSIVENESS)
