"""The page as a visitor has it: built, behind a plain file server, in a real browser without a screen."""

import base64
import fcntl
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from bench.browser import CHROMIUM

ROOT = Path(__file__).parents[1]
READY_MS = 60_000  # on a busy machine
PHONE = {"viewport": {"width": 360, "height": 640}, "is_mobile": True, "has_touch": True, "device_scale_factor": 2}


def build_site(folder: Path) -> Path:
    """The page, made in this folder; without npm or the browser the test is skipped."""
    if not shutil.which("npm"):
        pytest.skip("needs npm: apt-get install nodejs npm")
    if not CHROMIUM:
        pytest.skip("needs a browser: apt-get install chromium")
    with open(ROOT / "web" / "package.json", encoding="utf-8") as lock:  # another worker may fetch the packages, too
        fcntl.flock(lock, fcntl.LOCK_EX)
        command = ["make", "web-build", f"WEB_DIST={folder}"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


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


def dropped(page, place: str, name: str, content: bytes) -> None:
    """Drop a file of this name onto an element of the page."""
    all_dropped(page, place, {name: content})


def all_dropped(page, place: str, files: dict[str, bytes]) -> None:
    """Likewise several files at once."""
    transfer = page.evaluate_handle(
        """(files) => {
            const transfer = new DataTransfer();
            for (const [name, content] of files) {
                transfer.items.add(new File([Uint8Array.from(atob(content), (sign) => sign.charCodeAt(0))], name));
            }
            return transfer;
        }""",
        [[name, base64.b64encode(content).decode()] for name, content in files.items()],
    )
    page.dispatch_event(place, "drop", {"dataTransfer": transfer})


def run_node_test(name: str, site: Path, folder: Path, **files: Path) -> subprocess.CompletedProcess:
    """A test of web/test, bundled into `folder` and run by Node with these files and the page's runtime."""
    program = folder / f"{name}.mjs"
    bundle = ["npx", "--no-install", "esbuild", f"test/{name}.ts", "--bundle", "--platform=node", "--format=esm"]
    subprocess.run([*bundle, "--log-level=error", f"--outfile={program}"], cwd=ROOT / "web", check=True, timeout=60)
    named = {key: str(path) for key, path in files.items()} | {"RUNTIME": str(site / "runtime.wasm.gz")}
    command = ["node", "--test", str(program)]
    return subprocess.run(command, env=os.environ | named, capture_output=True, text=True, timeout=240)
