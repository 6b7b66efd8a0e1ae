"""The frames of the pages, and the files that they load: all from the installed package."""

from urllib.parse import unquote

from jinja2 import Environment, PackageLoader
from starlette.responses import PlainTextResponse, Response

from backsight.signals import open_regular
from backsight.ui._access import STORED_PAGE_POLICY
from backsight.ui._index import RunPlace
from backsight.ui._static import edition
from backsight.ui._study_row import study_page

__all__ = ["Pages", "shell", "stored_page"]

LARGEST_PAGE = 64 << 20


class Pages:
    """Renders frames.

    Args:
        root_path: what links begin with.
    """

    def __init__(self, root_path: str) -> None:
        self.root_path = root_path
        self._environment = Environment(
            loader=PackageLoader("backsight.ui", ""),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def render(self, name: str, **values: object) -> str:
        """The frame of that name."""
        template = self._environment.get_template("_frame.html.jinja")
        files = f"{self.root_path}/static/{edition()}"
        return template.render(page=name, root=self.root_path, files=files, **values)


def shell(pages: Pages, path: str) -> Response:
    """The frame of a page; its script knows the rest from the address."""
    kind, _, key = path.removeprefix("/").partition("/")
    body = pages.render(kind or "runs", title=unquote(key) or (kind or "Runs").capitalize())
    return Response(body.encode(errors="backslashreplace"), media_type="text/html; charset=utf-8")


def stored_page(place: RunPlace) -> Response:
    """The page in a study's folder, kept apart from everything else by its policy.

    Raises:
        RunError: it is no regular file.
    """
    try:
        with open_regular(study_page(place)) as file:
            content = file.read(LARGEST_PAGE + 1)
    except OSError:
        return PlainTextResponse("the study has no page yet: it appears when it ends", 404)
    if len(content) > LARGEST_PAGE:
        return PlainTextResponse("the page of the study is too large to be shown", 413)
    headers = {"Content-Security-Policy": STORED_PAGE_POLICY}
    return Response(content, media_type="text/html; charset=utf-8", headers=headers)
