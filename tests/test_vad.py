"""Voice activity: same answers for every chunking, and sensible ones."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dwindle.errors import UsageError, UserError
from dwindle.infer.speech.vad import FRAME_MS, KINDS, VoiceActivityDetector


@given(st.sampled_from(KINDS), st.lists(st.integers(0, 3_000), max_size=8), st.integers(0, 2**32 - 1))
@settings(max_examples=40)
def test_chunks_do_not_matter(kind, chunks, seed):
    rng = np.random.default_rng(seed)
    sound = (rng.standard_normal(6_000) * np.repeat(rng.uniform(0, 0.3, 20), 300)).astype(np.float32)
    whole = VoiceActivityDetector(kind).process(sound)
    detector, parts, at = VoiceActivityDetector(kind), [], 0
    for size in [*chunks, len(sound)]:
        parts += detector.process(sound[at : at + size])
        at += size
    assert parts == whole
    assert len(whole) == 6_000 // (8 * FRAME_MS)


@pytest.mark.parametrize("gain", [1.0, 0.05])  # a close and a far microphone
@pytest.mark.parametrize("kind", ["webrtc", "energy"])
def test_silence_is_no_voice_and_a_buzz_like_speech_is(kind, gain, speechlike):
    detector = VoiceActivityDetector(kind)
    assert sum(detector.process(np.zeros(16_000, np.float32))[10:]) == 0
    spoken = detector.process(gain * speechlike)
    assert sum(spoken[17:33]) >= 12  # the word fills 0.3 to 0.7 s


def test_the_energy_detector_learns_a_steady_background():
    rng = np.random.default_rng(1)
    detector = VoiceActivityDetector("energy")
    flags = detector.process((0.05 * rng.standard_normal(8_000 * 20)).astype(np.float32))
    assert all(flags[:10])
    assert sum(flags[-200:]) < 20
    loud = (0.5 * rng.standard_normal(1_600)).astype(np.float32)
    assert all(detector.process(loud))


def test_reset_forgets():
    detector = VoiceActivityDetector("energy")
    sound = np.random.default_rng(2).uniform(-0.1, 0.1, 8_123).astype(np.float32)
    first = detector.process(sound)
    detector.reset()
    assert detector.process(sound) == first


def test_what_cannot_work_says_so():
    with pytest.raises(UsageError, match="energy"):
        VoiceActivityDetector("loudness")
    with pytest.raises(UserError, match=r"11025 Hz.*--vad energy"):
        VoiceActivityDetector("webrtc", 11_025)


def test_a_missing_package_is_named_instead_of_falling_silent():
    code = (
        "import sys\nsys.modules['webrtcvad'] = None\n"  # as Python itself marks a module that cannot be imported
        "from dwindle.infer.speech.vad import VoiceActivityDetector\n"
        "from dwindle.errors import run\nrun(lambda: VoiceActivityDetector('webrtc') and None)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "pip install webrtcvad-wheels" in done.stderr
    assert len(done.stderr.splitlines()) == 1
