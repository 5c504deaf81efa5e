"""The page when much is asked of it at once: quick clicks."""

import pytest
from script_process import ROOT
from web_browser import opened

SETTLES_MS = 1_000  # what a second answer, which must not come, would need
LONGEST_PROMPT = ("To be or not to be, that is the question.\n" * 50)[:2_000]
MOST_WRITTEN = 600  # characters, as web/src/write.ts has it
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


def ships(task: str) -> bool:
    return (ROOT / "artifacts" / task / "model_int8.onnx").is_file()


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
def test_one_text_is_written_however_often_it_is_begun(page):
    if not ships("language_model"):
        return
    at_the_longest_prompt(page)
    clicked(page, "#go-on", "#go-on", "#go-on")
    assert page.get_attribute("#go-on", "aria-pressed") == "true"
    page.wait_for_selector("#go-on[aria-pressed=false]")
    page.wait_for_timeout(SETTLES_MS)
    assert written(page).startswith(LONGEST_PROMPT)
    assert len(written(page)) == len(LONGEST_PROMPT) + MOST_WRITTEN


def test_a_text_that_is_still_being_read_can_be_stopped(page):
    if not ships("language_model"):
        return
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
