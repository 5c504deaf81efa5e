"""What every test may use: the corpora, two synthetic sounds, and the rule that a strict run skips nothing."""

import os
import resource
import shutil
import subprocess
from itertools import groupby
from pathlib import Path

import hypothesis
import numpy as np
import pytest

from dwindle.errors import UserError
from dwindle.infer.speech import SAMPLE_RATE
from dwindle.tasks.speech.voices import installed_synthesisers

os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when torch and its children start; one test runs on each core
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # several threads on a shared core: whoever waits makes room
hypothesis.settings.register_profile("dwindle", deadline=None, derandomize=True)  # a red run can be repeated
hypothesis.settings.load_profile("dwindle")


def pytest_addoption(parser):
    parser.addoption("--no-skips", action="store_true", help="a skipped test fails the run (continuous integration)")


def pytest_collection_modifyitems(config, items):
    def expected_s(item) -> float:
        slow = item.get_closest_marker("slow")
        return slow.kwargs.get("seconds", 10) if slow else 0

    if not os.environ.get("DWINDLE_KOKORO"):  # 120 MB of a model that no system package brings
        config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker("kokoro")])
        items[:] = [item for item in items if not item.get_closest_marker("kokoro")]
    if "PYTEST_XDIST_WORKER" in os.environ:  # each file runs on one core: the longest first, that none waits at the end
        file_s = {path: sum(map(expected_s, group)) for path, group in groupby(items, lambda item: item.path)}
        items.sort(key=lambda item: -file_s[item.path])
    else:
        items.sort(key=lambda item: expected_s(item) > 0)  # what can fail quickly goes first


def _skip_reports(config) -> list:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    return reporter.stats.get("skipped", []) if reporter else []  # one of several workers reports to the first process


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session, exitstatus):
    if session.config.getoption("--no-skips") and exitstatus == pytest.ExitCode.OK and _skip_reports(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter, config):
    if config.getoption("--no-skips") and (skipped := _skip_reports(config)):
        terminalreporter.section("no test may be skipped here", red=True)
        for report in skipped:
            terminalreporter.line(f"{report.nodeid}: {report.longrepr[2].removeprefix('Skipped: ')}")


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory):
    """Tests neither read nor fill the cache of the person who runs them."""
    os.environ["DWINDLE_CACHE"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of corpora that $DWINDLE_DATA names; without one the test is skipped."""
    folder = os.environ.get("DWINDLE_DATA")
    if not folder:
        pytest.skip("needs the corpora: DWINDLE_DATA is not set")
    if not Path(folder).is_dir():
        pytest.skip(f"needs the corpora: DWINDLE_DATA={folder} is not a folder")
    return Path(folder).resolve()


@pytest.fixture(scope="session")
def site(tmp_path_factory) -> Path:
    """The page, built."""
    from web_browser import build_site  # here: these rules are tried without the other files, too

    return build_site(tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="session")
def url(site):
    """Where a plain file server offers the page."""
    from bench.browser import served

    with served(site) as address:
        yield address


@pytest.fixture(scope="module")
def playwright(site):
    """What drives browsers."""
    with pytest.importorskip("playwright.sync_api").sync_playwright() as started:
        yield started


@pytest.fixture(scope="module")
def chromium(playwright):
    """A real browser without a screen, and without a microphone."""
    from bench.browser import browser

    with browser(playwright) as started:
        yield started


@pytest.fixture
def tone() -> np.ndarray:
    """One second of 440 Hz at half scale."""
    return (0.5 * np.sin(2 * np.pi * 440 * np.arange(SAMPLE_RATE) / SAMPLE_RATE)).astype(np.float32)


@pytest.fixture
def speechlike() -> np.ndarray:
    """One second with the outline of a word: quiet, 0.4 s of a 120 Hz buzz that swells and falls, quiet."""
    rng = np.random.default_rng(0)
    time_s = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    buzz = sum(np.sin(2 * np.pi * 120 * harmonic * time_s) / harmonic for harmonic in range(1, 20))
    outline = np.where(np.abs(time_s - 0.5) < 0.2, np.cos((time_s - 0.5) * np.pi / 0.4), 0.0)
    return (0.3 * outline * buzz + 0.001 * rng.standard_normal(SAMPLE_RATE)).astype(np.float32)


@pytest.fixture
def synthesisers() -> list[str]:
    """What speaks here; without any the test is skipped."""
    try:
        return installed_synthesisers()
    except UserError as error:
        pytest.skip(str(error))


@pytest.fixture
def small_disk(tmp_path):
    """A folder that takes 400 kB: a disk of its own where this user may mount one, else a limit on file sizes."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = [shutil.which("mount") or "false", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(folder)]
    if os.geteuid() == 0 and subprocess.run(mount, capture_output=True).returncode == 0:
        yield folder, "the disk is full"
        subprocess.run(["umount", str(folder)], check=True)
    else:
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, hard))
        yield folder, "file too large"
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
