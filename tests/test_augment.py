"""Augmentation: each change does what its name says, as strongly as was asked, and the same for the same seed."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dwindle.infer.speech import SAMPLE_RATE
from dwindle.tasks.speech.augment import SPEED_PERCENT, SpecAugment, Strength, WaveAugment, mixed_at

NOTHING = dict.fromkeys(("speed", "reverberation", "band", "noise", "babble", "clipping", "telephone", "hum"), 0.0)


@pytest.fixture(scope="module")
def noises() -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    return [(3000 * rng.standard_normal(2 * SAMPLE_RATE)).astype(np.int16)]


def only(noises, **strength) -> WaveAugment:
    return WaveAugment(noises, Strength(**{**NOTHING, **strength}))


def tones(count: int = 8, samples: int = SAMPLE_RATE, hz: float = 500.0) -> torch.Tensor:
    time_s = torch.arange(samples) / SAMPLE_RATE
    one = 0.5 * torch.sin(2 * torch.pi * hz * time_s) * ((time_s > 0.3) & (time_s < 0.7))
    return one.repeat(count, 1)


def dominant_hz(audio: torch.Tensor) -> torch.Tensor:
    return torch.fft.rfft(audio).abs().argmax(1) * SAMPLE_RATE / audio.shape[1]


def power_db(audio: torch.Tensor) -> torch.Tensor:
    return 10 * torch.log10(audio.square().mean(1))


@settings(max_examples=12)
@given(count=st.integers(1, 40), samples=st.integers(4_000, 18_000), seed=st.integers(0, 2**31))
def test_shape_stays_all_is_finite_the_input_is_untouched_and_the_seed_decides(count, samples, seed):
    augment = WaveAugment([])
    audio = tones(count, samples)
    before = audio.clone()
    torch.manual_seed(seed)
    first = augment(audio)
    torch.manual_seed(seed)
    again = augment(audio)
    assert first.shape == audio.shape
    assert first.dtype == torch.float32
    assert first.isfinite().all()
    assert torch.equal(first, again)
    assert torch.equal(audio, before)


def test_another_seed_changes_other_clips_and_nothing_asked_changes_nothing(noises):
    augment = WaveAugment(noises)
    torch.manual_seed(1)
    first = augment(tones())
    torch.manual_seed(2)
    assert not torch.equal(first, augment(tones()))
    torch.testing.assert_close(only(noises)(tones()), tones())


def test_silence_survives(noises):
    torch.manual_seed(0)
    strong = WaveAugment(noises, Strength(**dict.fromkeys(NOTHING, 1.0)))
    changed = strong(torch.zeros(16, SAMPLE_RATE))
    assert changed.isfinite().all()
    assert changed.square().mean(1).sqrt().max() < 0.05  # background noise, and nobody shouts


def test_hum_is_as_strong_as_was_asked_and_stays_below_the_voice(noises):
    torch.manual_seed(0)
    clean = tones(40)
    hum = only(noises, hum=1.0, hum_snr_db=(-10.0, -10.0))(clean) - clean
    loud = clean.square().sum(1) / (clean.abs() > 0.02 * 0.5).sum(1)
    torch.testing.assert_close(power_db(hum), 10 * loud.log10() + 10, atol=1.0, rtol=0)
    power = torch.fft.rfft(hum).abs().square().mean(0)
    hz = torch.linspace(0, SAMPLE_RATE / 2, len(power))
    assert power[hz < 400].sum() > 0.99 * power.sum()


def test_speed_moves_pitch_by_the_drawn_percentages_only(noises):
    torch.manual_seed(0)
    changed = only(noises, speed=1.0)(tones(200))
    heard = dominant_hz(changed)
    expected = torch.tensor([5.0 * percent for percent in SPEED_PERCENT])
    nearest = (heard[:, None] - expected).abs().min(dim=1)
    assert nearest.values.max() < 5
    assert 2 <= len(set(nearest.indices.tolist())) <= 4  # four draws a batch


@pytest.mark.parametrize("share", [0.25, 0.7, 1.0])
@pytest.mark.parametrize("kind", sorted(NOTHING))
def test_each_kind_changes_the_share_of_clips_that_was_asked_for(noises, kind, share):
    torch.manual_seed(3)
    audio = tones(400) + 0.01 * torch.randn(400, SAMPLE_RATE)
    changed = (only(noises, **{kind: share})(audio) - audio).abs().amax(1) > 1e-4
    assert changed.float().mean().item() == pytest.approx(share, abs=0.07)


@pytest.mark.parametrize("snr_db", [-5.0, 0.0, 10.0, 25.0])
def test_noise_is_mixed_at_the_ratio_that_was_asked_for(noises, snr_db):
    audio = tones(32)
    speech = audio.abs() > 0.02 * audio.abs().max()
    torch.manual_seed(0)
    added = only(noises, noise=1.0, noise_snr_db=(snr_db, snr_db))(audio) - audio
    signal_db = 10 * torch.log10((audio.square() * speech).sum(1) / speech.sum(1))
    torch.testing.assert_close(signal_db - power_db(added), torch.full((32,), snr_db), atol=0.2, rtol=0)


def test_noise_ratios_spread_over_the_range_and_each_clip_gets_other_noise(noises):
    torch.manual_seed(0)
    audio = tones(200)
    added = only(noises, noise=1.0, noise_snr_db=(0.0, 20.0))(audio) - audio
    levels_db = power_db(added)
    assert levels_db.max() - levels_db.min() == pytest.approx(20.0, abs=1.5)
    parts = torch.nn.functional.normalize(added, dim=1)
    assert (parts @ parts.T - torch.eye(200)).abs().max() < 0.9


def test_babble_is_made_of_the_other_clips(noises):
    torch.manual_seed(0)
    audio = torch.cat([tones(8, hz=500.0), tones(8, hz=1500.0)])
    added = only(noises, babble=1.0, babble_snr_db=(0.0, 0.0))(audio) - audio
    assert set(dominant_hz(added).round(decimals=-1).tolist()) <= {500.0, 1500.0}


def test_reverberation_leaves_a_tail_that_dies_away(noises):
    torch.manual_seed(0)
    audio = torch.zeros(64, SAMPLE_RATE)
    audio[:, 1000] = 1.0
    response = only(noises, reverberation=1.0)(audio)
    assert response[:, :1000].abs().max() < 1e-4  # no echo before the sound
    torch.testing.assert_close(response[:, 1000], torch.ones(64), atol=1e-3, rtol=0)
    early, late = response[:, 1001:2600].square().sum(1), response[:, 2600:4200].square().sum(1)
    assert (early > 1e-3).all()
    assert (late < early).all()
    assert len(response.unique(dim=0)) > 20  # many rooms


def test_band_limits_take_away_lows_or_highs_and_leave_the_middle(noises):
    torch.manual_seed(0)
    hiss = torch.randn(64, SAMPLE_RATE)
    change_db = 20 * torch.log10(
        torch.fft.rfft(only(noises, band=1.0)(hiss)).abs() / torch.fft.rfft(hiss).abs().clamp_min(1e-3)
    )
    bands_hz = (5, 15), (500, 560), (3900, 3990)
    lows, middle, highs = (change_db[:, slice(*band)].median(dim=1).values for band in bands_hz)
    assert lows.min() < -20
    assert highs.min() < -10
    assert middle.abs().max() < 5


def test_clipping_flattens_the_peaks(noises):
    torch.manual_seed(0)
    clipped = only(noises, clipping=1.0)(tones(64))
    peaks = clipped.abs().amax(1)
    assert peaks.max() <= 0.3 + 1e-6  # 0.6 of the peak at most
    assert peaks.min() >= 0.05 - 1e-6
    assert ((clipped.abs() >= peaks[:, None] * 0.999).float().mean(1) > 0.1).all()


def test_telephone_leaves_the_sound_and_adds_a_little_quantisation(noises):
    torch.manual_seed(0)
    audio = tones(64)
    error = only(noises, telephone=1.0)(audio) - audio
    speech_db, error_db = power_db(audio), power_db(error)
    assert ((speech_db - error_db > 15) & (speech_db - error_db < 60)).all()


@given(snr_db=st.floats(-10, 40), level=st.floats(1e-4, 1.0), noise_level=st.floats(1e-3, 1e4))
def test_mixing_holds_at_any_level(snr_db, level, noise_level):
    rng = torch.Generator().manual_seed(0)
    audio = level * torch.sign(torch.randn(2, 4000, generator=rng))
    noise = noise_level * torch.randn(2, 4000, generator=rng)
    added = mixed_at(audio, noise, torch.full((2,), snr_db)) - audio
    wanted = max(1e-6, level**2) / 10 ** (snr_db / 10)
    torch.testing.assert_close(added.square().mean(1), torch.full((2,), wanted), rtol=0.02, atol=level**2 * 1e-9)


def test_spec_augment_masks_bands_and_frames_of_each_clip_and_rests_outside_training():
    torch.manual_seed(0)
    picture = torch.randn(64, 40, 61) + 3.0
    mask = SpecAugment()
    changed = mask(picture)
    means = picture.mean(dim=(1, 2), keepdim=True).expand_as(picture)
    touched = changed != picture
    touched &= (changed - picture).abs() > 1e-5
    torch.testing.assert_close(changed[touched], means[touched], atol=1e-4, rtol=0)
    shares = touched.float().mean(dim=(1, 2))
    assert 0.05 < shares.mean() < 0.4
    assert len(shares.unique()) > 20  # another mask for each clip
    untouched_rows = ~touched.all(dim=2) & ~touched.all(dim=1, keepdim=True).any(dim=2)
    assert untouched_rows.any()
    assert torch.equal(mask.eval()(picture), picture)
