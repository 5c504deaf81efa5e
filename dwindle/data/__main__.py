"""The data directory: what is in it, fetching what is missing, checking what is there.

python -m dwindle.data list
python -m dwindle.data fetch fsdd speech_commands
python -m dwindle.data check fsdd speech_commands --json
"""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from dwindle import errors
from dwindle.cli import FlagParser, nonempty
from dwindle.data import VARIABLE, data_directory, fetch_command, require
from dwindle.data.source import DATA_SETS


def main(arguments: list[str] | None = None) -> int:
    options = _parse(arguments)
    data_dir = data_directory(options.data_dir)
    return options.command(options, data_dir)


def _list(options: argparse.Namespace, data_dir: Path) -> int:
    rows = [
        {
            "name": data_set.name,
            "title": data_set.title,
            "present": data_set.is_present(data_dir),
            "download_bytes": sum(source.size_bytes for source in data_set.sources),
            "disk_bytes": data_set.disk_bytes,
            "licence": data_set.licence,
            "home": data_set.home,
            "fetch": fetch_command(data_set.name, data_dir),
        }
        for data_set in DATA_SETS.values()
    ]
    if options.json:
        print(json.dumps(rows, indent=1))
        return 0
    print(f"{'in ' + str(data_dir):<16} {'':<8} {'download':>9} {'on disk':>9}  licence")
    for row in rows:
        here = "present" if row["present"] else "missing"
        download, disk = (f"{row[size] / 1e6:,.0f} MB" for size in ("download_bytes", "disk_bytes"))
        print(f"{row['name']:<16} {here:<8} {download:>9} {disk:>9}  {row['licence']:<12}  {row['title']}")
        if not row["present"]:
            print(f"{'':<16} {row['fetch']}")
    return 0


def _fetch(options: argparse.Namespace, data_dir: Path) -> int:
    from dwindle.data.fetch import fetch

    for name in options.names:
        print(f"{name}: in {fetch(DATA_SETS[name], data_dir)}")
    return 0


def _check(options: argparse.Namespace, data_dir: Path) -> int:
    from dwindle.data.check import check  # here, because the corpora that it reads import this module

    for name in options.names:
        require(name, data_dir)
    reports = [check(name, data_dir) for name in options.names]
    if options.json:
        print(json.dumps([asdict(report) for report in reports], indent=1, ensure_ascii=False))
    else:
        for report in reports:
            print(f"{report.name}: {'something is wrong' if report.problems else 'as it should be'}")
            for what, value in report.facts.items():
                print(f"  {what:<26} {value:>9,}" if not isinstance(value, str) else f"  {what:<26} {value}")
            for text in report.notes:
                print(f"  note: {text}")
            for text in report.problems:
                print(f"  WRONG: {text}")
    return errors.EXIT_FAILURE if any(report.problems for report in reports) else 0


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    common = FlagParser(add_help=False)
    common.add_argument("--data_dir", type=nonempty, help=f"the data directory (default: ${VARIABLE}, else data/)")
    printed = FlagParser(add_help=False)
    printed.add_argument("--json", action="store_true", help="print JSON instead of a table")
    named = FlagParser(add_help=False)
    named.add_argument("names", nargs="+", choices=DATA_SETS, metavar="NAME", help=", ".join(DATA_SETS))
    parser = FlagParser(prog="python -m dwindle.data", description=(__doc__ or "").partition("\n")[0])
    commands = parser.add_subparsers(required=True, metavar="list | fetch | check")
    for name, command, parents, purpose in (
        ("list", _list, [common, printed], "what there is, and what fetches the rest"),
        ("fetch", _fetch, [common, named], "download, verify and unpack data sets"),
        ("check", _check, [common, printed, named], "decode every file, count, look for duplicates across splits"),
    ):
        commands.add_parser(name, parents=parents, help=purpose, description=purpose).set_defaults(command=command)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    errors.run(main)
