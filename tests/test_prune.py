"""Pruning: zeros counted, masks kept and removed, channels really gone, and nothing lost when it is interrupted."""

import copy
from typing import ClassVar

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from dwindle.compress.compare import Version
from dwindle.compress.prune import hold_zeros, prune_in_steps, sparsity, without_masks
from dwindle.compress.prune_channels import narrowed, without_channels
from dwindle.compress.workshop import Workshop
from dwindle.errors import UsageError, UserError
from dwindle.export.measure import learnt_multiply_adds, nonzeros, parameters
from dwindle.task import PlainTask
from dwindle.tasks.speech.network import SpeechNet
from dwindle.train.accelerator import start_accelerator
from dwindle.train.distillation import KnowledgeDistillationLoss
from prune_and_quantize import MagnitudePruner


def small_network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 36, 10))


def trained(model: nn.Module, steps: int = 3) -> nn.Module:
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.05)
    for _ in range(steps):
        optimizer.zero_grad()
        model(torch.randn(4, 1, 8, 8)).square().mean().backward()
        optimizer.step()
    return model


@given(target=st.floats(0.01, 0.99), steps=st.integers(1, 9))
def test_every_step_reaches_its_share_of_zeros(target, steps):
    model = small_network()
    pruner = MagnitudePruner(model, target, steps)
    count = sum(getattr(layer, name).numel() for layer, name in pruner.matrices)
    for step in range(1, steps + 1):
        assert pruner.step() == pytest.approx(target * step / steps, abs=1 / count)
    assert sparsity(pruner.remove()) == pytest.approx(target, abs=1 / count)


def test_the_smallest_weights_of_the_whole_network_go_first():
    model = small_network()
    before = torch.cat([layer.weight.detach().flatten() for layer in (model[0], model[3])])
    MagnitudePruner(model, 0.5, 1).step()
    after = torch.cat([layer.weight.detach().flatten() for layer in (model[0], model[3])])
    assert before[after == 0].abs().max() <= before[after != 0].abs().min()


class Pictures(PlainTask):
    """What a workshop asks of a task when nothing is trained."""

    name = "pictures"
    inputs: ClassVar = {"image": {0: "batch"}}
    outputs: ClassVar = {"logits": {0: "batch"}}

    def example_inputs(self):
        return {"image": torch.zeros(1, 1, 8, 8)}

    def training_data(self):
        return "none"


class Untrained(Workshop):
    """A workshop whose fine-tuning only notes that it was asked for, and may be stopped."""

    def fine_tune(self, network: nn.Module, name: str, epochs: int, rate_share: float = 1.0) -> None:
        trained = self.folder / "trained"
        earlier = trained.read_text() if trained.is_file() else ""
        if earlier.count("\n") == 3:
            raise KeyboardInterrupt
        trained.write_text(f"{earlier}{name}\n")


def test_a_resumed_sweep_still_has_every_level(tmp_path):
    """Levels from before the stop had no row in the results."""
    rest = {"loss": KnowledgeDistillationLoss(), "accelerator": start_accelerator("cpu", 1), "batch_size": 1, "seed": 0}
    levels: list[Version] = []

    def sweep(resume: bool, rate: float = 0.1, **helpers: nn.Module) -> None:
        shared = {"teacher": None, "parent": None, "resume": resume, "learning_rate": rate, **rest, **helpers}
        workshop = Untrained(Pictures(), tmp_path, **shared)
        levels.clear()
        (tmp_path / "trained").unlink(missing_ok=True)
        prune_in_steps(small_network(), workshop, "sweep", 0.8, [1] * 4, at_each_step=levels.append)

    with pytest.raises(KeyboardInterrupt):
        sweep(resume=False)
    assert [level.name for level in levels] == ["sweep_20", "sweep_40", "sweep_60"]
    for otherwise in ({"rate": 0.2}, {"teacher": small_network()}, {"parent": small_network()}):
        with pytest.raises(UserError, match=r"was pruned with another (learning rate|teacher|parent)"):
            sweep(resume=True, **otherwise)
    sweep(resume=True)
    assert (tmp_path / "trained").read_text() == "sweep-4\n"
    assert [level.name for level in levels] == ["sweep_20", "sweep_40", "sweep_60", "sweep_80"]
    assert [level.nonzeros for level in levels] == sorted((level.nonzeros for level in levels), reverse=True)


def test_training_does_not_bring_zeros_back_and_removal_leaves_a_plain_model():
    model = small_network()
    names = set(model.state_dict())
    pruner = MagnitudePruner(model, 0.5, 2)
    pruner.step()
    trained(model)
    pruner.step()
    trained(copy.deepcopy(model))  # a masked model can be copied, also after a step
    assert pruner.sparsity == pytest.approx(0.5, abs=0.01)
    pruner.remove()
    assert set(model.state_dict()) == names
    assert nonzeros(model) == parameters(model) - sum(int((w == 0).sum()) for w in model.parameters())
    assert sparsity(model) == pytest.approx(0.5, abs=0.01)


def test_zeros_can_be_held_through_a_later_training():
    model = small_network()
    pruner = MagnitudePruner(model, 0.3, 1)
    pruner.step()
    zero = pruner.remove()[3].weight == 0
    hold_zeros(model)
    trained(model)
    assert (without_masks(model)[3].weight[zero] == 0).all()


@pytest.mark.parametrize("target", [-0.1, 1.0, 1.5, float("nan")])
def test_a_sparsity_that_is_none_is_refused(target):
    with pytest.raises(UsageError, match="from 0 to less than 1"):
        MagnitudePruner(small_network(), target)


def test_what_cannot_be_pruned_is_refused_in_one_line():
    with pytest.raises(UserError, match="no layer with weights"):
        MagnitudePruner(nn.ReLU())
    model = small_network()
    pruner = MagnitudePruner(model, 0.5, 1)
    with pytest.raises(UserError, match="masks already"):
        MagnitudePruner(model, 0.5, 1)
    pruner.step()
    with pytest.raises(UserError, match="already 50%"):
        MagnitudePruner(pruner.remove(), 0.6, 1)
    with pytest.raises(UsageError, match="at least one step"):
        MagnitudePruner(small_network(), 0.5, 0)


def test_narrowing_takes_at_least_the_share_and_keeps_whole_blocks():
    arguments = {"classes": 11, "channels": 80, "stem_channels": 16, "blocks": 4}
    assert narrowed(arguments, 0.3) == {"classes": 11, "channels": 56, "stem_channels": 8, "blocks": 4}
    assert narrowed(arguments, 0.999)["channels"] == 2
    with pytest.raises(UsageError):
        narrowed(arguments, 1.0)
    with pytest.raises(UserError, match="cannot be narrowed"):
        narrowed({"layers": 3}, 0.3)


def test_channels_that_carry_nothing_are_the_ones_that_go():
    """Where the channels to be removed are silent, the narrow network answers exactly as the wide one."""
    torch.manual_seed(0)
    wide = SpeechNet(classes=4, channels=16, stem_channels=8, blocks=2).eval()
    silent = slice(8, 16)
    with torch.no_grad():
        for name, module in wide.named_modules():
            if isinstance(module, nn.BatchNorm2d) and module.affine:
                module.running_mean.uniform_(-0.1, 0.1)
            if isinstance(module, nn.BatchNorm2d) and module.affine and not name.startswith("stem"):
                module.weight[silent] = module.bias[silent] = 0
                module.running_mean[silent] = 0
            if isinstance(module, nn.Conv2d) and not name.startswith("stem"):
                if len(module.weight) == 16:
                    module.weight[silent] = 0
                if module.in_channels == 16 and module.groups == 1:
                    module.weight[:, silent] = 0
    narrow = SpeechNet(classes=4, channels=8, stem_channels=8, blocks=2)
    cut = without_channels(wide, narrow, {"audio": torch.zeros(1, 8000)}).eval()
    audio = torch.randn(2, 8000)
    for ours, theirs in zip(cut(audio)[:2], wide(audio)[:2], strict=True):  # the embedding is what became narrower
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-4)
    assert parameters(cut) < parameters(wide)


def test_a_network_cut_by_the_default_share_does_half_the_work():
    wide = SpeechNet(classes=11)
    narrow = SpeechNet(**narrowed({"classes": 11, "channels": 80, "stem_channels": 16, "blocks": 4}, 0.3))
    cut = without_channels(wide, narrow, {"audio": torch.zeros(1, 8000)})
    work = [learnt_multiply_adds(model, {"audio": torch.zeros(1, 8000)}) for model in (wide, cut)]
    assert work[0] / work[1] >= 2
    assert all(layer.weight.abs().sum() > 0 for layer in cut.modules() if isinstance(layer, nn.Conv2d))
