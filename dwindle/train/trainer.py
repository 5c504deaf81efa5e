"""Training: one loop for teacher and student, on one process or many, that can be killed and resumed at any moment."""

from dwindle.errors import UserError

import hashlib
import json
import math
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel
from tqdm import tqdm

from dwindle.checkpoint import save_tensors
from dwindle.engine import Reader
from dwindle.files import written_whole
from dwindle.train.distillation import KnowledgeDistillationLoss

STATE_FORMAT = "dwindle-training-1"
GRADIENT_NORM = 5.0  # clipped above
EPOCH_SEED_STEP = 7_919  # a prime, so that neighbouring seeds share no epoch


@dataclass(frozen=True)
class Recipe:
    """How to train; two runs of one recipe on one machine give one model."""

    epochs: int
    batch_size: int = 128
    learning_rate: float = 3e-3
    weight_decay: float = 0.02
    warm_up_share: float = 0.1
    averaging: float = 0.995  # of the weights that are judged and kept, per step
    patience: int = 0  # epochs without a better validation score; 0: never stop early
    stop_accuracy: float | None = None
    seed: int = 0


class Trainer:
    """Trains one model of one task; everything it needs to go on after a kill is in one file."""

    def __init__(
        self,
        task: Any,  # answers training_batches, augment, judge and validate, as tasks do
        model: nn.Module,
        recipe: Recipe,
        loss: KnowledgeDistillationLoss,
        accelerator: Accelerator,
        teacher: nn.Module | None = None,
        parent: nn.Module | None = None,  # that the model was made from, and should go on answering like
        name: str = "model",
        state_path: Path | None = None,
        log_path: Path | None = None,
    ) -> None:
        # the sampler adds the number of the epoch to this one
        torch.manual_seed(recipe.seed * 1_000 * EPOCH_SEED_STEP)
        self.task, self.recipe, self.loss, self.accelerator = task, recipe, loss, accelerator
        self.name, self.state_path, self.log_path = name, state_path, log_path
        with accelerator.local_main_process_first():  # the others find the recordings decoded
            batches = task.training_batches(recipe.batch_size)
        if len(batches) == 0:
            raise UserError(f"fewer training examples than one batch of {recipe.batch_size}: lower --batch_size")
        optimizer = torch.optim.AdamW(_decayed_apart(model, recipe.weight_decay), lr=recipe.learning_rate, fused=True)
        self.model, self.optimizer, self.batches = accelerator.prepare(model, optimizer, batches)
        self.teacher = None if teacher is None else accelerator.prepare_model(teacher, evaluation_mode=True).eval()
        self.parent = None if parent is None else accelerator.prepare_model(parent, evaluation_mode=True).eval()
        self.average = AveragedModel(self.plain, multi_avg_fn=_moving_average(recipe.averaging))
        # what a saved state must agree with to be continued
        self.conditions = {**asdict(recipe), "task": task.name, "training data": task.training_data()}
        self.conditions |= {"starting weights": fingerprint(model), "teacher": None}
        self.conditions |= {"parent": fingerprint(parent)} if parent is not None else {}
        if teacher is not None:
            self.conditions |= {"teacher": fingerprint(teacher), "temperature": loss.temperature, "alpha": loss.alpha}
        self.epoch, self.best_accuracy, self.best_epoch, self.last_gain = 0, -1.0, 0, 0
        self.best_weights: dict[str, Tensor] = {}

    @property
    def plain(self) -> nn.Module:
        """The model without what Accelerate put around it."""
        return self.accelerator.unwrap_model(self.model)

    def train(self) -> dict[str, Any]:
        """Train to the end (or to where patience ends); of the epochs within chance of the best, the last is kept."""
        started, first = time.monotonic(), self.epoch
        while self.epoch < self.recipe.epochs and not self._satisfied():
            row = self._one_epoch()
            spent = time.monotonic() - started
            row["seconds_left"] = round(spent / (self.epoch - first) * (self.recipe.epochs - self.epoch))
            if self.accelerator.is_main_process:
                self._report(row)
                self._save_state()
            self.accelerator.wait_for_everyone()
        self.plain.load_state_dict(self.best_weights)
        kept = self.task.validate(reader(self.plain, self.accelerator.device))
        return {"validation_accuracy": kept.share, "best_epoch": self.best_epoch, "epochs": self.epoch}

    def _one_epoch(self) -> dict[str, Any]:
        rank = self.accelerator.process_index
        torch.manual_seed((self.recipe.seed * 1_000 + self.epoch) * EPOCH_SEED_STEP + rank)
        self.batches.set_epoch(self.epoch)
        started, losses, clips = time.monotonic(), [], 0
        self.model.train()
        quiet = not self.accelerator.is_main_process or not sys.stderr.isatty()
        label = f"{self.name} {self.epoch + 1}/{self.recipe.epochs}"
        for step, batch in enumerate(tqdm(self.batches, desc=label, unit="batch", leave=False, disable=quiet)):
            self._set_learning_rate((self.epoch + step / len(self.batches)) / self.recipe.epochs)
            losses.append(self._one_step(batch))
            clips += self.recipe.batch_size  # of all processes together
        mean_loss = float(self.accelerator.reduce(torch.stack(losses).mean(), reduction="mean"))
        self.epoch += 1
        self._agree_on_statistics()
        if not all(tensor.isfinite().all() for tensor in self.average.module.state_dict().values()):
            raise self._diverged()
        score = self.task.validate(reader(self.average.module, self.accelerator.device))
        if score.share > self.best_accuracy:
            self.best_accuracy, self.last_gain = score.share, self.epoch
        chance = math.sqrt(score.share * (1 - score.share) / score.count)
        if score.share >= self.best_accuracy - chance:  # of equals the later: it has learnt more than is validated
            self.best_epoch = self.epoch
            self.best_weights = {name: tensor.clone() for name, tensor in self.average.module.state_dict().items()}
        seconds = time.monotonic() - started
        return {
            "name": self.name,
            "epoch": self.epoch,
            "loss": round(mean_loss, 5),
            "validation": score.as_row(),
            "learning_rate": self.optimizer.param_groups[0]["lr"],
            "seconds": round(seconds, 2),
            "clips_per_second": round(clips / seconds),
        }

    def _one_step(self, batch: dict[str, Tensor]) -> Tensor:
        batch = self.task.augment(batch)
        with self.accelerator.autocast():
            judged = self.task.judge(self.model, batch, own_loss=True, parent=self.parent)
            doubts = None
            if self.teacher is not None:
                with torch.no_grad():
                    doubts = self.task.judge(self.teacher, batch, own_loss=False).logits.float()
            loss = self.loss(judged.logits.float(), doubts, judged.targets)
            total = loss if judged.own_loss is None else loss + judged.own_loss
        if not math.isfinite(float(total.detach())):
            raise self._diverged()
        self.accelerator.backward(total)
        self.accelerator.clip_grad_norm_(self.model.parameters(), GRADIENT_NORM)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.average.update_parameters(self.plain)
        return loss.detach()

    def _diverged(self) -> UserError:
        precision = self.accelerator.mixed_precision
        other_cure = "" if precision == "no" else f", or go on in another precision than {precision}: --resume"
        return UserError(
            f"the {self.name}'s loss is no longer a number in epoch {self.epoch + 1}, at a learning rate of up to "
            f"{self.recipe.learning_rate:g}: start again with a lower --lr{other_cure}"
        )

    def _agree_on_statistics(self) -> None:
        """Each process normalised its own clips: keep the mean, so that all of them judge the same model."""
        for buffer in self.average.module.buffers():
            if buffer.is_floating_point():
                buffer.copy_(self.accelerator.reduce(buffer, reduction="mean"))

    def _set_learning_rate(self, progress: float) -> None:
        """Linear warm-up, then half a cosine down to nothing."""
        warm_up = self.recipe.warm_up_share
        rising = progress / warm_up if warm_up else 1.0
        falling = 0.5 * (1 + math.cos(math.pi * max(0.0, progress - warm_up) / (1 - warm_up)))
        for group in self.optimizer.param_groups:
            group["lr"] = self.recipe.learning_rate * min(rising, falling)

    def _satisfied(self) -> bool:
        target, patience = self.recipe.stop_accuracy, self.recipe.patience
        if target is not None and self.best_accuracy >= target:
            return True
        return patience > 0 and self.epoch - self.last_gain >= patience

    def _report(self, row: dict[str, Any]) -> None:
        accuracy, left = row["validation"]["share"], row["seconds_left"]
        print(
            f"{self.name:>8} epoch {row['epoch']:>3}/{self.recipe.epochs}  loss {row['loss']:.4f}  "
            f"validation {100 * accuracy:6.2f}% (best {100 * self.best_accuracy:.2f}%)  "
            f"{row['clips_per_second']:>5} clips/s  {left // 60:>3}:{left % 60:02d} left",
            flush=True,
        )
        self.accelerator.log({f"{self.name}/loss": row["loss"], f"{self.name}/validation": accuracy}, step=self.epoch)
        if self.log_path:
            self.log_path.parent.mkdir(parents=True, exist_ok=True)
            with open(self.log_path, "a", encoding="utf-8") as log:
                log.write(json.dumps(row) + "\n")

    def _save_state(self) -> None:
        if self.state_path is None:
            return
        state = {
            "format": STATE_FORMAT,
            "conditions": self.conditions,
            "name": self.name,
            "model": self.plain.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "progress": [self.epoch, self.best_accuracy, self.best_epoch, self.last_gain],
            "best_weights": self.best_weights,
        }
        save_tensors(self.state_path, state)

    def resume(self, state: dict[str, Any]) -> None:
        """Go on from a state that an earlier run of the same recipe saved."""
        if not isinstance(state, dict) or state.get("format") != STATE_FORMAT:
            raise UserError(f"{self.state_path}: not a training state: remove it, or start without --resume")
        saved = state.get("conditions", {})
        for condition in saved | self.conditions:
            then, now = saved.get(condition), self.conditions.get(condition)
            if then != now:
                raise UserError(
                    f"{self.state_path}: was trained with {condition} {then}, not {now}: "
                    "repeat the command as it was, or start anew without --resume"
                )
        try:
            self.plain.load_state_dict(state["model"])
            self.average.load_state_dict(state["average"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.epoch, self.best_accuracy, self.best_epoch, self.last_gain = state["progress"]
            self.best_weights = state["best_weights"]
        except (RuntimeError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise UserError(
                f"{self.state_path}: of another network: repeat the command as it was, or start anew without --resume"
            ) from error
        if self.log_path and self.log_path.is_file() and self.accelerator.is_main_process:
            lines = self.log_path.read_text(encoding="utf-8").splitlines(keepends=True)
            with written_whole(self.log_path) as temporary:  # an epoch is logged before its state is saved
                temporary.write_text("".join(lines[: self.epoch]), encoding="utf-8")


def reader(model: nn.Module, device: torch.device | str = "cpu") -> Reader:
    """A function from inputs to logits, the way every engine is judged."""

    def read(inputs: Tensor) -> Tensor:
        model.eval()
        with torch.inference_mode():
            outputs = model(inputs.to(device))
        return (outputs[0] if isinstance(outputs, tuple) else outputs).float().cpu()

    return read


def fingerprint(network: nn.Module) -> str:
    """The same for the same weights, and for no others."""
    digest = hashlib.sha256()
    for name, tensor in network.state_dict().items():
        digest.update(f"{name} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:12]


def _moving_average(decay: float) -> Callable[[list[Tensor], list[Tensor], Tensor], None]:
    """An average that forgets by `decay` a step, and faster at first: a short run must not keep where it began."""

    @torch.no_grad()
    def update(averaged: list[Tensor], current: list[Tensor], count: Tensor) -> None:
        steps = float(count)
        torch._foreach_lerp_(averaged, current, 1 - min(decay, (1 + steps) / (10 + steps)))

    return update


def _decayed_apart(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Matrices decay; biases and normalisation do not."""
    matrices = [parameter for parameter in model.parameters() if parameter.ndim > 1]
    others = [parameter for parameter in model.parameters() if parameter.ndim <= 1]
    return [{"params": matrices, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
