"""The network: its shapes, its size, and that it hears a clip the same alone, in a batch, and at any level."""

import pytest
import torch

from dwindle.infer.speech import WINDOW_SAMPLES
from dwindle.tasks.speech.network import SpeechNet
from dwindle.tasks.speech.words import STUDENT, TEACHER

MOST_STUDENT_PARAMETERS = 85_000


def parameters(network: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def trained_a_little() -> SpeechNet:
    """Random weights with settled statistics."""
    torch.manual_seed(0)
    network = SpeechNet(11, **STUDENT)
    with torch.no_grad():
        for _ in range(5):
            network(0.1 * torch.randn(8, WINDOW_SAMPLES))
    return network.eval()


def test_the_sizes_that_are_promised():
    assert parameters(SpeechNet(11, **STUDENT)) <= MOST_STUDENT_PARAMETERS
    assert parameters(SpeechNet(11, **{**STUDENT, "channels": 28})) < 20_000
    assert parameters(SpeechNet(11, **TEACHER)) > 8 * parameters(SpeechNet(11, **STUDENT))


@pytest.mark.parametrize("samples", [2_000, 8_000, 18_000, 8_123])
def test_two_readings_and_an_embedding_of_any_batch_and_length(samples):
    network = SpeechNet(5, channels=16, stem_channels=8, blocks=1).eval()
    logits, frames, embedding = network(torch.randn(3, samples))
    assert embedding.shape == (3, 16)
    torch.testing.assert_close(network.word(embedding[..., None, None]).flatten(1), logits)
    assert logits.shape == (3, 5)
    assert frames.shape[0] == 3
    assert frames.shape[2] == 6
    assert frames.shape[1] == samples // 256  # a frame every 32 ms


def test_a_clip_is_heard_the_same_alone_in_a_batch_and_at_another_level():
    network, audio = trained_a_little(), 0.1 * torch.randn(4, WINDOW_SAMPLES)
    with torch.no_grad():
        batch = network(audio)
        for n in range(4):
            for mine, theirs in zip(network(audio[n : n + 1]), batch, strict=True):
                torch.testing.assert_close(mine, theirs[n : n + 1], atol=1e-4, rtol=1e-3)
        torch.testing.assert_close(network(audio * 0.2)[0], batch[0], atol=0.02, rtol=0.02)


def test_every_weight_learns_from_both_readings():
    network = SpeechNet(3, channels=8, stem_channels=4, blocks=1)
    logits, frames, _ = network(torch.randn(4, WINDOW_SAMPLES))
    (logits.square().sum() + frames.square().sum()).backward()
    still = [name for name, parameter in network.named_parameters() if not parameter.grad.abs().sum() > 0]
    assert set(still) <= {"attention.bias"}  # it moves every moment alike


def test_half_precision_leaves_the_front_end_in_full():
    network, loud = trained_a_little(), torch.sign(torch.sin(torch.arange(WINDOW_SAMPLES) * 0.1))[None]
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        assert network.front_end(loud).isfinite().all()
        halved = network(loud)[0]
    assert halved.dtype == torch.bfloat16
    with torch.no_grad():
        torch.testing.assert_close(halved.float(), network(loud)[0], atol=0.1, rtol=0.1)
