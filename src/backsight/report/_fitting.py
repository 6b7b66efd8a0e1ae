"""Figures that fit on a page: drawn in full or, where that takes too much, with fewer points."""

from collections.abc import Callable, Sequence

from markupsafe import Markup

from backsight.report._html import packed_script
from backsight.report._thin import LEAST, thinner

__all__ = ["fitting"]

PAGE_BYTES = 6_000_000
"""Of a page, at the most: it can be mailed, and opened on a phone."""

WORDS = 100_000
"""Bytes of a page beside its figures and the script."""


def fitting(draw: Callable[[], Sequence[Markup]], *, light: bool = False) -> Sequence[Markup]:
    """What ``draw`` gives, thinned until it fits on a page.

    Args:
        draw: draws all figures of the page, each as a part of it.
        light: whether the page comes without Plotly's script.
    """
    room = PAGE_BYTES - WORDS - (0 if light else len(packed_script()))
    share = 1.0
    while True:
        with thinner(share):
            drawn = draw()
        size = sum(len(html.encode()) for html in drawn)
        if size <= room or share <= LEAST:
            return drawn
        share = max(LEAST, 0.9 * share * room / size)
