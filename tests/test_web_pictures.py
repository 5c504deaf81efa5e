"""Every tab as it looks on a desk, on a phone and in the dark: nothing is cut off, all of it can be read.

The pictures stay in pytest's temporary folder (pictures0), for a person to look at.
"""

import pytest
from script_process import ROOT
from web_browser import PHONE, opened

LOOKS = {
    "desk": {"viewport": {"width": 1100, "height": 800}},
    "desk_dark": {"viewport": {"width": 1100, "height": 800}, "color_scheme": "dark"},
    "phone": PHONE,
    "phone_dark": PHONE | {"color_scheme": "dark"},
}
LEAST_CONTRAST = 4.5  # WCAG 2.2, level AA, for text
IN_SIGHT = """
() => [...document.querySelectorAll("header *, [role=tabpanel]:not([hidden]) *")]
    .filter((one) => one.checkVisibility({visibilityProperty: true}))
"""
CUT_OFF = f"""
() => ({IN_SIGHT})().filter((one) => {{
    const box = one.getBoundingClientRect(), scrolls = one.closest(".scroll, #size-chart, #latency-chart, textarea");
    return box.width && !scrolls && (box.right > innerWidth + 1 || box.left < -1);
}}).map((one) => `${{one.tagName}} ${{one.id}} ${{one.textContent.slice(0, 40)}}`)
"""
FAINT = f"""
(least) => {{
    const canvas = new OffscreenCanvas(1, 1).getContext("2d", {{willReadFrequently: true}});
    const light = (red, green, blue) => [red, green, blue].map((part) => part / 255)
        .map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
        .reduce((sum, part, place) => sum + part * [0.2126, 0.7152, 0.0722][place], 0);
    const painted = (colours) => {{
        for (const colour of colours) [canvas.fillStyle = colour, canvas.fillRect(0, 0, 1, 1)];
        return light(...canvas.getImageData(0, 0, 1, 1).data);
    }};
    const ownText = (one) => [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    return ({IN_SIGHT})().filter((one) => ownText(one) && !one.disabled && !one.closest("svg, option")).map((one) => {{
        const behind = [];
        for (let at = one; at; at = at.parentElement) behind.unshift(getComputedStyle(at).backgroundColor);
        const [text, ground] = [painted([...behind, getComputedStyle(one).color]), painted(behind)];
        const contrast = (Math.max(text, ground) + 0.05) / (Math.min(text, ground) + 0.05);
        return [contrast, `${{one.tagName}} ${{one.id}} ${{one.textContent.slice(0, 40)}}: ${{contrast.toFixed(1)}}`];
    }}).filter(([contrast]) => contrast < least).map(([, text]) => text);
}}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("pictures")


def speak(page) -> None:
    """A word with a long name is added, one more is half recorded, and both are heard beside digits."""
    hello, two = ROOT / "samples" / "hello.wav", ROOT / "samples" / "two.wav"
    for name in ("good morning everybody", "hello"):
        page.fill("#own-word", name)
        page.set_input_files("#record-files", [hello] * 3)
        page.wait_for_selector("#takes li:nth-child(3)")
        page.get_by_role("button", name="Add the word").click()
        page.wait_for_selector(f"#own-words b:has-text('{name}')")
    page.fill("#own-word", "computer")
    page.set_input_files("#record-files", [hello, hello, two, hello])
    page.wait_for_selector("#takes li:nth-child(4)")
    page.get_by_role("button", name="Add the word").scroll_into_view_if_needed()
    page.set_input_files("#file", [hello])
    page.wait_for_selector("#state:has-text('hello.wav:')")
    page.set_input_files("#file", [ROOT / "samples" / "one_seven_three.wav"])
    page.wait_for_selector("#state:has-text('173')")
    page.locator("h1").scroll_into_view_if_needed()


def draw(page) -> None:
    page.wait_for_selector("body[data-digits]", state="attached")
    page.get_by_role("button", name="Example").click()
    page.wait_for_selector("#details li:nth-child(2)")


def write(page) -> None:
    page.wait_for_selector("body[data-language]", state="attached")
    page.locator("#sentences button").first.click()
    page.wait_for_selector("#influence span")
    page.locator("#go-on").click()
    page.wait_for_timeout(1_000)
    page.locator("#go-on").click()
    page.wait_for_selector("#go-on[aria-pressed=false]")


def compare(page) -> None:
    page.wait_for_selector("#size-chart .mark")
    page.locator("#size-chart .mark").first.press("Enter")
    page.wait_for_selector("#chosen details")


@pytest.mark.slow(seconds=10)
@pytest.mark.parametrize("look", LOOKS)
def test_every_tab_can_be_seen_whole_and_read(chromium, url, folder, look):
    page = opened(chromium, url, **LOOKS[look])
    for name, act in (("speak", speak), ("draw", draw), ("write", write), ("compare", compare)):
        page.locator(f"#tab-{name}").click()
        act(page)
        page.wait_for_timeout(200)  # what is drawn with the next frame
        page.screenshot(path=folder / f"{look}_{name}.png", full_page=True)
        assert page.evaluate(CUT_OFF) == [], name
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
        assert page.evaluate(FAINT, LEAST_CONTRAST) == [], name
    assert page.errors == []
    page.context.close()
