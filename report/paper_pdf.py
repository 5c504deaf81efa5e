"""docs/paper.md as a PDF in two columns, set by Chromium.

python -m report.paper_pdf
"""

import re
import shutil
from pathlib import Path

from dwindle.cli import FlagParser, pathname
from dwindle.errors import UserError, imported, run
from dwindle.files import scratch_folder, written_whole

ROOT = Path(__file__).resolve().parents[1]
PAPER = ROOT / "docs" / "paper.md"
STYLE = Path(__file__).with_name("paper.css")
NEEDS = "pip install -r requirements.txt"
WIDE_COLUMNS, WIDE_LETTERS = 5, 110  # a table with more columns, or letters in a row, spans the page
MARGIN = {"top": "18mm", "bottom": "20mm", "left": "17mm", "right": "17mm"}
FOOTER = '<div style="width:100%;text-align:center;font-size:8px"><span class="pageNumber"></span></div>'


def main() -> None:
    parser = FlagParser(prog="python -m report.paper_pdf", description=__doc__.split("\n")[0])
    parser.add_argument("--output", type=pathname, default=PAPER.with_suffix(".pdf"))
    arguments = parser.parse_args()
    write_pdf(PAPER, arguments.output)
    print(f"{'paper':<24}{arguments.output} ({arguments.output.stat().st_size / 1000:.0f} kB)")


def write_pdf(source: Path, path: Path) -> None:
    """Set a page of Markdown; pictures are found beside it."""
    chromium = shutil.which("chromium")
    if chromium is None:
        raise UserError("the PDF needs a browser to set it: apt-get install chromium")
    playwright = imported("playwright.sync_api", NEEDS)
    with scratch_folder(source.parent, ".paper-") as folder, playwright.sync_playwright() as driver:
        page_file = folder / "paper.html"
        page_file.write_text(html(source.read_text(encoding="utf-8"), source.parent), encoding="utf-8")
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        try:
            page = browser.new_page()
            page.goto(page_file.as_uri())
            layout = {"format": "A4", "margin": MARGIN, "display_header_footer": True, "tagged": True}
            sheet = page.pdf(**layout, header_template="<span></span>", footer_template=FOOTER)
        finally:
            browser.close()
    with written_whole(path) as temporary:
        temporary.write_bytes(sheet)


def html(text: str, folder: Path) -> str:
    """The page that the browser sets: a title over two columns, wide tables and pictures over both."""
    markdown = imported("markdown", NEEDS)
    body = markdown.markdown(text, extensions=["tables", "fenced_code", "sane_lists"])
    caption = r"(?:<p><strong>Table \d+\.</strong>(?:(?!</p>).)*</p>\s*)?"
    body = re.sub(rf"{caption}<table>.*?</table>", lambda found: _set_table(found[0]), body, flags=re.DOTALL)
    body = re.sub(r"<p>(<img alt=\"([^\"]*)\"[^>]*>)</p>", r"<figure>\1<figcaption>\2</figcaption></figure>", body)
    head, _, rest = body.partition("<h2>1. Question")
    title = f"<title>{re.sub('<[^>]+>', '', head.partition('</h1>')[0])}</title>"
    columns = f"<header>{head}</header><main><h2>1. Question{rest}</main>"
    style = STYLE.read_text(encoding="utf-8")
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><base href="{folder.as_uri()}/">{title}'
        f"<style>{style}</style></head><body>{columns}</body></html>"
    )


def _set_table(found: str) -> str:
    """A table, with its caption if it has one, that no break parts."""
    rows = found.partition("<table>")[2].split("</tr>")
    letters = max(len(re.sub(r"<[^>]+>|\s+", " ", row)) for row in rows)
    is_wide = rows[0].count("<th ") + rows[0].count("<th>") > WIDE_COLUMNS or letters > WIDE_LETTERS
    return f'<div class="{"wide" if is_wide else "narrow"}">{found}</div>'


if __name__ == "__main__":
    run(main)
