"""How long an MP3 is that does not say so."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from dwindle.infer.speech import SAMPLE_RATE, mpeg
from dwindle.infer.speech.sound_file import AudioError, read_audio


def sine(hz: float, seconds: float, rate: int) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate)


def without_its_length(path: Path) -> None:
    """Take the header frame out of an MP3, and give it a title."""
    whole = path.read_bytes()
    where = max(whole.find(b"Xing"), whole.find(b"Info"))
    assert 0 < where < 100
    second = whole.index(whole[:2], where)  # the next frame's sync word
    title = b"TIT2\0\0\0\x07\0\0\0digits"
    path.write_bytes(b"ID3\3\0\0\0\0\0" + bytes([len(title)]) + title + whole[second:])


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 44_100])
def test_an_mp3_that_does_not_say_how_long_it_is_is_whole(tmp_path, rate):
    """A regression: libsndfile's guess, by the first frame's bit rate, was taken for a promise."""
    path = tmp_path / "told.mp3"
    with soundfile.SoundFile(path, "w", rate, 1, format="MP3", bitrate_mode="CONSTANT", compression_level=0.5) as sound:
        sound.write(sine(440, 3.0, rate))
    told = read_audio(path)
    assert mpeg.says_its_length(path)
    without_its_length(path)
    assert not mpeg.says_its_length(path)
    assert mpeg.samples_in(path) == pytest.approx(3 * rate, abs=3 * 1152)
    assert len(read_audio(path)) == pytest.approx(len(told), abs=0.3 * SAMPLE_RATE)


def test_an_mp3_of_which_libsndfile_would_lose_the_end_is_refused(tmp_path):
    """A regression: of three seconds whose second half is hardly anything, half a second was heard."""
    with soundfile.SoundFile(tmp_path / "a.mp3", "w", 44_100, 1, format="MP3", bitrate_mode="VARIABLE") as sound:
        sound.write(np.concatenate([sine(440, 1.0, 44_100), np.zeros(88_200)]))
    without_its_length(tmp_path / "a.mp3")
    with pytest.raises(AudioError, match="does not say how long it is"):
        read_audio(tmp_path / "a.mp3")


@pytest.mark.parametrize("title", [b"", b"ID3\3\0\0\0\0\0\x0aTIT2\0\0\0\0\0\0"])
def test_joined_mp3s_are_refused_and_not_heard_in_part(tmp_path, title):
    """A regression: libsndfile reads as much as the first one's header says."""
    single, joined = tmp_path / "single.mp3", tmp_path / "joined.mp3"
    soundfile.write(single, sine(440, 1.0, 16_000), 16_000)
    assert len(read_audio(single)) == pytest.approx(SAMPLE_RATE, abs=0.1 * SAMPLE_RATE)
    joined.write_bytes(single.read_bytes() + title + single.read_bytes())
    with pytest.raises(AudioError, match="as joined MP3s do: encode it again"):
        read_audio(joined)


@given(st.binary(max_size=200))
def test_what_is_no_mp3_has_some_length(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("any") / "a.mp3"
    path.write_bytes(content)
    assert mpeg.samples_in(path) >= 0
