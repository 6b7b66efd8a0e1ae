"""What a page costs in Chromium: when it shows what, bytes, and the CPU of keeping it open."""

import json
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Browser, CDPSession, Page, sync_playwright

__all__ = ["Opened", "chromium", "open_page"]

WATCH = """
(() => {
  const wanted = %s, seen = {};
  window.__seen = seen;
  window.__texts = [];
  const look = () => {
    for (const [name, selector] of Object.entries(wanted)) {
      if (name in seen || !document.querySelector(selector)) continue;
      seen[name] = null;
      requestAnimationFrame(() => setTimeout(() => { seen[name] = performance.now(); }, 0));
    }
    const text = window.__watched && document.querySelector(window.__watched)?.textContent;
    if (text && text !== window.__texts.at(-1)?.[1]) window.__texts.push([Date.now(), text]);
  };
  const all = { childList: true, subtree: true, characterData: true };
  new MutationObserver(look).observe(document, all);
})()
"""
"""Notes when something first matches, once it is painted; and each text of one element."""


@dataclass(slots=True)
class Opened:
    """A page that has been opened, and what was measured."""

    page: Page
    session: CDPSession
    browser: CDPSession
    first_byte: float = 0.0
    seen: dict[str, float | None] = field(default_factory=dict)
    """Seconds after the address was called, until each of what was waited for was painted."""
    received: list[float] = field(default_factory=list)
    """Bytes of each answer, as sent."""

    @property
    def megabytes(self) -> float:
        """Received so far."""
        return sum(self.received) / 1e6

    def cpu(self) -> float:
        """Seconds of CPU of all processes of the browser so far."""
        told = self.browser.send("SystemInfo.getProcessInfo")
        return float(sum(one["cpuTime"] for one in told["processInfo"]))

    def watch_text(self, selector: str) -> None:
        """Note each text of the element from now on."""
        self.page.evaluate(
            "selector => { window.__watched = selector; window.__texts = []; }", selector
        )

    def texts(self) -> list[tuple[float, str]]:
        """When the element had which text first, in seconds since 1970."""
        return [(at / 1000, text) for at, text in self.page.evaluate("window.__texts")]


@contextmanager
def chromium() -> Iterator[Browser]:
    """A headless Chromium.

    Raises:
        SystemExit: it is not installed.
    """
    path = shutil.which("chromium")
    if path is None:
        raise SystemExit("chromium is not on the path: install it, it draws the pages")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def open_page(
    browser: Browser, address: str, wanted: Mapping[str, str], limit: float = 60.0
) -> Iterator[Opened]:
    """Open an address in a browser without a cache, and wait for what is wanted.

    Args:
        browser: where.
        address: of the page.
        wanted: selectors, by the name of what they tell.
        limit: seconds to wait; what has not come by then stays None.
    """
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.add_init_script(WATCH % json.dumps(dict(wanted)))
    page = context.new_page()
    session = context.new_cdp_session(page)
    opened = Opened(page, session, browser.new_browser_cdp_session())
    session.send("Network.enable")

    def finished(told: dict[str, Any]) -> None:
        opened.received.append(told["encodedDataLength"])

    session.on("Network.loadingFinished", finished)
    page.goto(address, wait_until="commit", timeout=limit * 1000)
    until = time.monotonic() + limit
    seen: dict[str, float | None] = {}
    while time.monotonic() < until:
        page.wait_for_timeout(50)
        seen = page.evaluate("window.__seen")
        if all(seen.get(name) is not None for name in wanted):
            break
    opened.seen = {
        name: None if seen.get(name) is None else float(seen[name] or 0) / 1000 for name in wanted
    }
    start = page.evaluate("performance.getEntriesByType('navigation')[0].responseStart")
    opened.first_byte = float(start) / 1000
    page.wait_for_timeout(500)  # what is still on its way counts among the bytes
    try:
        yield opened
    finally:
        context.close()
