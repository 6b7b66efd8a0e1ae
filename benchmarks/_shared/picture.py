"""A Plotly figure as a picture of the docs."""

import shutil
import tempfile
from pathlib import Path

import plotly.graph_objects as go

__all__ = ["WIDTH", "save"]

WIDTH = 840
"""CSS pixels: as wide as a page of the docs."""


def save(fig: go.Figure, picture: Path) -> None:
    """Write the PNG, as Chromium shows the figure; needs playwright, and the Chromium on the path.

    Args:
        fig: as wide as ``WIDTH``.
        picture: the file to write.
    """
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        page = Path(folder) / "figure.html"
        fig.write_html(page, config={"displayModeBar": False})
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        view = browser.new_page(
            viewport={"width": WIDTH + 40, "height": 900}, device_scale_factor=1.5
        )
        view.goto(page.as_uri())
        view.wait_for_selector(".js-plotly-plot .main-svg")
        view.locator(".js-plotly-plot").screenshot(path=picture)
        browser.close()
