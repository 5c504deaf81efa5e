"""The microphone: opened at its own rate, read through a ring, and honest about what goes wrong with it."""

import atexit
import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dwindle.errors import EXIT_FAILURE, UserError
from dwindle.infer.speech.sources import BLOCK_S, SampleRing

if TYPE_CHECKING:
    import sounddevice

RING_S = 5.0  # how far the worker may fall behind before sound is lost
GONE_AFTER_S = 2.0  # a device that delivers nothing for so long is not there any more ...
AWAKE_AFTER_S = 0.5  # ... unless this program itself slept (Ctrl-Z, a closed lid): sound then comes within this time
CLOSE_TIMEOUT_S = 1.0
HOST_ERROR = "Unanticipated host error"  # what PortAudio says where the sound server has no source at all
ASK_SOUND_SERVER = "check that the sound server runs"


class MicrophoneError(UserError):
    """A microphone that cannot be opened, or went away."""


@dataclass(frozen=True)
class Device:
    """An input as the sound system names it."""

    index: int
    name: str
    channels: int
    rate: int
    is_default: bool


class Microphone:
    """`with Microphone(...) as microphone: for chunk in microphone.chunks()`."""

    def __init__(self, device: str | None = None):
        self._sounddevice = _sounddevice()
        self.device = _choose(input_devices(), device)
        self.rate = self.device.rate
        self.overflows = 0  # times that the sound system itself lost samples
        self._input_latency_s = 0.0

    def __enter__(self) -> "Microphone":
        problems = []
        for channels in dict.fromkeys((1, min(2, self.device.channels))):  # some cards refuse mono
            self._ring, opened = SampleRing(round(RING_S * self.rate), channels), None
            try:
                opened = self._sounddevice.InputStream(
                    samplerate=self.rate,
                    device=self.device.index,
                    channels=channels,
                    dtype="float32",
                    blocksize=round(BLOCK_S * self.rate),
                    latency="low",
                    callback=self._capture,
                )
                opened.start()
            except self._sounddevice.PortAudioError as error:
                problems.append(_reason(error))
                if opened:  # else the next try finds the device busy with this one
                    opened.close(ignore_errors=True)
                continue
            self._stream, self._input_latency_s = opened, float(np.max(opened.latency))
            return self
        if all(HOST_ERROR in problem for problem in problems):  # PortAudio has no word for it
            raise MicrophoneError(
                f"{self.device.name!r} gives no sound: connect a microphone, and {ASK_SOUND_SERVER} and has a source"
            )
        raise MicrophoneError(
            f"cannot open {self.device.name!r} at {self.rate} Hz ({problems[-1]}): "
            "close other programs that use it, or choose another with --device (--list_devices shows them)"
        )

    def __exit__(self, *_: object) -> None:
        def close() -> None:
            with suppress(self._sounddevice.PortAudioError):  # a device that has gone cannot be stopped
                self._stream.abort()
                self._stream.close()

        closing = threading.Thread(target=close, daemon=True)  # PortAudio may wait for ever on a dead sound server
        closing.start()
        closing.join(CLOSE_TIMEOUT_S)
        if closing.is_alive():  # PortAudio's own clean-up at exit would wait as long: leave before it
            atexit.register(os._exit, EXIT_FAILURE)

    def chunks(self) -> Iterator[np.ndarray]:
        """Sound as it comes, for as long as it comes; raises when the device has gone."""
        while True:
            chunk = self._ring.read(GONE_AFTER_S)
            if not len(chunk):
                chunk = self._ring.read(AWAKE_AFTER_S)
            if not len(chunk):
                raise MicrophoneError(
                    f"{self.device.name!r} delivers no sound any more: it was unplugged, or the sound server stopped. "
                    "Connect it and start again"
                )
            yield chunk

    def seconds_captured(self) -> float:
        """The stream's clock, now."""
        return self._ring.seconds_captured(self.rate) + self._input_latency_s

    @property
    def samples_lost(self) -> int:
        """Samples that the worker was too late for."""
        return self._ring.dropped

    def _capture(self, block: np.ndarray, _frames: int, _time: object, status: "sounddevice.CallbackFlags") -> None:
        if status.input_overflow:
            self.overflows += 1
        self._ring.write(block)


def input_devices() -> list[Device]:
    """Every input there is; raises when there is none."""
    sounddevice = _sounddevice()
    default = sounddevice.default.device[0]
    try:
        devices = sounddevice.query_devices()
    except sounddevice.PortAudioError as error:
        raise MicrophoneError(f"the sound system does not answer ({_reason(error)}): {ASK_SOUND_SERVER}") from error
    found = [
        Device(
            index, device["name"], device["max_input_channels"], round(device["default_samplerate"]), index == default
        )
        for index, device in enumerate(devices)
        if device["max_input_channels"] > 0
    ]
    if not found:
        raise MicrophoneError(f"no microphone found: connect one, and {ASK_SOUND_SERVER}")
    return found


def _choose(devices: list[Device], wanted: str | None) -> Device:
    if wanted is None:
        return next((device for device in devices if device.is_default), devices[0])
    matches = [device for device in devices if wanted in (str(device.index), device.name)]
    matches = matches or [device for device in devices if wanted.lower() in device.name.lower()]
    if len(matches) != 1:
        problem = "no microphone" if not matches else f"{len(matches)} microphones"
        raise MicrophoneError(f"{problem} named {wanted!r}: --list_devices shows what there is")
    return matches[0]


def _sounddevice():
    """Imported only here: whoever reads files needs no PortAudio."""
    try:
        import sounddevice
    except OSError as error:
        raise MicrophoneError(
            f"the sound library PortAudio is missing ({error}): install it (Debian, Ubuntu: apt install libportaudio2; "
            "macOS: brew install portaudio)"
        ) from error
    except ImportError as error:
        raise MicrophoneError("the package sounddevice is missing: pip install sounddevice") from error
    except Exception as error:  # of a class that cannot be named, for the import failed
        if type(error).__name__ != "PortAudioError":
            raise
        raise MicrophoneError(f"the sound library cannot start ({_reason(error)}): {ASK_SOUND_SERVER}") from error
    return sounddevice


def _reason(error: Exception) -> str:
    return str(error.args[0]) if error.args else "no reason given"
