"""Training: one loop for teacher and student, on one process or many, that can be killed and resumed at any moment."""

import json
import math
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast, broadcast_object_list
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel
from tqdm import tqdm

from dwindle.checkpoint import fingerprint, load_safely, save_tensors
from dwindle.engine import Engine, torch_engine
from dwindle.errors import UsageError, UserError, describe_os_error
from dwindle.files import written_whole
from dwindle.metrics import SHARE, Metric
from dwindle.task import Task
from dwindle.train.distillation import KnowledgeDistillationLoss
from dwindle.train.optimizers import optimizer_of
from dwindle.train.recipe import Recipe, moving_average

STATE_FORMAT = "dwindle-training-2"
GRADIENT_NORM = 5.0  # clipped above
EPOCH_SEED_STEP = 7_919  # a prime, so that neighbouring seeds share no epoch ...
STEP_SEED_STEP = 104_729  # ... and no stretch between two evaluations


class Trainer:
    """Trains one model of one task; everything it needs to go on after a kill is in one file."""

    def __init__(
        self,
        task: Task,
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
        with accelerator.local_main_process_first():  # the others find the data prepared
            batches = task.training_batches(recipe.batch_size)
        if len(batches) == 0:
            raise UserError(f"fewer training examples than one batch of {recipe.batch_size}: lower --batch_size")
        self.model, self.optimizer, self.batches = accelerator.prepare(model, optimizer_of(model, recipe), batches)
        self.teacher = None if teacher is None else accelerator.prepare_model(teacher, evaluation_mode=True).eval()
        self.parent = None if parent is None else accelerator.prepare_model(parent, evaluation_mode=True).eval()
        update: Any = moving_average(recipe.averaging)  # of lists of tensors, as torch calls it
        self.average = AveragedModel(self.plain, multi_avg_fn=update)
        # what a saved state must agree with to be continued
        self.conditions = {**asdict(recipe), "task": task.name, "training data": task.training_data()}
        self.conditions |= {"starting weights": fingerprint(model), "teacher": None}
        self.conditions |= {"parent": fingerprint(parent)} if parent is not None else {}
        if teacher is not None:
            self.conditions |= {"teacher": fingerprint(teacher), "temperature": loss.temperature, "alpha": loss.alpha}
        self.steps_per_epoch = len(self.batches)
        self.step = self.best_step = self.last_gain = self.evaluations = 0
        self.best: Metric | None = None
        self.best_weights: dict[str, Tensor] = {}

    @property
    def plain(self) -> nn.Module:
        """The model without what Accelerate put around it."""
        return self.accelerator.unwrap_model(self.model)

    @property
    def last_step(self) -> int:
        return self.recipe.epochs * self.steps_per_epoch

    def train(self) -> dict[str, Any]:
        """Train to the end (or to where patience ends); of the evaluations tied with the best, the last is kept."""
        self._check_target()
        started, first = time.monotonic(), self.step
        while self.step < self.last_step and not self._satisfied():
            row = self._until_next_evaluation()
            spent = time.monotonic() - started
            row["seconds_left"] = round(spent / (self.step - first) * (self.last_step - self.step))
            if self.accelerator.is_main_process:
                self._report(row)
                self._save_state()
            self.accelerator.wait_for_everyone()
        self.plain.load_state_dict(self.best_weights)
        kept = self._agreed(lambda: self.task.validate(self.engine(self.plain)))
        return {
            "validation": kept.as_row(),
            "best_epoch": math.ceil(self.best_step / self.steps_per_epoch),
            "epochs": math.ceil(self.step / self.steps_per_epoch),
        }

    def _check_target(self) -> None:
        if self.recipe.stop_accuracy is None:
            return
        unit = self._agreed(lambda: self.task.validate(self.engine(self.plain))).unit
        if unit != SHARE:
            raise UsageError(f"--stop_accuracy: {self.task.name} is judged in {unit}, not by accuracy: leave it out")

    def engine(self, model: nn.Module) -> Engine:
        """A model of this task as whatever judges it sees it."""
        return torch_engine(model.eval(), self.task.inputs, self.task.outputs, self.accelerator.device)

    def _until_next_evaluation(self) -> dict[str, Any]:
        """Train to the end of the epoch or for so many steps, whichever comes first, and evaluate."""
        epoch, done = divmod(self.step, self.steps_per_epoch)
        wanted = min(self.recipe.evaluate_every or self.steps_per_epoch, self.steps_per_epoch - done)
        # drawn anew at each evaluation: a run that goes on from here does what an uninterrupted one would have done
        rank, seed = self.accelerator.process_index, self.recipe.seed * 1_000 + epoch
        torch.manual_seed(seed * EPOCH_SEED_STEP + rank + done * STEP_SEED_STEP)
        self.batches.set_epoch(epoch)
        batches = self.accelerator.skip_first_batches(self.batches, done) if done else self.batches
        started, losses = time.monotonic(), []
        self.model.train()
        quiet = not self.accelerator.is_main_process or not sys.stderr.isatty()
        label = f"{self.name} {epoch + 1}/{self.recipe.epochs}"
        for batch in tqdm(islice(batches, wanted), label, wanted, unit="batch", leave=False, disable=quiet):
            for group in self.optimizer.param_groups:
                group["lr"] = self.recipe.rate_at(self.step / self.last_step)
            losses.append(self._one_step(batch))
            self.step += 1
        mean_loss = float(self._mean_of_all(torch.stack(losses).mean()))
        self._agree_on_statistics()
        if not all(tensor.isfinite().all() for tensor in self.average.module.state_dict().values()):
            raise self._diverged()
        score = self._agreed(lambda: self.task.validate(self.engine(self.average.module)))
        self.evaluations += 1
        if self.best is None or score.better_than(self.best):
            self.best, self.last_gain = score, self.step
        if score.better_than(self.best) or score.tied_with(self.best):  # the later of two: it has learnt for longer
            self.best_step = self.step
            self.best_weights = {name: tensor.clone() for name, tensor in self.average.module.state_dict().items()}
        seconds = time.monotonic() - started
        return {
            "name": self.name,
            "epoch": epoch + 1,
            "step": self.step,
            "loss": round(mean_loss, 5),
            "validation": score.as_row(),
            "learning_rate": self.optimizer.param_groups[0]["lr"],
            "seconds": round(seconds, 2),
            "examples_per_second": round(wanted * self.recipe.batch_size / seconds),  # of all processes together
        }

    def _one_step(self, batch: dict[str, Tensor]) -> Tensor:
        batch = self.task.augment(batch)
        with self.accelerator.autocast():
            loss = self.task.loss(self.model, batch, self.loss, self.teacher, self.parent)
        if not math.isfinite(float(loss.detach())):
            raise self._diverged()
        self.accelerator.backward(loss)
        self.accelerator.clip_grad_norm_(self.model.parameters(), GRADIENT_NORM)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.average.update_parameters(self.plain)
        return loss.detach()

    def _diverged(self) -> UserError:
        precision = self.accelerator.mixed_precision
        other_cure = "" if precision == "no" else f", or go on in another --precision than {precision}"
        epoch = self.step // self.steps_per_epoch + 1
        return UserError(
            f"the {self.name}'s loss is no longer a number in epoch {epoch}, at a learning rate of up to "
            f"{self.recipe.learning_rate:g}: start again with a lower --lr{other_cure}"
        )

    def _agree_on_statistics(self) -> None:
        """Each process saw its own examples: keep the mean, and of whole numbers the main process's."""
        for buffer in self.average.module.buffers():
            if buffer.is_floating_point():
                buffer.copy_(self._mean_of_all(buffer))
            else:
                main_process_s: Any = broadcast(buffer)
                buffer.copy_(main_process_s)

    def _mean_of_all(self, tensor: Tensor) -> Tensor:
        """Over the processes."""
        mean: Any = self.accelerator.reduce(tensor, reduction="mean")
        return mean

    def _agreed(self, validate: Callable[[], Metric]) -> Metric:
        """The main process's score for all: whether to go on is decided by it, and all must decide alike."""
        score: list[Any] = [validate() if self.accelerator.is_main_process else None]
        return broadcast_object_list(score)[0]

    def _satisfied(self) -> bool:
        target, patience = self.recipe.stop_accuracy, self.recipe.patience
        if target is not None and self.best is not None and self.best.value >= target:
            return True
        return patience > 0 and self.step - self.last_gain >= patience * self.steps_per_epoch

    def _report(self, row: dict[str, Any]) -> None:
        score, left = Metric(**row["validation"]), row["seconds_left"]
        print(
            f"{self.name:>8} epoch {row['step'] / self.steps_per_epoch:>3.4g}/{self.recipe.epochs}  "
            f"loss {row['loss']:.4f}  validation {score.short} (best {self.best.short if self.best else '-'})  "
            f"{row['examples_per_second']:>5} examples/s  {left // 60:>3}:{left % 60:02d} left",
            flush=True,
        )
        self.accelerator.log({f"{self.name}/loss": row["loss"], f"{self.name}/validation": score.value}, row["step"])
        if self.log_path:
            self.log_path.parent.mkdir(parents=True, exist_ok=True)
            with open(self.log_path, "w" if self.evaluations == 1 else "a", encoding="utf-8") as log:
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
            "progress": [self.step, self.best_step, self.last_gain, self.evaluations],
            "best": None if self.best is None else self.best.as_row(),
            "best_weights": self.best_weights,
        }
        try:
            save_tensors(self.state_path, state)
        except OSError as error:
            kept = f"; the {self.name} then goes on where it was last saved" if self.evaluations > 1 else ""
            raise UserError(describe_os_error(error) + kept) from error

    def go_on(self, must_fit: bool = False) -> bool:
        """Go on from the saved state if there is one that fits, and say so; one that must fit and does not raises."""
        if self.state_path is None or not self.state_path.is_file():
            return False
        state = load_safely(self.state_path)
        if (difference := self._difference_from(state)) and not must_fit:
            self.accelerator.print(f"{self.name}: {self.state_path} is of another run ({difference}): not gone on from")
            return False
        self.resume(state)
        epochs = f"{self.step / self.steps_per_epoch:.4g} of {self.recipe.epochs} epochs"
        self.accelerator.print(f"{self.name}: goes on after {epochs} (--fresh begins anew)", flush=True)
        return True

    def _difference_from(self, state: Any) -> str | None:
        """What a state was trained with that this run is not, if anything."""
        if not isinstance(state, dict) or state.get("format") != STATE_FORMAT:
            raise UserError(f"{self.state_path}: not a training state: begin anew with --fresh")
        saved = state.get("conditions", {})
        for condition in saved | self.conditions:
            then, now = saved.get(condition), self.conditions.get(condition)
            if then != now:
                return f"trained with {condition} {then}, not {now}"
        return None

    def resume(self, state: dict[str, Any]) -> None:
        """Go on from a state that an earlier run of the same recipe saved."""
        if difference := self._difference_from(state):
            cure = "repeat the command as it was, or begin anew with --fresh"
            raise UserError(f"{self.state_path}: was {difference}: {cure}")
        try:
            self.plain.load_state_dict(state["model"])
            self.average.load_state_dict(state["average"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.step, self.best_step, self.last_gain, self.evaluations = state["progress"]
            self.best = None if state["best"] is None else Metric(**state["best"])
            self.best_weights = state["best_weights"]
        except (RuntimeError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise UserError(
                f"{self.state_path}: of another network: repeat the command as it was, or begin anew with --fresh"
            ) from error
        if self.log_path and self.log_path.is_file() and self.accelerator.is_main_process:
            lines = self.log_path.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
            if len(lines) > self.evaluations:  # an evaluation is logged before its state is saved
                with written_whole(self.log_path) as temporary:
                    temporary.write_text("".join(lines[: self.evaluations]), encoding="utf-8")
