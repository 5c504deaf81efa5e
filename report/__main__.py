"""Every page that is written from measured numbers: results, comparison, summary, model cards, the paper, two pictures.

python -m report

Reads artifacts/ and logs/; notebooks/experiments.py draws the figures that the pages show.
"""

from pathlib import Path

from dwindle.cli import FlagParser
from dwindle.errors import run as run_program
from dwindle.files import written_whole
from dwindle.infer.model_file import DEFAULT_TASK
from report.comparison import comparison
from report.import_graph import picture
from report.marked_page import write_region
from report.measurements import load_measurements
from report.model_cards import write_cards
from report.paper import paper
from report.results_page import results
from report.runs import ARTIFACTS, load_runs, releases
from report.speech_card import card_results
from report.summary import summary, task_results
from report.task_table import task_table
from report.terminal_picture import write_picture

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"


def main() -> None:
    FlagParser(prog="python -m report", description=__doc__.split("\n")[0]).parse_args()
    found, runs = load_measurements(ARTIFACTS, ROOT / "logs"), load_runs(ARTIFACTS)
    write_region(ROOT / "README.md", task_table(releases(runs)))
    write_region(DOCS / "results.md", results(found))
    write_region(DOCS / "comparison.md", comparison(runs))
    write_region(DOCS / "architecture.md", picture())
    for run in releases(runs):
        if (page := DOCS / f"{run.task}.md").is_file() and run.task != DEFAULT_TASK:
            write_region(page, task_results(run))
    write_region(ARTIFACTS / "MODEL_CARD.md", card_results(found))
    write_cards(runs, ARTIFACTS)
    write_page(ARTIFACTS / "optimization_summary.md", summary(runs))
    write_page(DOCS / "paper.md", paper(found, runs))
    write_picture()


def write_page(path: Path, text: str) -> None:
    """A page all of which is written here."""
    with written_whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    print(f"{'page':<24}{path}")


if __name__ == "__main__":
    run_program(main)
