"""The reference for training speed: a plain loop that augments clip by clip in numpy, as a first version would.

It trains the same family of network at about 95,000 parameters on isolated clips alone: no strings, no rooms, no
telephone lines, no teacher. So it does less for each clip than Dwindle's own loop.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch.nn import functional

from dwindle.infer.speech import WINDOW_SAMPLES
from dwindle.tasks.speech.network import SpeechNet
from dwindle.tasks.speech.store import FULL_SCALE, ClipStore

SHAPE = {"channels": 88, "stem_channels": 16, "blocks": 4}  # 95 thousand parameters with eleven classes


def plain_epoch(
    store: ClipStore,
    noises: ClipStore,
    targets: np.ndarray,
    classes: int,
    batch_size: int,
    timed: Callable[[str, Callable], Callable],
) -> int:
    """One epoch; returns how many clips it saw. `timed` wraps each part in a stopwatch of that name."""
    rng = np.random.default_rng(0)
    model = SpeechNet(classes, **SHAPE).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    drawn, augment = timed("data", clip_and_noise), timed("augmentation", augmented)
    model.front_end.forward = timed("front end", model.front_end.forward)
    forward = timed("forward", lambda audio, wanted: functional.cross_entropy(model(audio)[0], wanted))
    backward = timed("backward", lambda loss: loss.backward())
    step = timed("optimiser", lambda: (optimizer.step(), optimizer.zero_grad()))
    order = rng.permutation(len(store))
    seen = 0
    for start in range(0, len(order) - batch_size + 1, batch_size):
        indices = order[start : start + batch_size]
        clips = [augment(*drawn(store, noises, index, rng), rng) for index in indices]
        backward(forward(torch.from_numpy(np.stack(clips)), torch.from_numpy(targets[indices])))
        step()
        seen += batch_size
    return seen


def clip_and_noise(
    store: ClipStore, noises: ClipStore, index: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """A clip of the store and something to add to it."""
    return store.whole(index), noises.whole(rng.integers(len(noises)))


def augmented(clip: np.ndarray, noise: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One clip at another speed, place and level, with noise at a drawn ratio."""
    clip = clip.astype(np.float32) / FULL_SCALE
    speed = rng.uniform(0.85, 1.15)
    clip = np.interp(np.arange(0, len(clip) - 1, speed), np.arange(len(clip)), clip).astype(np.float32)
    window = np.zeros(WINDOW_SAMPLES, np.float32)
    clip = clip[:WINDOW_SAMPLES]
    start = rng.integers(WINDOW_SAMPLES - len(clip) + 1)
    window[start : start + len(clip)] = clip * rng.uniform(0.5, 1.5)
    noise = np.resize(noise.astype(np.float32), WINDOW_SAMPLES)
    snr_db = rng.uniform(0, 25)
    noise_power = max(1e-9, float(np.mean(np.square(noise))))
    gain = np.sqrt(np.mean(np.square(window)) / noise_power * 10 ** (-snr_db / 10))
    return window + gain * noise
