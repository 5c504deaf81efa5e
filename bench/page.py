"""How fast the page is beside Python: loading, the first answer, computing; runs of both in turn, and their medians.

make web-build && python -m bench.page
"""

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

from bench.browser import browser, served
from dwindle.cli import positive_int
from dwindle.errors import UserError, run
from dwindle.files import write_json
from dwindle.machine import processor

ROOT = Path(__file__).parents[1]
DIST, SAMPLES = ROOT / "web" / "dist", ROOT / "samples"
FIRST = "one_seven_three"  # the recording that is heard first
FIGURES = ("loadMs", "firstAnswerMs", "realTimeFactor")
IN_PYTHON = """
import sys, time
from pathlib import Path
import soundfile
from dwindle.infer.speech.file_listener import FileListener, Settings

started, model, *paths = sys.argv[1:]
listener = FileListener(Settings(Path(model), None, 1, "energy", False))
loaded = time.time()
listener.hear(paths[0])
first = time.time()
for path in paths[1:]:
    listener.hear(path)
seconds = sum(soundfile.info(path).duration for path in paths)
print(1000 * (loaded - float(started)), 1000 * (first - loaded), (time.time() - loaded) / seconds)
"""


def in_python(model: Path) -> list[float]:
    """Milliseconds until the model is loaded, until the first answer, and computing per second of sound."""
    paths = [SAMPLES / f"{FIRST}.wav", *(path for path in sorted(SAMPLES.glob("*.wav")) if path.stem != FIRST)]
    command = [sys.executable, "-c", IN_PYTHON, str(time.time()), str(model), *map(str, paths)]
    return list(
        map(float, subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split())
    )


def in_the_browser(chromium, url: str) -> list[float]:
    """The same of a first visit, as the page itself shows it."""
    page = chromium.new_context().new_page()
    page.goto(url)
    page.wait_for_selector("body[data-ready]", timeout=60_000)
    names = [FIRST, *(path.stem for path in sorted(SAMPLES.glob("*.wav")) if path.stem != FIRST)]
    for name in names:
        page.get_by_role("button", name=name.replace("_", " "), exact=True).click()
        page.wait_for_selector(f"#state:has-text('{name}.wav:')")
    shown = [page.inner_text(f"#{name}") for name in ("load", "first-answer", "real-time")]
    page.context.close()
    load_ms, first_ms, per_second_ms = (float(text.removesuffix(" ms").replace(",", "")) for text in shown)
    return [load_ms, first_ms, per_second_ms / 1000]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=positive_int, default=7, help="of each, in turn")
    parser.add_argument("--output", type=Path, default=ROOT / "logs" / "page.json")
    arguments = parser.parse_args()
    if not (DIST / "index.html").is_file():
        raise UserError("web/dist holds no page: make web-build")
    model = next(DIST.glob("models/spoken_digits.onnx"))
    browsers, pythons = [], []
    with sync_playwright() as playwright, served(DIST) as url, browser(playwright) as chromium:
        for _ in range(arguments.runs):
            browsers.append(in_the_browser(chromium, url))
            pythons.append(in_python(model))
        version = f"Chromium {chromium.version.split('.')[0]}"
    content = {
        name: {
            figure: round(statistics.median(column), 4)
            for figure, column in zip(FIGURES, zip(*rows, strict=True), strict=True)
        }
        for name, rows in (("browser", browsers), ("python", pythons))
    }
    content["browser"]["where"] = f"{version}, {processor()}"
    content["python"]["where"] = processor()
    write_json(arguments.output, content)
    for name, figures in content.items():
        print(name, figures)


if __name__ == "__main__":
    run(main)
