"""The results on the speech model's card: scores, running speech, voices."""

from collections import Counter
from typing import Any

from dwindle.errors import UserError
from dwindle.infer.speech.model import RUNNING_THRESHOLD
from dwindle.metrics import Metric
from report.measurements import Measurements, one_thread, right_by_speaker
from report.people_table import people_text
from report.results_page import SHIPPED, by_version, running_text, short_score
from report.titles import set_title, table

CHOSEN_BY = {
    "fsdd_validation",
    "unseen_speakers",
    "other_words_validation",
    "wake_words_validation",
    "noise_validation",
}
MADE_FROM_CHOSEN_BY = ("noise_20_db", "noise_10_db", "noise_0_db")  # the same clips, in the same noise


def card_results(found: Measurements) -> str:
    """All that stands between the marks."""
    shipped = by_version(found, SHIPPED)
    if shipped is None:
        raise UserError("results.json has no row of model_int8.onnx: export_models.py writes it")
    parts = [facts(shipped), scores_table(shipped["scores"]), running_text(found)]
    if people := people_text(found.people):
        parts.append(people)
    if speakers := speakers_text(found):
        parts.append(speakers)
    return "\n\n".join(parts) + "\n\n"


def facts(shipped: dict[str, Any]) -> str:
    latency = one_thread(shipped)
    time = f", {latency['median_ms']:.2f} ms for a second of sound on one thread" if latency else ""
    return (
        f"`{shipped['file']}`: {shipped['parameters']:,} parameters, {shipped['nonzeros']:,} of them not zero, "
        f"{shipped['bytes']:,} bytes{time}.\n"
        f"Threshold: a digit less probable than {shipped['threshold']:.3f} in a clip of one word is taken for none, "
        f"and than {RUNNING_THRESHOLD:g}\n"
        "beside other digits in running speech, where one that stands alone must be surer.\n"
        f"SHA-256 `{shipped['sha256']}`."
    )


def scores_table(scores: dict[str, dict[str, Any]]) -> str:
    """A line for each data set; those that nothing was chosen by come last."""
    names = sorted(scores, key=lambda name: name.removesuffix("_rejected") not in CHOSEN_BY)
    lines = [
        [
            set_title(name),
            use(name),
            f"{Metric(**scores[name]).correct:,} of {scores[name]['count']:,}",
            short_score(scores[name]),
        ]
        for name in names
    ]
    return table(["data set", "use", "right", "% (95% interval)"], lines, left_columns=2)


def use(name: str) -> str:
    """What a data set was there for."""
    if name in MADE_FROM_CHOSEN_BY:
        return "made from clips that choices were made by"
    return "choices were made by it" if name.removesuffix("_rejected") in CHOSEN_BY else "reported only"


def speakers_text(found: Measurements) -> str:
    """How evenly voices are understood: of those heard in training, of those held out, of all others."""
    lines = []
    answered = found.answers["clips"] if found.answers else {}
    if "fsdd_test" in answered:
        for speaker, score in sorted(right_by_speaker(found.answers, "fsdd_test").items()):
            lines.append([f"FSDD, {speaker}", "heard in training", *_cells(score)])
    for speaker, row in sorted((found.held_out or {}).items()):
        lines.append(
            [
                f"FSDD, {speaker}",
                "by another model, that never heard it",
                *_cells(Metric(**row)),
            ]
        )
    if not lines:
        return ""
    text = table(["voice", "", "right", "% (95% interval)"], lines, left_columns=2)
    if "unseen_speakers" in answered:
        missed = Counter(
            score.count - score.correct for score in right_by_speaker(found.answers, "unseen_speakers").values()
        )
        few = ", ".join(f"{missed[count]} with {count}" for count in sorted(missed))
        text += f"\n\nUnseen speakers by their number of misheard clips: {few}."
    return text


def _cells(score: Metric) -> list[str]:
    return [f"{score.correct} of {score.count}", short_score(score.as_row())]
