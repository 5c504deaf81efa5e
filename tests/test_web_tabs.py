"""The page's other tabs in a real browser: each is there exactly where its model is, and answers as Python does."""

import base64
import json

import pytest
from script_process import ROOT
from web_browser import opened, run_node_test

# lines from 0 to 1 in a digit's box, as people draw them with a mouse
LINES = {
    "0": [[(0.5, 0), (0.15, 0.2), (0.1, 0.7), (0.45, 1), (0.85, 0.75), (0.85, 0.25), (0.5, 0)]],
    "1": [[(0.5, 0), (0.5, 1)]],
    "2": [[(0.1, 0.25), (0.35, 0.02), (0.75, 0.12), (0.7, 0.45), (0.1, 1), (0.95, 0.98)]],
    "3": [[(0.1, 0.1), (0.5, 0), (0.8, 0.22), (0.4, 0.47), (0.85, 0.65), (0.7, 0.95), (0.1, 0.92)]],
    "4": [[(0.25, 0), (0.05, 0.6), (0.95, 0.6)], [(0.65, 0.3), (0.6, 1)]],
    "5": [[(0.85, 0), (0.25, 0.02), (0.2, 0.42), (0.65, 0.4), (0.85, 0.7), (0.5, 1), (0.1, 0.9)]],
    "6": [[(0.7, 0), (0.3, 0.3), (0.12, 0.75), (0.45, 1), (0.85, 0.78), (0.6, 0.52), (0.18, 0.72)]],
    "7": [[(0.1, 0.02), (0.88, 0.02), (0.4, 1)]],
    "8": [
        [(0.5, 0), (0.2, 0.22), (0.5, 0.48), (0.85, 0.75), (0.5, 1), (0.15, 0.75), (0.5, 0.48), (0.8, 0.22), (0.5, 0)]
    ],
    "9": [[(0.78, 0.18), (0.45, 0.02), (0.15, 0.25), (0.4, 0.5), (0.78, 0.18), (0.75, 1)]],
}
SENTENCES = (
    "a gripping film",
    "It isn’t funny, and it don't even try.",
    "  An unbearably   tedious mess!!! ",
    "naïve café crème, Ångström — déjà vu…",
    "not bad, not good; just there (2/5)",
    "映画は良かった and so was the music",
    "supercalifragilisticexpialidocious",
    "a\tfilm\nof two\u00a0halves",
    "it " + "never ends and " * 150 + "is wonderful",
)
PROMPT = "First Citizen:\nBefore we proceed any further, hear me speak.\n\nAll:\nSpeak, speak."


@pytest.fixture(scope="module")
def page(chromium, url):
    page = opened(chromium, url)
    yield page
    assert page.errors == []
    page.context.close()


def model_of(task: str):
    """What a task ships, or None."""
    path = ROOT / "artifacts" / task / "model_int8.onnx"
    return path if path.is_file() else None


def draw(page, digit: str, left: float = 0.3) -> None:
    """With the mouse, half as wide as it is high."""
    box = page.locator("#canvas").bounding_box()
    height = 0.7 * box["height"]

    def at(point: tuple[float, float]) -> tuple[float, float]:
        return box["x"] + left * box["width"] + 0.6 * height * point[0], box["y"] + 0.15 * box[
            "height"
        ] + height * point[1]

    for first, *rest in LINES[digit]:
        page.mouse.move(*at(first))
        page.mouse.down()
        for point in rest:
            page.mouse.move(*at(point), steps=5)
        page.mouse.up()


def test_a_tab_is_there_exactly_where_its_model_is(page):
    assert page.locator("#tab-draw").is_visible() == (model_of("handwritten_digits") is not None)
    texts = [model_of("sentiment"), model_of("language_model")]
    assert page.locator("#tab-write").is_visible() == any(texts)
    assert page.locator("#tab-compare").is_visible()
    for key, shown in (("End", "compare"), ("Home", "speak"), ("ArrowLeft", "compare")):
        page.locator("[role=tab][aria-selected=true]").press(key)
        assert page.locator(f"#{shown}").is_visible()
        assert page.locator("[role=tabpanel]:visible").count() == 1


def test_digits_are_read_while_they_are_drawn(page):
    if not model_of("handwritten_digits"):
        return
    page.get_by_role("tab", name="Draw").click()
    page.wait_for_selector("#drawn:has-text('–')")
    right = 0
    for digit in LINES:
        page.get_by_role("button", name="Clear").click()
        page.wait_for_selector("#drawn:text-is('–')")
        draw(page, digit)
        page.wait_for_selector("#details li")
        page.wait_for_timeout(200)
        right += page.inner_text("#drawn").rstrip("?") == digit
    assert right >= 9
    page.get_by_role("button", name="Undo").click()
    page.wait_for_selector("#drawn:text-is('–')")


def test_digits_side_by_side_are_read_as_python_reads_their_picture(page, tmp_path):
    if not model_of("handwritten_digits"):
        return
    from dwindle.infer.images.reader import DigitReader

    reader = DigitReader(model_of("handwritten_digits"))
    page.get_by_role("tab", name="Draw").click()
    for text in ("27", "408"):
        page.get_by_role("button", name="Clear").click()
        for place, digit in enumerate(text):
            draw(page, digit, 0.08 + 0.3 * place)
        page.wait_for_selector(f"#details li:nth-child({len(text)})")
        page.wait_for_timeout(200)
        data = page.evaluate(
            """() => {
                const drawn = document.getElementById("canvas"), paper = document.createElement("canvas");
                [paper.width, paper.height] = [drawn.width, drawn.height];
                const context = paper.getContext("2d");
                context.fillStyle = "white";
                context.fillRect(0, 0, paper.width, paper.height);
                context.drawImage(drawn, 0, 0);
                return paper.toDataURL("image/png").split(",")[1];
            }"""
        )
        (tmp_path / "drawn.png").write_bytes(base64.b64decode(data))
        shown = page.inner_text("#drawn").replace(" ", "").replace("?", "")
        assert shown == reader.read(tmp_path / "drawn.png").text == text


def test_the_example_needs_no_pointer(page):
    if not model_of("handwritten_digits"):
        return
    page.get_by_role("tab", name="Draw").press("Enter")
    page.get_by_role("button", name="Example").press("Enter")
    page.wait_for_selector("#drawn:text-is('3 4')")
    seen = [shown.get_attribute("aria-label") for shown in page.locator("#details .segments").all()]
    assert seen == [
        "strokes of a display: top, upper right, middle, lower right, bottom",
        "strokes of a display: upper left, upper right, middle, lower right",
    ]


@pytest.mark.slow(seconds=20)
def test_a_sentence_feels_as_python_says(page):
    if not model_of("sentiment"):
        return
    from dwindle.infer.text.sentiment_model import SentimentModel

    model = SentimentModel(model_of("sentiment"))
    page.get_by_role("tab", name="Write").click()
    page.wait_for_selector("#sentiment", state="visible")
    page.wait_for_selector("body[data-sentiment]")
    for sentence in SENTENCES:
        page.fill("#sentence", "")
        page.wait_for_selector("#feeling:empty", state="attached")
        page.fill("#sentence", sentence)
        page.wait_for_selector("#feeling:not(:empty)")
        expected = model.classify(sentence)
        label, share = page.inner_text("#feeling").split(", ")
        assert label.rstrip("?") == expected.label, sentence
        assert label.endswith("?") == expected.unsure, sentence
        assert abs(int(share.split("%")[0]) - 100 * expected.confidence) <= 1.5, sentence


def test_a_words_influence_is_what_is_gone_without_it(page):
    if not model_of("sentiment"):
        return
    from dwindle.infer.text.sentiment_model import SentimentModel

    model = SentimentModel(model_of("sentiment"))

    def positive(text: str) -> float:
        found = model.classify(text)
        return found.confidence if found.label == model.labels[1] else 1 - found.confidence

    page.get_by_role("tab", name="Write").click()
    page.wait_for_selector("body[data-sentiment]")
    words = ["a", "wonderful", "film", "with", "a", "dull", "end"]
    page.fill("#sentence", " ".join(words))
    page.wait_for_selector(f"#influence span:nth-of-type({len(words)})")
    for place, mark in enumerate(page.locator("#influence span").all()):
        rest = " ".join(words[:place] + words[place + 1 :])
        expected = positive(" ".join(words)) - positive(rest)
        assert float(mark.get_attribute("data-influence")) == pytest.approx(expected, abs=0.01)


@pytest.mark.slow(seconds=20)
def test_the_language_model_goes_on_as_pythons(site, tmp_path):
    if not model_of("language_model"):
        return
    from dwindle.infer.text.language_generator import TextGenerator

    path = model_of("language_model")
    goes_on = "".join(TextGenerator(path).generate(PROMPT, 200, temperature=0))  # until the ring has gone round
    expected = tmp_path / "expected.json"
    expected.write_text(json.dumps({"prompt": PROMPT, "goes_on": goes_on}), encoding="utf-8")
    done = run_node_test("language.test", site, tmp_path, MODEL=path, EXPECTED=expected)
    assert done.returncode == 0, done.stdout[-2000:]


def test_a_text_goes_on_until_it_is_stopped(page):
    if not model_of("language_model"):
        return
    page.get_by_role("tab", name="Write").click()
    page.wait_for_selector("body[data-language]")
    page.fill("#prompt", "KING:")
    page.locator("#go-on").click()
    page.wait_for_selector("#go-on[aria-pressed=true]")
    page.wait_for_timeout(1_000)
    page.locator("#go-on").click()
    page.wait_for_selector("#go-on[aria-pressed=false]")
    written = page.inner_text("#written")
    assert written.startswith("KING:")
    assert len(written) > 20
    page.wait_for_timeout(300)
    assert page.inner_text("#written") == written
    assert "characters a second" in page.inner_text("#speed")
