"""A page with a region that is written by a program: everything between its two marks."""

from pathlib import Path

from dwindle.errors import UserError
from dwindle.files import written_whole

BEGIN, END = "<!-- results: `make report` writes from here -->", "<!-- results: to here -->"


def with_region(page: str, region: str, name: str) -> str:
    """The page with what stands between its marks written anew."""
    if page.count(BEGIN) != 1 or page.count(END) != 1 or page.index(BEGIN) > page.index(END):
        raise UserError(f"{name}: the marks {BEGIN} and {END} must stand there once each, in this order")
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}\n{region}{END}{rest.partition(END)[2]}"


def write_region(path: Path, region: str) -> None:
    """The same for a file."""
    if not path.is_file():
        raise UserError(f"{path}: no such file: the page to write into must stand there")
    page = with_region(path.read_text(encoding="utf-8"), region, str(path))
    with written_whole(path) as temporary:
        temporary.write_text(page, encoding="utf-8")
    print(f"{'tables':<24}{path}")
