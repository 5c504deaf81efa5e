"""What text that a teacher wrote is worth to its student: the same training with and without it, in turn.

    python -m bench.teacher_text --teacher artifacts/language_model/teacher.pt --epochs 5

The teacher writes as much as it learnt from, 64 texts side by side, each character drawn at temperature 1. The student
takes equally many steps in both trainings; with the teacher's text about half of its passages are from that.
"""

from pathlib import Path

import numpy as np
from tqdm import tqdm

from bench.runs import train
from dwindle.checkpoint import load_checkpoint
from dwindle.cli import FlagParser, pathname, positive_int
from dwindle.engine import torch_engine
from dwindle.errors import run
from dwindle.files import write_json, written_whole
from dwindle.infer.text.language_memory import BEFORE, Memory, log_softmax
from dwindle.metrics import Metric
from dwindle.task import open_task, options_of
from dwindle.tasks.text.language_model import WINDOW, LanguageModel, stepped

FOLDER = Path("logs/teacher_text")
TEXTS = 64


def main() -> None:
    parser = FlagParser(description=__doc__.split("\n")[0])
    parser.add_argument("--teacher", type=pathname, required=True)
    parser.add_argument("--epochs", type=positive_int, default=5)
    arguments = parser.parse_args()
    teacher = arguments.teacher.resolve()
    written = (FOLDER / "written.txt").resolve()
    if not written.is_file():
        FOLDER.mkdir(parents=True, exist_ok=True)
        with written_whole(written) as file:
            file.write_text(text_of(teacher), encoding="utf-8")
    flags = ["--task", "language_model", "--teacher", str(teacher), "--epochs", str(arguments.epochs)]
    ways = {"the text alone": [], "and what the teacher wrote": ["--more_text", str(written)]}
    scores = {way: train(FOLDER / str(number), [*flags, *more]) for number, (way, more) in enumerate(ways.items())}
    for way, found in scores.items():
        print(f"{way:<28}" + "  ".join(f"{name} {Metric(**found[name])}" for name in ("validation", "test")))
    write_json(FOLDER.with_suffix(".json"), {"epochs": arguments.epochs, "scores": scores})


def text_of(path: Path, seed: int = 0) -> str:
    """As many characters as the teacher learnt from."""
    checkpoint = load_checkpoint(path, LanguageModel.name)
    task = open_task(checkpoint.task, options_of(checkpoint.task), checkpoint)
    assert isinstance(task, LanguageModel)
    engine = torch_engine(task.restored(checkpoint, path).eval(), task.inputs, task.outputs)
    draw, text = np.random.default_rng(seed), task.text
    starts = draw.integers(len(text.train) - BEFORE - 1, size=TEXTS)
    beginnings = np.stack([text.train[start : start + BEFORE + 1] for start in starts])
    memory, drawn = Memory(stepped(engine), beginnings, WINDOW), []
    for _ in tqdm(range(len(text.train) // TEXTS), desc="the teacher writes", unit_scale=TEXTS, unit=" characters"):
        likely = log_softmax(memory.following)
        likely[:, text.vocabulary.unknown] = -np.inf
        drawn.append((likely + draw.gumbel(size=likely.shape)).argmax(axis=1))  # Gumbel's way to draw from a softmax
        memory.read(drawn[-1][:, None])
    return "\n".join(map(text.vocabulary.decode, np.stack(drawn, axis=1)))


if __name__ == "__main__":
    run(main)
