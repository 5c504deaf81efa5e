"""The page when much is asked of it at once: quick clicks, several files, several fingers."""

import pytest
from script_process import ROOT
from web_browser import all_dropped, digits_shown, opened

SETTLES_MS = 1_000  # what a second answer, which must not come, would need
LONGEST_PROMPT = ("To be or not to be, that is the question.\n" * 50)[:2_000]
MOST_WRITTEN = 600  # characters, as web/src/write.ts has it
LETTER = b"dear all"  # no sound
STOP_AT_PIECE = 3
STOPPED_EARLY = """() => {
    const post = Worker.prototype.postMessage, button = document.getElementById("go-on");
    let pieces = 0;
    Worker.prototype.postMessage = function (message, ...rest) {
        post.call(this, message, ...rest);
        if (message.question !== "read") return;
        document.body.dataset.pieces = ++pieces;
        if (pieces === %d) button.click();
    };
    button.click();
}"""


def sample(name: str) -> bytes:
    return (ROOT / "samples" / f"{name}.wav").read_bytes()


def needs(task: str) -> pytest.MarkDecorator:
    """Its tab is there where its model is."""
    path = ROOT / "artifacts" / task / "model_int8.onnx"
    return pytest.mark.skipif(not path.is_file(), reason=f"no model of {task}")


@pytest.fixture
def page(chromium, url):
    page = opened(chromium, url, has_touch=True)
    yield page
    assert page.errors == []
    page.context.close()


def clicked(page, *buttons: str) -> None:
    """These, faster than anybody answers."""
    page.evaluate("buttons => buttons.forEach((one) => document.querySelector(one).click())", list(buttons))


def at_the_longest_prompt(page) -> None:
    page.get_by_role("tab", name="Write").click()
    page.wait_for_selector("body[data-language]")
    page.wait_for_selector("#go-on:enabled")
    page.fill("#prompt", LONGEST_PROMPT)


def written(page) -> str:
    return page.text_content("#written")


@pytest.mark.slow(seconds=15)
@needs("language_model")
def test_one_text_is_written_however_often_it_is_begun(page):
    at_the_longest_prompt(page)
    clicked(page, "#go-on", "#go-on", "#go-on")
    assert page.get_attribute("#go-on", "aria-pressed") == "true"
    page.wait_for_selector("#go-on[aria-pressed=false]")
    page.wait_for_timeout(SETTLES_MS)
    assert written(page).startswith(LONGEST_PROMPT)
    assert len(written(page)) == len(LONGEST_PROMPT) + MOST_WRITTEN


@needs("language_model")
def test_a_text_that_is_still_being_read_can_be_stopped(page):
    at_the_longest_prompt(page)
    page.evaluate(STOPPED_EARLY % STOP_AT_PIECE)
    page.wait_for_selector(f"body[data-pieces='{STOP_AT_PIECE}']")
    assert page.get_attribute("#go-on", "aria-pressed") == "false"
    page.wait_for_timeout(SETTLES_MS)
    assert written(page) == LONGEST_PROMPT
    assert page.get_attribute("body", "data-pieces") == str(STOP_AT_PIECE)  # of more than 30
    page.fill("#prompt", "KING:")
    page.locator("#go-on").click()  # and what was read of the other does not stay
    page.wait_for_selector("#written:text-matches('^KING:.{20}', 's')")


def test_the_words_shown_are_those_of_the_recording_that_is_named(page):
    names = [path.stem for path in sorted((ROOT / "samples").glob("*.wav"))]
    places = {name: f"#samples button:nth-of-type({number})" for number, name in enumerate(names, 1)}
    for one, other, said in (("one", "seven", "7"), ("four_two", "three", "3"), ("nine", "one_seven_three", "173")):
        clicked(page, places[one], places[other])
        page.wait_for_selector(f"#state:text-is('{other}.wav: {said}')")
        page.wait_for_timeout(SETTLES_MS)
        assert page.text_content("#state") == f"{other}.wav: {said}"
        assert digits_shown(page) == list(said)
    assert page.locator("#listen").is_enabled()


def test_each_of_several_files_is_answered(page):
    names = ("one", "four_two", "two")
    all_dropped(page, "#drop", {f"{name}.wav": sample(name) for name in names})
    page.wait_for_selector("#answers li:nth-child(3)")
    answers = page.locator("#answers li").all_inner_texts()
    assert answers == ["one.wav: 1", "four_two.wav: 42", "two.wav: 2"]
    assert page.text_content("#state") == answers[-1]
    assert digits_shown(page) == ["2"]
    page.get_by_role("button", name="seven", exact=True).click()
    page.wait_for_selector("#state:has-text('seven.wav: 7')")
    assert page.locator("#answers").is_hidden()


def test_a_file_that_is_no_sound_keeps_no_other_from_being_heard(page):
    files = {"one.wav": sample("one"), "letter.wav": LETTER, "mine.json": b"[", "two.wav": sample("two")}
    all_dropped(page, "#drop", files | {"end.wav": LETTER})
    page.wait_for_selector("#answers li:nth-child(5)")
    one, letter, mine, two, end = page.locator("#answers li").all_inner_texts()
    assert [one, two] == ["one.wav: 1", "two.wav: 2"]
    assert letter.startswith("letter.wav is no sound file")
    assert mine.startswith("mine.json is not a file of enrolled words")
    assert page.locator("#answers .bad").count() == 3
    page.wait_for_selector("#problem:has-text('letter.wav')")
    assert page.inner_text("#problem").split("\n") == [letter, mine, end]
    assert page.text_content("#state") == two
    assert digits_shown(page) == ["2"]


def test_a_recording_that_is_no_sound_keeps_no_other_from_being_enrolled(page):
    said = {"first.wav": sample("hello"), "letter.wav": LETTER, "last.wav": sample("hello"), "end.wav": LETTER}
    files = [{"name": name, "mimeType": "audio/wav", "buffer": content} for name, content in said.items()]
    page.set_input_files("#record-files", files)
    page.wait_for_selector("#own-problem:has-text('end.wav is no sound file')")
    takes = page.locator("#takes span").all_inner_texts()
    assert [take.split(":")[0] for take in takes] == ["first.wav", "last.wav"]
    assert "letter.wav is no sound file" in page.inner_text("#own-problem").split("\n")[0]


@needs("handwritten_digits")
def test_each_finger_draws_its_own_stroke(page):
    page.get_by_role("tab", name="Draw").click()
    page.wait_for_selector("#drawn:has-text('–')")
    box, touch = page.locator("#canvas").bounding_box(), page.context.new_cdp_session(page)

    def fingers(event: str, across: dict[int, float], down: float) -> None:
        points = [
            {"x": box["x"] + x * box["width"], "y": box["y"] + down * box["height"], "id": finger}
            for finger, x in across.items()
        ]
        touch.send("Input.dispatchTouchEvent", {"type": event, "touchPoints": points})

    first, second = {0: 0.2}, {1: 0.6}
    fingers("touchStart", first, 0.15)
    fingers("touchStart", first | second, 0.15)
    for percent in range(20, 80, 5):
        fingers("touchMove", first | second, percent / 100)
    fingers("touchEnd", second, 0.75)
    for percent in range(80, 90, 5):
        fingers("touchMove", first, percent / 100)  # it draws on
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    page.wait_for_selector("#drawn:text-matches('^1.? 1.?$')")
    assert page.locator("#details li").count() == 2
    page.get_by_role("button", name="Undo").click()
    page.wait_for_selector("#drawn:text-matches('^1.?$')")
    assert page.locator("#details li").count() == 1


@needs("handwritten_digits")
def test_what_is_drawn_while_the_model_is_still_coming_is_read(page):
    """A regression: the field took no stroke until the model was open, and said nothing of it."""
    clicked(page, "#tab-draw", "#example")
    page.wait_for_selector("#details li")
    assert page.inner_text("#drawn") == "3 4"


@needs("handwritten_digits")
def test_what_was_cleared_in_mid_stroke_stays_cleared(page):
    page.get_by_role("tab", name="Draw").click()
    page.wait_for_selector("#drawn:has-text('–')")
    box = page.locator("#canvas").bounding_box()
    page.mouse.move(box["x"] + 100, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + 100, box["y"] + 200, steps=5)
    page.wait_for_selector("#details li")
    clicked(page, "#clear")
    page.mouse.move(box["x"] + 200, box["y"] + 200, steps=5)
    page.mouse.up()
    page.wait_for_selector("#drawn:text-is('–')")
    page.wait_for_timeout(SETTLES_MS)
    assert page.text_content("#drawn") == "–"
    assert page.locator("#details li").count() == 0
