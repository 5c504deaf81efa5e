"""What a teacher is worth: the same student with and without one, at equal budget, several seeds.

python bench/distillation_gain.py --teacher artifacts/alone-*/student.pt --epochs 20
python bench/distillation_gain.py --task handwritten_digits --teacher artifacts/handwritten_digits/teacher.pt --epochs 8
"""

import statistics
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.runs import train
from dwindle.cli import FlagParser, nonempty, positive_int
from dwindle.errors import run
from dwindle.files import write_json

FOLDER = Path("logs/distillation_gain")


def main() -> None:
    parser = FlagParser(description=__doc__.split("\n")[0])
    parser.add_argument("--task", default="spoken_digits")
    parser.add_argument("--teacher", type=nonempty, nargs="+", required=True, help="one, or several whose mean teaches")
    parser.add_argument("--epochs", type=positive_int, default=20)
    parser.add_argument("--seeds", type=positive_int, default=3)
    arguments = parser.parse_args()
    is_speech = arguments.task == "spoken_digits"
    runs = FOLDER if is_speech else FOLDER / arguments.task
    teachers = [str(Path(path).resolve()) for path in arguments.teacher]
    manners = {"alone": ["--alpha", "0"], "distilled": ["--teacher", *teachers]}
    scores: dict[str, list[dict]] = {manner: [] for manner in manners}
    for seed in range(arguments.seeds):
        for manner, own_flags in manners.items():  # in turn, so that an early stop leaves pairs
            flags = ["--task", arguments.task, *own_flags, "--epochs", str(arguments.epochs), "--seed", str(seed)]
            scores[manner].append(train(runs / f"{manner}-{seed}", [*flags, "--patience", "0"]))
    print(f"\n{'data set':<28}" + "".join(f"{manner:>18}" for manner in manners) + f"{'gain':>9}")
    for name in scores["alone"][0]:
        shares = {manner: [100 * row[name]["value"] for row in rows] for manner, rows in scores.items()}
        means = {manner: statistics.mean(values) for manner, values in shares.items()}
        cells = "".join(f"{means[m]:>10.2f} ± {spread(shares[m]):.2f}%" for m in manners)
        print(f"{name:<28}{cells}{means['distilled'] - means['alone']:>+9.2f}")
    write_json(runs / "scores.json" if is_speech else runs.with_suffix(".json"), scores)


def spread(values: list[float]) -> float:
    """Standard deviation of the seeds that there might be, of which these are a sample."""
    return statistics.stdev(values) if len(values) > 1 else 0.0


if __name__ == "__main__":
    run(main)
