"""A notebook is executed by Jupyter's own client. Skipped where that is not installed."""

import textwrap
from typing import Any

import pytest

nbformat: Any = pytest.importorskip("nbformat", reason="Jupyter is not installed")
nbclient: Any = pytest.importorskip("nbclient", reason="Jupyter is not installed")
pytest.importorskip("ipykernel", reason="Jupyter is not installed")
pytest.importorskip("anywidget", reason="anywidget is not installed")

CELLS = (
    """
    import torch, backsight
    from IPython.display import display
    torch.manual_seed(0)
    model = torch.nn.GRU(3, 8, num_layers=2)
    optimizer = torch.optim.Adam(model.parameters())
    def step():
        optimizer.zero_grad()
        model(torch.randn(40, 4, 3))[0][-1].square().mean().backward()
        optimizer.step()
    with backsight.watch(model, optimizer, "runs/mine", every=10):
        for _ in range(60):
            step()
    """,
    "run = backsight.Run('runs/mine'); run",
    "run.plot.reach()",
    """
    from IPython.core.completer import provisionalcompleter
    with provisionalcompleter():
        found = get_ipython().Completer.completions("run.plot.gr", 11)
        print([one.text.lstrip(".") for one in found])
    """,
    """
    import time
    with backsight.watch(model, optimizer, "runs/live", every=10) as monitor:
        widget = monitor.run.live(every=0.01)
        display(widget)
        shown, until = set(), time.monotonic() + 60
        while len(shown) < 3 and time.monotonic() < until:  # and the kernel is busy
            step()
            shown.add(widget.html)
        print("trained")
    """,
)


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, list[Any]]:
    """The notebook, and what the kernel has said while the last cell ran."""
    cells = [nbformat.v4.new_code_cell(textwrap.dedent(text).strip()) for text in CELLS]
    notebook = nbformat.v4.new_notebook(cells=cells)
    said: list[Any] = []

    class Client(nbclient.NotebookClient):  # type: ignore[misc]
        def process_message(self, message: Any, cell: Any, index: int) -> Any:
            if index == len(CELLS) - 1:
                said.append(message)
            return super().process_message(message, cell, index)

    folder = tmp_path_factory.mktemp("notebook")
    Client(notebook, timeout=120, resources={"metadata": {"path": str(folder)}}).execute()
    nbformat.write(notebook, folder / "executed.ipynb")
    return notebook, said


def bundle(notebook: Any, cell: int) -> Any:
    (output,) = notebook.cells[cell].outputs
    return output["data"]


def test_a_run_shows_itself(executed: tuple[Any, list[Any]]) -> None:
    shown = bundle(executed[0], 1)
    assert shown["text/plain"].startswith("<Run runs/mine finished, 60 iterations>")
    assert '<div class="backsight-run">' in shown["text/html"]
    assert shown["text/html"].count("<svg") == 2


def test_a_figure_is_drawn_and_completed(executed: tuple[Any, list[Any]]) -> None:
    figure = bundle(executed[0], 2)["application/vnd.plotly.v1+json"]
    assert {line["name"] for line in figure["data"]} >= {"l0 last (50)", "l1 last (50)"}
    (said,) = executed[0].cells[3].outputs
    assert said["text"] == "['grad_time', 'gradient_norm']\n"


def test_the_live_view_is_sent_while_the_kernel_trains(executed: tuple[Any, list[Any]]) -> None:
    kinds = [message["header"]["msg_type"] for message in executed[1]]
    trained = next(
        place for place, message in enumerate(executed[1]) if message["content"].get("text")
    )
    assert executed[1][trained]["content"]["text"] == "trained\n"
    before = executed[1][kinds.index("display_data") : trained]
    updates = [
        message["content"]["data"]["state"]["html"]
        for message in before
        if message["header"]["msg_type"] == "comm_msg"
    ]
    assert len(updates) >= 2
    assert all('<div class="backsight-run">' in html for html in updates)
    assert "running" in updates[0]


def test_nothing_is_loaded_from_elsewhere(executed: tuple[Any, list[Any]]) -> None:
    opened = [m for m in executed[1] if m["header"]["msg_type"] == "comm_open"]
    states = [m["content"]["data"]["state"] for m in opened]
    (script,) = (state["_esm"] for state in states if "_esm" in state)
    assert "http" not in script
    assert len(script) < 1_000
