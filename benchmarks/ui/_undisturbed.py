"""When the first figure of a page is there, with nobody looking meanwhile."""

import math
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser

__all__ = ["undisturbed"]

PORT = "DevToolsActivePort"
"""The file of a profile that says where its browser can be asked."""

MARK = "performance.getEntriesByName('figure')[0]?.startTime ?? null"
"""What a page notes when it has drawn its first figure."""


def undisturbed(browser: Browser, address: str, visits: int = 3, rest: float = 6.0) -> list[float]:
    """Seconds from calling the address to the first figure, visit by visit; NaN without one.

    A debugger doubles the time of plotly.js: for it, V8 finds the lines of code that it otherwise
    finds when they are asked for. So the page notes the time, and is asked later.

    Args:
        browser: with which the pages are asked.
        address: of the page of a run.
        visits: of one browser, which has nothing of the page in its cache at first.
        rest: seconds before a page is asked.
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        return [_visit(browser, address, Path(profile), rest) for _ in range(visits)]


def _visit(browser: Browser, address: str, profile: Path, rest: float) -> float:
    (profile / PORT).unlink(missing_ok=True)
    words = [
        shutil.which("chromium") or "chromium", "--headless=new", "--no-sandbox",
        "--window-size=1280,900", f"--user-data-dir={profile}", "--remote-debugging-port=0",
        address,
    ]  # fmt: skip
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            time.sleep(rest)
            port = (profile / PORT).read_text().split()[0]
            other = browser.browser_type.connect_over_cdp(f"http://127.0.0.1:{port}")
            told = other.contexts[0].pages[0].evaluate(MARK)
            other.close()
        finally:
            process.terminate()
    return math.nan if told is None else float(told) / 1000
