"""The report as one page of HTML that needs no network, put together from report/page/ and the numbers."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dwindle.files import written_whole
from report.measurements import SIDE_RUNS, Measurements, one_thread
from report.titles import set_title, version_title
from report.version_figures import NOISE_SETS, SHIPPED

PARTS = Path(__file__).parent / "page"
SCRIPTS = ("chart.js", "state.js", "versions.js", "answers.js", "main.js")
COPIED = ("stage", "file", "parameters", "nonzeros", "bytes", "bytes_gzipped", "scores", "note")


def written_page(found: Measurements, left_out: dict[str, str], path: Path) -> Path:
    """Write the page, whole, and give back its path."""
    return written_html("report.html", SCRIPTS, page_data(found, left_out), path)


def written_html(frame: str, scripts: Sequence[str], data: dict[str, Any], path: Path) -> Path:
    """A page of report/page/ with its style, scripts and numbers inside; written whole."""
    numbers = json.dumps(data, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    html = _part(frame)
    html = html.replace("/* style */", _part("report.css").strip())
    html = html.replace("/* script */", "\n".join(_part(name).strip() for name in scripts))
    html = html.replace("/* data */", numbers.replace("</", "<\\/"))  # no text may end the element that holds it
    with written_whole(path) as temporary:
        temporary.write_text(html, encoding="utf-8")
    return path


def page_data(found: Measurements, left_out: dict[str, str]) -> dict[str, Any]:
    """All numbers of the page."""
    main = {row["version"] for row in found.main_rows}
    rows = [row for row in found.rows if row["version"] in main or row["version"].startswith(SIDE_RUNS)]
    sets = list(dict.fromkeys(name for row in rows for name in row["scores"]))
    return {
        "shipped": SHIPPED,
        "versions": [version_data(row) | {"side": row["version"] not in main} for row in rows],
        "sets": [{"id": name, "title": set_title(name)} for name in sets],
        "noise_sets": list(NOISE_SETS.items()),
        "curves": {
            name: [{"epoch": row["epoch"], "loss": row["loss"], "score": row["validation"]} for row in epochs]
            for name, epochs in (found.curves or {}).items()
        },
        "distillation": found.distillation,
        "held_out": found.held_out,
        "answers": found.answers,
        "left_out": left_out,
    }


def version_data(row: dict[str, Any]) -> dict[str, Any]:
    """What the page says of one version."""
    own = {key: row[key] for key in COPIED if key in row}
    return {"id": row["version"], "title": version_title(row), "latency": one_thread(row), **own}


def _part(name: str) -> str:
    return (PARTS / name).read_text(encoding="utf-8")
