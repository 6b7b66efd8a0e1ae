"""The Python on ``docs/callbacks.md``, each section where its library is installed."""

import ast
import re
from pathlib import Path

import pytest

from backsight.signals import Run

PAGE = Path(__file__).parents[2] / "docs" / "callbacks.md"

pytestmark = pytest.mark.filterwarnings("ignore")


def sections() -> dict[str, str]:
    """The Python of each section of the page that has some, by its heading."""
    found = {}
    for part in re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        heading, _, text = part.partition("\n")
        code = "\n".join(re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE))
        if code:
            found[heading] = code
    return found


SECTIONS = sections()


def libraries(code: str) -> set[str]:
    """The packages that it imports."""
    found = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return {name.partition(".")[0] for name in found} - {"backsight"}


@pytest.mark.parametrize("heading", SECTIONS)
def test_the_python_of_a_section_records_a_run(
    heading: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a reader would type it, in an empty folder."""
    code = SECTIONS[heading]
    for name in sorted(libraries(code)):
        pytest.importorskip(name)
    monkeypatch.chdir(tmp_path)
    exec(compile(code, heading, "exec"), {"__name__": "__main__"})
    runs = list(map(Run, (tmp_path / "runs").iterdir()))
    assert len(runs) == (3 if heading == "Optuna" else 1)
    wanted = {"loss", "grad_norm"} | (set() if heading == "Keras" else {"grad_norm_applied"})
    for run in runs:
        assert run.status == "finished"
        assert wanted <= set(run.names)
        assert any(name.startswith("reach/") for name in run.names)


def test_every_section_names_a_library_that_needs_nothing_else() -> None:
    for heading, code in SECTIONS.items():
        assert heading.replace("-", "_").lower() in {name.lower() for name in libraries(code)}
