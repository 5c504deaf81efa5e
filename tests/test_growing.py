"""A grown network answers as the narrow one did, and all of it learns."""

import torch

from dwindle.tasks.speech.network import SpeechNet
from dwindle.train.growing import grown


def test_a_grown_network_answers_as_before_and_its_new_channels_learn():
    torch.manual_seed(0)
    narrow, wide = SpeechNet(11, channels=24).eval(), SpeechNet(11, channels=40).eval()
    audio = 0.1 * torch.randn(2, 8000)
    narrow.train()(audio)  # its normalisation has seen something
    narrow.eval()
    before = [tensor.clone() for tensor in wide.state_dict().values()]
    wide.load_state_dict(grown(narrow.state_dict(), wide.state_dict()))
    for theirs, own in zip(narrow(audio)[:2], wide(audio)[:2], strict=True):
        torch.testing.assert_close(own, theirs, atol=1e-4, rtol=1e-4)
    assert any((tensor != old).any() for tensor, old in zip(wide.state_dict().values(), before, strict=True))
    logits, frames, _ = wide(audio)
    (logits.square().sum() + frames.square().sum()).backward()
    assert wide.word.weight.grad[:, 24:].abs().sum() > 0  # pyright: ignore[reportOptionalSubscript]


def test_what_is_not_wider_stays_as_it_is():
    kept = torch.ones(11, 24)
    assert grown({"word": kept, "old": kept}, {"word": torch.zeros(5, 40)})["word"] is kept
