"""docs/infer.svg: a terminal in which infer.py has just heard recordings of samples/; what it says is what it said."""

import subprocess
import sys
from html import escape
from pathlib import Path

from dwindle.errors import UserError
from dwindle.files import written_whole

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "docs" / "infer.svg"
HEARD = ("four_two", "one_seven_three", "seven", "hello")
LINE_PX, LETTER_PX, MARGIN_PX, BAR_PX = 20, 8.0, 18, 30
BACKGROUND, BAR, TEXT, PROMPT = "#16181d", "#2a2d35", "#d7dae0", "#7fd18b"


def write_picture() -> None:
    """Let infer.py hear them and draw what it said."""
    files = [f"samples/{name}.wav" for name in HEARD]
    done = subprocess.run([sys.executable, "infer.py", *files], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise UserError(f"infer.py failed: {done.stderr.strip()}")
    with written_whole(PICTURE) as temporary:
        temporary.write_text(drawn(f"python infer.py {' '.join(files)}", done.stdout.splitlines()), encoding="utf-8")
    print(f"{'picture':<24}{PICTURE}")


def drawn(command: str, said: list[str]) -> str:
    """A command and its output as an SVG that needs no font of its own."""
    lines = [f'<tspan fill="{PROMPT}">$</tspan> {escape(command)}', *map(escape, said)]
    width = round(2 * MARGIN_PX + LETTER_PX * max(len(line) for line in [f"$ {command}", *said]))
    height = BAR_PX + 2 * MARGIN_PX + LINE_PX * len(lines)
    buttons = "".join(
        f'<circle cx="{18 + 20 * place}" cy="{BAR_PX / 2:g}" r="5.5" fill="{colour}"/>'
        for place, colour in enumerate(("#ec6a5e", "#f4bf4f", "#61c554"))
    )
    texts = "\n".join(
        f'<text x="{MARGIN_PX}" y="{BAR_PX + MARGIN_PX + LINE_PX * number + 12}" xml:space="preserve">{line}</text>'
        for number, line in enumerate(lines)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'font-family="ui-monospace, Menlo, Consolas, monospace" font-size="13" fill="{TEXT}" role="img">\n'
        f"<title>infer.py names the digits of four recordings</title>\n"
        f'<rect width="{width}" height="{height}" rx="8" fill="{BACKGROUND}"/>\n'
        f'<path d="M0 8a8 8 0 0 1 8-8h{width - 16}a8 8 0 0 1 8 8v{BAR_PX - 8}H0z" fill="{BAR}"/>\n'
        f"{buttons}\n{texts}\n</svg>\n"
    )
