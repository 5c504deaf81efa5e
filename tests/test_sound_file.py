"""Reading sound: every format and rate as mono at 8 kHz, and one clear line for every file that is no recording."""

import os
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dwindle.infer.speech import SAMPLE_RATE
from dwindle.infer.speech import sound_file as reading
from dwindle.infer.speech.sound_file import AudioError, read_audio, stream_audio

MOST_RESIDENT_MB = 150  # Python and numpy take about 50


def sine(hz: float, duration_s: float, rate: int, amplitude: float = 0.5) -> np.ndarray:
    return (amplitude * np.sin(2 * np.pi * hz * np.arange(round(duration_s * rate)) / rate)).astype(np.float32)


def encodings() -> list[tuple[str, str]]:
    """Every container and sample type of the formats that people have, as libsndfile names them."""
    return [
        (container, kind)
        for container in ("WAV", "WAVEX", "RF64", "W64", "AIFF", "AU", "CAF", "FLAC", "OGG", "MP3")
        for kind in soundfile.available_subtypes(container)
        if soundfile.check_format(container, kind)
        # libsndfile names some that it cannot write
        if not kind.startswith(("DWVW", "MPEG")) or (container, kind) == ("MP3", "MPEG_LAYER_III")
    ]


@pytest.mark.parametrize(("container", "kind"), encodings())
def test_every_container_and_sample_type_gives_the_same_tone(tmp_path, container, kind):
    path = tmp_path / f"tone.{container.lower()}"
    soundfile.write(path, sine(440, 1.0, 16_000), 16_000, format=container, subtype=kind)
    audio = read_audio(path)
    assert audio.dtype == np.float32
    assert audio.ndim == 1
    assert abs(len(audio) - SAMPLE_RATE) < 0.05 * SAMPLE_RATE  # block codecs round the length up
    spectrum = np.abs(np.fft.rfft(audio[:SAMPLE_RATE], SAMPLE_RATE))
    assert np.argmax(spectrum) == pytest.approx(440, abs=1)
    assert np.sqrt(2 * np.mean(np.square(audio[1000:7000]))) == pytest.approx(0.5, rel=0.1)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rate=st.one_of(
        st.sampled_from([8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000, 192_000]),
        st.integers(reading.LOWEST_RATE, reading.HIGHEST_RATE),
    ),
    channels=st.integers(1, 8),
    frames=st.integers(1, 30_000),
    block_s=st.floats(0.003, 2.0),
)
def test_any_rate_channels_and_length_streams_as_it_reads(tmp_path, rate, channels, frames, block_s):
    path = tmp_path / "sound.wav"
    mono = 0.9 * np.random.default_rng(frames).uniform(-1, 1, frames).astype(np.float32)
    shares = np.linspace(0.5, 1.5, channels)  # channels differ; their mean is `mono`
    soundfile.write(path, mono[:, None] * (shares / shares.mean()), rate, subtype="FLOAT")
    whole = read_audio(path)
    assert abs(len(whole) - frames * SAMPLE_RATE / rate) <= 1
    assert np.abs(whole).max(initial=0) <= 1.0
    np.testing.assert_allclose(np.concatenate(list(stream_audio(path, block_s=block_s))), whole, atol=1e-6)
    if rate == SAMPLE_RATE:
        np.testing.assert_allclose(whole, mono, atol=1e-6)


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100, 48_000, 192_000])
def test_resampling_keeps_what_8_khz_can_hold_and_nothing_else(tmp_path, rate):
    path = tmp_path / "two.wav"
    soundfile.write(path, sine(1_000, 1.0, rate, 0.3) + (sine(6_000, 1.0, rate, 0.3) if rate > 12_000 else 0), rate)
    middle = read_audio(path)[1000:7000]
    wanted = sine(1_000, 1.0, SAMPLE_RATE, 0.3)[1000:7000]
    assert np.abs(middle - wanted).max() < 1e-3  # aligned, at its level, and the 6 kHz tone has not folded down


def test_samples_beyond_full_scale_are_clipped(tmp_path):
    soundfile.write(tmp_path / "loud.wav", sine(440, 0.5, SAMPLE_RATE, 3.0), SAMPLE_RATE, subtype="FLOAT")
    assert np.abs(read_audio(tmp_path / "loud.wav")).max() == 1.0


@pytest.fixture
def wav(tmp_path) -> Path:
    soundfile.write(tmp_path / "good.wav", sine(440, 1.0, SAMPLE_RATE), SAMPLE_RATE)
    return tmp_path / "good.wav"


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("empty.wav", b"", "the file is empty"),
        ("text.wav", b"this is not sound\n" * 50, "not a sound file"),
        ("noise.mp3", bytes(range(256)) * 8, "not a sound file"),
        ("noise.flac", b"fLaC" + bytes(range(256)), "not a sound file"),
        ("header.wav", b"RIFF$\0\0\0WAVE", "not a sound file"),
        ("raw.raw", bytes(1000), "not a sound file"),
        ("picture.png", b"\x89PNG\r\n\x1a\n" + bytes(100), "not a sound file"),
    ],
)
def test_what_is_no_sound_is_one_clear_line(tmp_path, name, content, complaint):
    (tmp_path / name).write_bytes(content)
    assert complaint in complaint_of(tmp_path / name)


def complaint_of(path: Path) -> str:
    """What is said of a file that cannot be read, whole or streamed."""
    said = set()
    for use in (read_audio, lambda path: list(stream_audio(path))):
        with pytest.raises(AudioError) as raised:
            use(path)
        said.add(str(raised.value).removeprefix(f"{path}: "))
    assert len(said) == 1
    assert "\n" not in min(said)
    return said.pop()


def test_no_file_a_folder_and_no_samples(tmp_path):
    assert "no such file" in complaint_of(tmp_path / "absent.wav")
    assert "not a file" in complaint_of(tmp_path)
    soundfile.write(tmp_path / "zero.wav", np.zeros(0, np.float32), SAMPLE_RATE)
    assert "holds no samples" in complaint_of(tmp_path / "zero.wav")


def test_a_wrong_size_of_what_follows_the_data_loses_nothing(tmp_path, wav):
    sound = wav.read_bytes()
    (tmp_path / "remark.wav").write_bytes(sound + b"LIST" + (65_535).to_bytes(4, "little") + b"abcd")
    assert np.array_equal(read_audio(tmp_path / "remark.wav"), read_audio(wav))


def test_a_recording_whose_header_was_never_finished_is_told_from_an_empty_one(tmp_path, wav):
    sound = bytearray(wav.read_bytes())
    sound[40:44] = bytes(4)  # the size of the data
    (tmp_path / "stopped.wav").write_bytes(sound)
    assert "try infer.py - < FILE" in complaint_of(tmp_path / "stopped.wav")


@pytest.mark.parametrize("kept", [0.5, 0.9, 0.999])
@pytest.mark.parametrize(
    ("container", "kind"), [("WAV", "PCM_16"), ("WAV", "FLOAT"), ("FLAC", "PCM_16"), ("AIFF", "PCM_24")]
)
def test_a_truncated_file_is_told(tmp_path, container, kind, kept):
    path = tmp_path / f"cut.{container.lower()}"
    soundfile.write(path, sine(440, 1.0, 16_000), 16_000, format=container, subtype=kind)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * kept)])
    assert ("truncated" if container != "FLAC" else "damaged") in complaint_of(path)


def test_a_flac_file_damaged_in_the_middle_is_told(tmp_path):
    path = tmp_path / "damaged.flac"
    soundfile.write(path, np.random.default_rng(0).uniform(-1, 1, 40_000), 16_000)
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 2000] = bytes(2000)
    path.write_bytes(content)
    assert "damaged" in complaint_of(path)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_samples_that_are_no_numbers_are_told(tmp_path, bad):
    audio = sine(440, 2.0, SAMPLE_RATE)
    audio[12_345] = bad
    soundfile.write(tmp_path / "bad.wav", audio, SAMPLE_RATE, subtype="FLOAT")
    assert "not numbers" in complaint_of(tmp_path / "bad.wav")


@pytest.mark.parametrize("rate", [4_000, 7_999, 192_001, 384_000])
def test_rates_that_no_microphone_has_are_told(tmp_path, rate):
    soundfile.write(tmp_path / "odd.wav", sine(100, 0.1, rate), rate)
    assert f"sample rate {rate} Hz is outside" in complaint_of(tmp_path / "odd.wav")


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0x7FFFF000])
def test_a_wav_from_a_pipe_whose_header_says_a_lot_is_read(wav, size):
    """espeak-ng, sox and arecord write such headers, since a pipe cannot be written again."""
    whole, content = read_audio(wav), bytearray(wav.read_bytes())
    at = content.index(b"data") + 4
    content[at : at + 4] = struct.pack("<I", size)
    content[4:8] = struct.pack("<I", min(size + 36, 0xFFFFFFFF))
    wav.write_bytes(content)
    np.testing.assert_array_equal(read_audio(wav), whole)


@pytest.mark.parametrize("surplus", [8, 1, -2])
def test_a_container_whose_size_is_a_little_wrong_is_read(wav, tmp_path, surplus):
    """A regression: the samples are what counts, and all of them are there."""
    content = bytearray(wav.read_bytes())
    content[4:8] = (len(content) - 8 + surplus).to_bytes(4, "little")
    (tmp_path / "odd.wav").write_bytes(content)
    assert len(read_audio(tmp_path / "odd.wav")) == SAMPLE_RATE


def test_a_flac_from_a_pipe_says_what_to_do(tmp_path):
    path = tmp_path / "piped.flac"
    soundfile.write(path, sine(440, 1.0, 16_000), 16_000)
    content = bytearray(path.read_bytes())
    content[21] &= 0xF0  # the number of samples: 36 bits of the first metadata block
    content[22:26] = bytes(4)
    path.write_bytes(content)
    assert "does not say how long it is" in complaint_of(path)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_damaged_file_gives_sound_or_one_line_and_nothing_else(tmp_path, data):
    path = tmp_path / data.draw(st.sampled_from(["a.wav", "a.flac", "a.ogg", "a.mp3"]))
    if not path.exists():
        soundfile.write(path, sine(440, 0.3, 16_000), 16_000)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    damaged = tmp_path / f"damaged{path.suffix}"
    damaged.write_bytes(content)
    try:
        audio = read_audio(damaged)
    except AudioError as error:
        assert "\n" not in str(error)
    else:
        assert audio.dtype == np.float32
        assert np.isfinite(audio).all()


def hour_long(path: Path, rate: int, channels: int) -> None:
    """A whole WAV file of an hour of silence that takes no room on the disk."""
    size = 3600 * rate * channels * 2
    head = struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF",
        size + 36,
        b"WAVE",
        b"fmt ",
        16,
        1,
        channels,
        rate,
        rate * channels * 2,
        channels * 2,
        16,
        b"data",
        size,
    )
    path.write_bytes(head)
    os.truncate(path, len(head) + size)


def test_an_hour_is_streamed_in_bounded_memory_and_not_read_whole(tmp_path):
    hour_long(tmp_path / "hour.wav", 16_000, 2)
    fails_whole = pytest.raises(AudioError, match="longer than 10 minutes: cut it, or stream it")
    with fails_whole:
        read_audio(tmp_path / "hour.wav")
    measure = (
        "import sys\nfrom dwindle.infer.speech.sound_file import stream_audio\n"
        "print(sum(len(block) for block in stream_audio(sys.argv[1])), 'torch' in sys.modules,"
        " next(int(line.split()[1]) // 1024 for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", measure, tmp_path / "hour.wav"], capture_output=True, text=True, check=True, timeout=120
    )
    samples, torch_loaded, resident_mb = done.stdout.split()
    assert abs(int(samples) - 3600 * SAMPLE_RATE) <= 1
    assert torch_loaded == "False"
    assert int(resident_mb) < MOST_RESIDENT_MB


def test_floats_scaled_like_integers_are_told(tmp_path):
    """A regression: they were clipped to a square wave, in which no word was known."""
    soundfile.write(tmp_path / "integer.wav", 20_000 * sine(440, 1.0, 16_000), 16_000, subtype="FLOAT")
    assert complaint_of(tmp_path / "integer.wav").startswith("float samples of up to 10,000, where full scale is 1")


def test_a_channel_of_inverted_polarity_does_not_cancel_the_other(tmp_path):
    """A regression: the mean of such channels is silence."""
    tone = sine(440, 2.5, 16_000)
    soundfile.write(tmp_path / "inverted.wav", np.stack([tone, -tone], axis=1), 16_000)
    soundfile.write(tmp_path / "mono.wav", tone, 16_000)
    np.testing.assert_array_equal(read_audio(tmp_path / "inverted.wav"), read_audio(tmp_path / "mono.wav"))
    soundfile.write(tmp_path / "one_silent.wav", np.stack([tone, 0 * tone], axis=1), 16_000)
    np.testing.assert_allclose(
        read_audio(tmp_path / "one_silent.wav"), 0.5 * read_audio(tmp_path / "mono.wav"), atol=1e-3
    )
