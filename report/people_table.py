"""How people whom training never met are heard, a line for each collection: from bench/people.py."""

from typing import Any

from report.titles import score_text, table

BY_LISTENER = {"listener": "infer.py", "live": "live", "expecting digits": "infer.py --expect digits"}
WAYS = {"best of ten": "best of ten", **BY_LISTENER}  # of single digits


def people_text(people: dict[str, Any] | None) -> str:
    """Single digits and strings; empty where nothing was measured of this model."""
    if people is None:
        return ""
    parts = []
    if rows := people.get("isolated"):
        lines = [[row["collection"], f"{row['recordings']:,}", *(score_text(row[way]) for way in WAYS)] for row in rows]
        parts.append(table(["single digits of people", "recordings", *WAYS.values()], lines, left_columns=1))
    if rows := people.get("strings"):
        lines = [
            [row["collection"], f"{row['recordings']:,}", *(errors_text(row[way]) for way in BY_LISTENER)]
            for row in rows
        ]
        heads = ["strings of people", "recordings", *(f"digit errors, %, {way}" for way in BY_LISTENER.values())]
        parts.append(table(heads, lines, left_columns=1))
    if rows := people.get("reading"):
        told = [
            f"{row['digits a minute']['value']:.2f} (live {row['digits a minute, live']['value']:.2f}) "
            f"in {row['minutes']:.0f} minutes"
            for row in rows
        ]
        parts.append(f"Digits heard a minute in people's reading, where hardly any is said: {', '.join(told)}.")
    if heard := people.get("other_words_heard_as_digits"):
        parts.append(f"Other words, alone in their files, that are heard as digits: {score_text(heard)}.")
    return "\n\n".join(parts)


def errors_text(found: dict[str, Any]) -> str:
    """Wrong, missed or added per digit said, which may be more than all of them."""
    return f"{100 * found['value']:.1f} ({100 * found['low']:.1f}–{100 * found['high']:.1f}) of {found['words']:,}"
