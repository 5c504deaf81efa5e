"""The paper: every figure comes from the results, every reference is cited, and it becomes a PDF."""

import re
import shutil
from pathlib import Path

import pytest

from dwindle.errors import UserError
from report.measurements import load_measurements
from report.paper import TEMPLATE, filled, paper
from report.paper_parts import INDEX_LINE, negative, seeds_line
from report.paper_pdf import html, write_pdf
from report.people_table import people_text
from report.runs import load_runs

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "paper.md").read_text(encoding="utf-8")


def test_the_paper_says_what_the_results_say():
    found = load_measurements(ROOT / "artifacts", ROOT / "logs")
    assert paper(found, load_runs(ROOT / "artifacts")) == PAGE, "docs/paper.md is behind the results: make report"


def test_every_reference_is_cited_and_every_citation_is_listed():
    text, _, references = PAGE.partition("## References")
    listed = [int(number) for number in re.findall(r"^(\d+)\. ", references, re.MULTILINE)]
    assert listed == list(range(1, len(listed) + 1))
    assert {int(number) for number in re.findall(r"\[(\d+)\]", text)} == set(listed)


def test_no_result_is_typed_into_the_template():
    prose = TEMPLATE.read_text(encoding="utf-8").partition("## References")[0].partition("## 4. Results")[2]
    assert re.findall(r"\d+(?:\.\d+)?(?:%| points| kB|×| ms)(?! interval)", prose) == []


def test_a_place_without_a_part_and_a_part_without_a_place_are_told_of():
    assert filled("{{one}} is {{two}}", {"one": "1", "two": "2"}) == "1 is 2"
    for parts in ({"one": "1"}, {"one": "1", "two": "2", "three": "3"}):
        with pytest.raises(UserError, match=r"differ in (two|three)"):
            filled("{{one}} is {{two}}", parts)


def test_what_did_not_help_is_quoted_from_the_design_log():
    index = INDEX_LINE.findall((ROOT / "logs" / "design_log.md").read_text(encoding="utf-8"))
    assert len(negative().splitlines()) >= 8
    assert (
        "- What is distillation worth, honestly? *About a tenth of a point, which is chance* (entry 36)" in negative()
    )
    assert len(index) >= 60


def test_the_gain_of_a_teacher_has_an_interval_over_seeds():
    seeds = {
        "alone": [{"test": {"value": value}} for value in (0.90, 0.91, 0.92)],
        "distilled": [{"test": {"value": value}} for value in (0.93, 0.94, 0.95)],
    }
    # Welch: 3 points, standard error sqrt(2 * 1 / 3), t of four degrees of freedom 2.776
    assert seeds_line(seeds, "test") == ["test", "91.00 ± 1.00", "94.00 ± 1.00", "+3.00 (+0.73 to +5.27)"]


def test_people_are_told_of_where_they_were_measured():
    assert people_text(None) == ""
    score = {"value": 0.5, "low": 0.4, "high": 0.6, "count": 10, "unit": "share", "higher_is_better": True}
    ways = dict.fromkeys(("best of ten", "listener", "live", "expecting digits"), score)
    rows = [{"collection": "a town", "recordings": 10, **ways}]
    wrong = {"listener": 0.2, "live": 0.3, "expecting digits": 0.1}
    errors = {way: score | {"value": value, "words": 1_500} for way, value in wrong.items()}
    strings = [{"collection": "a town", "recordings": 5, **errors}]
    reading = [{"digits a minute": {"value": 1.0}, "digits a minute, live": {"value": 2.5}, "minutes": 33.2}]
    text = people_text({"isolated": rows, "strings": strings, "reading": reading, "other_words_heard_as_digits": score})
    assert f"| a town | 10 |{' 50.0% (40.0–60.0) |' * 4}" in text
    assert "| a town | 5 | 20.0 (40.0–60.0) of 1,500 | 30.0 (40.0–60.0) of 1,500 | 10.0 (40.0–60.0) of 1,500 |" in text
    assert "1.00 (live 2.50) in 33 minutes" in text
    assert "heard as digits: 50.0% (40.0–60.0)." in text


def test_wide_tables_and_pictures_span_the_page():
    columns = "|".join(f" a{number} " for number in range(7))
    rule = "|".join(" --- " for _ in range(7))
    text = f"# T\n\n## 1. Question\n\n**Table 1.** C.\n\n|{columns}|\n|{rule}|\n|{columns}|\n\n![Figure 1. P.](p.png)\n"
    page = html(text, ROOT)
    assert '<div class="wide"><p><strong>Table 1.</strong> C.</p>' in page
    assert "<figcaption>Figure 1. P.</figcaption>" in page
    assert "<title>T</title>" in page


@pytest.mark.slow(seconds=20)
def test_the_paper_becomes_a_pdf(tmp_path):
    if not shutil.which("chromium"):
        pytest.skip("needs a browser: apt-get install chromium")
    write_pdf(ROOT / "docs" / "paper.md", tmp_path / "paper.pdf")
    sheet = (tmp_path / "paper.pdf").read_bytes()
    assert sheet.startswith(b"%PDF-")
    assert 100_000 < len(sheet) < 1_000_000  # with its pictures
    assert not list((ROOT / "docs").glob(".paper-*"))
