"""The page as a visitor has it: built, behind a plain file server, in a real browser without a screen."""

import functools
import http.server
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CHROMIUM = shutil.which("chromium")
READY_MS = 60_000  # on a busy machine
FLAGS = ("--no-sandbox", "--autoplay-policy=no-user-gesture-required")
PHONE = {"viewport": {"width": 360, "height": 640}, "is_mobile": True, "has_touch": True, "device_scale_factor": 2}


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def build_site() -> Path:
    """web/dist, made anew; without npm or the browser the test is skipped."""
    if not shutil.which("npm"):
        pytest.skip("needs npm: apt-get install nodejs npm")
    if not CHROMIUM:
        pytest.skip("needs a browser: apt-get install chromium")
    done = subprocess.run(["make", "web-build"], cwd=ROOT, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
    return ROOT / "web" / "dist"


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of a plain file server on this computer."""
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def browser(playwright, *flags: str):
    """Chromium with these switches besides."""
    chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, *flags])
    try:
        yield chromium
    finally:
        chromium.close()


def microphone_flags(recording: Path) -> tuple[str, ...]:
    """A microphone that hears this recording once, from the moment on that it is opened."""
    return (
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={recording}%noloop",
    )


def opened(chromium, url: str, **context):
    """The page, once its model is there; whatever it reports as an error fails the test."""
    page = chromium.new_context(**context).new_page()
    page.errors = []
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.on("console", lambda message: page.errors.append(message.text) if message.type == "error" else None)
    page.goto(url)
    page.wait_for_selector("body[data-ready]", timeout=READY_MS)
    return page


def digits_shown(page) -> list[str]:
    """What stands in the list of heard words."""
    return [item.get_attribute("data-digit") for item in page.locator("#heard li").all()]
