"""Which front end hears best: the student with each of them, trained alike for a short while and judged alike.

    OMP_NUM_THREADS=1 python -m bench.front_end_gain --data_dir DIR
    OMP_NUM_THREADS=1 python -m bench.front_end_gain --data_dir DIR --every 1 --epochs 4 --seeds 3

Training hears people alone (FSDD, Speech Commands, other words), and of their recordings every fourth. "people" are of
bench/people.py, the best of the ten digits; "rooms" are the unseen speakers in rooms that training has never heard.
Times are one clip's, one thread's, in turns. Whoever is best here must be trained in full before it could ship.
"""

import contextlib
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import torchaudio

from bench.people import by_kind, read_word
from dwindle.checkpoint import command_line
from dwindle.cli import FlagParser, nonempty, pathname, positive_int
from dwindle.compress.quantize_weights import store_as_int8
from dwindle.data import data_directory
from dwindle.engine import Engine, in_batches, onnx_engine, open_session
from dwindle.errors import run
from dwindle.export.formats import to_onnx
from dwindle.export.measure import file_size, latencies, multiply_adds, parameters
from dwindle.export.onnx_file import metadata_of, read_onnx, write_onnx
from dwindle.files import write_json
from dwindle.infer.speech.evaluate import Entry, read_manifest
from dwindle.infer.speech.model import Recogniser
from dwindle.machine import processor
from dwindle.metrics import Metric, accuracy_by_group
from dwindle.task import open_task, options_of
from dwindle.tasks.speech.augment import room_responses
from dwindle.tasks.speech.datasets import HeardClips
from dwindle.tasks.speech.digits import LABELS, STRICTER
from dwindle.tasks.speech.front_ends import FRONT_ENDS
from dwindle.tasks.speech.rejection import best_words
from dwindle.tasks.speech.words import READ_BATCH, SpokenData, SpokenWords
from dwindle.train.accelerator import start_accelerator
from dwindle.train.distillation import KnowledgeDistillationLoss
from dwindle.train.recipe import Recipe
from dwindle.train.trainer import Trainer

CORPORA = ["fsdd", "speech_commands", "negatives"]
BATCH_SIZE, LEARNING_RATE = 32, 3e-3
UNHEARD_ROOMS_SEED = 1  # training's rooms are of another
ROUNDS = 200
SHOWN = {
    "people": "people",
    "unseen_speakers": "unseen speakers",
    "noise_10_db": "10 dB noise",
    "rooms": "rooms",
    "other_words_validation_rejected": "other words rejected",
}
COSTS = ("million multiply-adds", "of the front end", "float kB", "INT8 kB", "times log-mel's ms")


def main() -> None:
    parser = FlagParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data_dir", type=nonempty, help="default: $DWINDLE_DATA, else data/")
    parser.add_argument("--every", type=positive_int, default=4, metavar="N", help="train on every Nth recording")
    parser.add_argument("--epochs", type=positive_int, default=1)
    parser.add_argument("--seeds", type=positive_int, default=1, help="trainings of each front end")
    parser.add_argument("--keep", type=pathname, metavar="FOLDER", help="keep the files that were judged")
    parser.add_argument("--output", type=pathname, default=Path("logs/front_ends.json"))
    arguments = parser.parse_args()
    manifest = data_directory(arguments.data_dir) / "people" / "manifest.csv"
    isolated = by_kind(read_manifest(manifest, LABELS[:-1]))["isolated"]
    data = thinned(data_directory(arguments.data_dir), arguments.every)
    rows = []
    with folder_for_files(arguments.keep) as folder:
        for seed in range(arguments.seeds):
            for name in FRONT_ENDS:
                task = SpokenWords("spoken_digits", LABELS, lambda: data, STRICTER, front_end=name)
                row = one_run(task, seed, arguments.epochs, folder)
                rows.append(row | judged(folder / row["file"], task, isolated))
                write_json(arguments.output, rows)  # of a run that is stopped, what is there
        timed = {row["file"]: row for row in rows if row["seed"] == 0}
        for file, taken in latency(folder, list(timed)).items():
            timed[file] |= {"latency": taken}
    budget = {"corpora": CORPORA, "every": arguments.every, "epochs": arguments.epochs, "seeds": arguments.seeds}
    budget |= {"examples": rows[0]["examples"], "cpu_s": round(sum(row["cpu_s"] for row in rows))}
    print(as_table(rows, budget))
    write_json(arguments.output, {"command": command_line(), "processor": processor(), "budget": budget, "rows": rows})


def thinned(data_dir: Path, every: int) -> SpokenData:
    """What all of them learn from and are judged by."""
    data = open_task("spoken_digits", options_of("spoken_digits", data_dir=str(data_dir), corpora=CORPORA)).data
    return replace(data, taught=lambda: data.training.subset(range(0, len(data.training), every)))


def one_run(task: SpokenWords, seed: int, epochs: int, folder: Path) -> dict[str, Any]:
    """Train a student and write it as a file, in float and with INT8 weights; what it costs."""
    name, started = task.front_end, time.process_time()
    torch.manual_seed(seed)
    network, _ = task.build("student")
    recipe = Recipe(epochs, BATCH_SIZE, LEARNING_RATE, seed=seed)
    accelerator = start_accelerator("cpu", BATCH_SIZE)
    trainer = Trainer(task, network, recipe, KnowledgeDistillationLoss(), accelerator, name=name)
    trainer.train()
    engine, path = trainer.engine(trainer.plain), folder / f"{name}-{seed}.onnx"
    said = task.metadata(engine, task.corpora)
    to_onnx(trainer.plain, task.example_inputs(), path, task.inputs, task.outputs, said)
    small = read_onnx(path)
    store_as_int8(small)
    write_onnx(small, int8_of(path), metadata_of(small))
    return {
        "front_end": name,
        "seed": seed,
        "file": path.name,
        "examples": trainer.last_step * BATCH_SIZE,
        "cpu_s": round(time.process_time() - started, 1),
        "parameters": parameters(network),
        "multiply_adds": multiply_adds(network, task.example_inputs()),
        "front_end_multiply_adds": multiply_adds(network.front_end, task.example_inputs()),
        "bytes": file_size(path).bytes,
        "bytes_int8": file_size(int8_of(path)).bytes,
    }


def int8_of(path: Path) -> Path:
    """The file with INT8 weights beside one in float."""
    return path.with_name(f"{path.stem}_int8.onnx")


def judged(path: Path, task: SpokenWords, isolated: list[Entry]) -> dict[str, Any]:
    """Every score, of the file that would ship: with INT8 weights."""
    engine, recogniser = onnx_engine(int8_of(path)), Recogniser(int8_of(path))
    scores = task.evaluate(engine)
    unseen = task.data.validation["unseen_speakers"]
    scores["rooms"] = best_of_ten(engine, in_rooms(unseen), task)
    right = [read_word(entry.path, recogniser)[0] == entry.words[0] for entry in isolated]
    scores["people"] = accuracy_by_group(right, [(entry.corpus, entry.speaker) for entry in isolated])
    same = same_answers(onnx_engine(path), engine, unseen)
    return {"scores": {name: score.as_row() for name, score in scores.items()}, "int8_same_answer": round(same, 4)}


def in_rooms(clips: HeardClips) -> HeardClips:
    """Each clip in a room, at the level that it had."""
    rooms = room_responses(UNHEARD_ROOMS_SEED)
    rooms = rooms[torch.arange(len(clips.audio)) % len(rooms)]
    wet = torchaudio.functional.fftconvolve(clips.audio, rooms)[:, : clips.audio.shape[1]]
    level = clips.audio.std(dim=1, keepdim=True) / wet.std(dim=1, keepdim=True).clamp_min(1e-9)
    return replace(clips, audio=wet * level)


def best_of_ten(engine: Engine, clips: HeardClips, task: SpokenWords) -> Metric:
    """Whether the likeliest word is right."""
    heard = best_words(in_batches(engine, {"audio": clips.audio}, READ_BATCH)["logits"], task.reject_class)
    wanted = torch.tensor([task.class_numbers[label] for label in clips.labels])
    return accuracy_by_group((heard.words == wanted).tolist(), clips.speakers)


def same_answers(one: Engine, other: Engine, clips: HeardClips) -> float:
    """The share of clips to which two files give one answer."""
    answers = [
        in_batches(engine, {"audio": clips.audio}, READ_BATCH)["logits"].argmax(dim=1) for engine in (one, other)
    ]
    return float((answers[0] == answers[1]).float().mean())


def latency(folder: Path, files: list[str]) -> dict[str, dict[str, float]]:
    """Milliseconds of a clip, and how many times the first file's they are, pair by pair."""
    sessions = {file: open_session(int8_of(folder / file)) for file in files}
    clip = {"audio": 0.1 * torch.randn(1, 8_000, generator=torch.Generator().manual_seed(0)).numpy()}
    taken = latencies({file: lambda s=session: s.run(None, clip) for file, session in sessions.items()}, ROUNDS)
    first = taken[files[0]]
    return {file: one.as_row() | {"times": round(first.speedup_over(one), 2)} for file, one in taken.items()}


@contextlib.contextmanager
def folder_for_files(keep: Path | None) -> Iterator[Path]:
    """The one that was named, else one that goes when all is measured."""
    if keep:
        keep.mkdir(parents=True, exist_ok=True)
        yield keep
    else:
        with tempfile.TemporaryDirectory() as folder:
            yield Path(folder)


def as_table(rows: list[dict[str, Any]], budget: dict[str, Any]) -> str:
    """In Markdown: percent right with 95% intervals, and what it costs."""
    names = [name for name in SHOWN if name in rows[0]["scores"]]
    heads = ["front end", *(SHOWN[name] for name in names), *COSTS]
    lines = [
        f"{budget['epochs']} epochs, {budget['examples']:,} examples of {', '.join(budget['corpora'])} for each; "
        f"{budget['cpu_s']:,} s of one core in all",
        f"| {' | '.join(heads)} |",
        f"| --- |{' --: |' * (len(heads) - 1)}",
    ]
    for row in rows:
        scores = [Metric(**row["scores"][name]) for name in names]
        cells = [f"{100 * one.value:.1f} ({100 * one.low:.1f}–{100 * one.high:.1f})" for one in scores]
        cells += [f"{row['multiply_adds'] / 1e6:.1f}", f"{row['front_end_multiply_adds'] / 1e6:.1f}"]
        cells += [f"{row['bytes'] / 1e3:.0f}", f"{row['bytes_int8'] / 1e3:.0f}"]
        cells += [f"{row['latency']['times']:.2f}" if "latency" in row else "–"]
        name = row["front_end"] + (f", seed {row['seed']}" if budget["seeds"] > 1 else "")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    run(main)
