"""How well a voice is understood that training never heard: six models, each without one speaker of FSDD.

    python bench/leave_one_speaker_out.py --epochs 20 --further_epochs 4

All six begin as one model that heard nobody of FSDD, and learn on from everything but their speaker. No teacher takes
part, for it would have heard the speaker.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.runs import train
from dwindle.audio.corpora import FSDD_SPEAKERS
from dwindle.errors import run
from dwindle.files import write_json


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--epochs", type=int, default=20, help="without FSDD")
    parser.add_argument("--further_epochs", type=int, default=4, help="with five of its six speakers")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--runs_dir", type=Path, default=Path("logs/leave_one_speaker_out"))
    arguments = parser.parse_args()
    same = ["--alpha", "0", "--patience", "0", "--seed", str(arguments.seed)]
    nobody = arguments.runs_dir / "nobody"
    train(nobody, [*same, "--epochs", str(arguments.epochs), "--corpora", "speech_commands", "negatives", "voices"])
    scores = {}
    for speaker in FSDD_SPEAKERS:
        flags = [*same, "--epochs", str(arguments.further_epochs), "--hold_out_speaker", speaker]
        flags += ["--start_from", str((nobody / "student.pt").resolve())]
        scores[speaker] = train(arguments.runs_dir / speaker, flags)["held_out_speaker"]
    print(f"\n{'speaker':<12}{'right':>6}{'of':>6}{'share':>9}   95% interval")
    for speaker, score in scores.items():
        interval = f"{100 * score['low']:.1f} to {100 * score['high']:.1f}%"
        print(f"{speaker:<12}{score['correct']:>6}{score['count']:>6}{100 * score['share']:>8.2f}%   {interval}")
    shares = [score["share"] for score in scores.values()]
    print(f"{'mean':<24}{100 * sum(shares) / len(shares):>8.2f}%   worst {100 * min(shares):.2f}%")
    write_json(arguments.runs_dir / "scores.json", scores)


if __name__ == "__main__":
    run(main)
