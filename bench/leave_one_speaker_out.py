"""How well a voice is understood that training never heard: six models, each without one speaker of FSDD.

    python bench/leave_one_speaker_out.py

Each is trained from its first weights with everything but its speaker, without a teacher, as the release's teachers
are: a teacher that had heard the speaker would tell.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.runs import train
from dwindle.cli import FlagParser, pathname
from dwindle.errors import run
from dwindle.files import write_json
from dwindle.tasks.speech.corpora import FSDD_SPEAKERS


def main() -> None:
    parser = FlagParser(description=__doc__.split("\n")[0])
    parser.add_argument("--epochs", type=int, default=18, help="of each model")
    parser.add_argument("--runs_dir", type=pathname, default=Path("logs/leave_one_speaker_out"))
    arguments = parser.parse_args()
    runs = arguments.runs_dir.resolve()
    flags = ["--alpha", "0", "--patience", "0", "--epochs", str(arguments.epochs)]
    scores = {
        speaker: train(runs / speaker, [*flags, "--hold_out_speaker", speaker])["held_out_speaker"]
        for speaker in FSDD_SPEAKERS
    }
    print(f"\n{'speaker':<12}{'right':>6}{'of':>6}{'share':>9}   95% interval")
    for speaker, score in scores.items():
        interval = f"{100 * score['low']:.1f} to {100 * score['high']:.1f}%"
        right, count = round(score["value"] * score["count"]), score["count"]
        print(f"{speaker:<12}{right:>6}{count:>6}{100 * score['value']:>8.2f}%   {interval}")
    shares = [score["value"] for score in scores.values()]
    print(f"{'mean':<24}{100 * sum(shares) / len(shares):>8.2f}%   worst {100 * min(shares):.2f}%")
    write_json(runs / "scores.json", scores)


if __name__ == "__main__":
    run(main)
