"""Python, commands, links and terms in the README and on the pages of ``docs/``."""

import itertools
import re
import shlex
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field, is_dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import nn

from backsight.cli._main import COMMANDS
from backsight.cli._options import parse
from backsight.cli._run import split
from backsight.cli._study_options import split_words
from backsight.cli._train import ALIASES, Resume
from backsight.guard import policies_from
from backsight.lab import TASKS, Chars, train
from backsight.signals import Recorder, Run
from backsight.studies import Ended, Trial

ROOT = Path(__file__).parent.parent
DOCS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
IN_ROOT = sorted({*ROOT.glob("*.md"), *DOCS, *ROOT.glob("benchmarks/**/*.md")})


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text_of(page), re.DOTALL | re.MULTILINE)


# -- Python --------------------------------------------------------------------------------------


class Net(nn.Module):
    """A layer of the name and kind that a page's example has."""

    def __init__(self, kind: str = "gru", *, head: int = 0) -> None:
        super().__init__()
        self.kind = kind
        self.add_module(kind, getattr(nn, kind.upper())(3, 4, batch_first=True))
        self.head = nn.Linear(4, head) if head else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        output: torch.Tensor = self.head(self.get_submodule(self.kind)(x)[0])
        return output


def loop_of_ones_own() -> dict[str, Any]:
    model = Net()
    return {
        "model": model,
        "optimizer": torch.optim.SGD(model.parameters(), lr=0.1),
        "criterion": nn.MSELoss(),
        "batches": [(torch.randn(2, 6, 3), torch.randn(2, 6, 4)) for _ in range(3)],
    }


def watched() -> dict[str, Any]:
    """For the loop, and for the probe and the context of the same model."""
    x, y = torch.randn(2, 9, 3), torch.randn(2, 9, 4)
    return {**loop_of_ones_own(), "torch": torch, "x": x, "y": y, "evaluate": lambda c: 1 / c}


def check_loop(names: dict[str, Any], said: str) -> None:
    run = Run("runs/mine")
    assert run.status == "finished"
    assert {"loss", "grad_norm", "grad_norm_applied", "hidden_norm_mean/gru.l0"} <= set(run.names)
    assert len(run["loss"]) == 3


def check_watched(names: dict[str, Any], said: str) -> None:
    check_loop(names, said)
    assert "gru.l0 the gradient is below half from lag " in said
    assert "100 the model uses all 100 steps of context" in said


def sunk() -> dict[str, Any]:
    pytest.importorskip("tensorboard")
    return watched()


def check_sunk(names: dict[str, Any], said: str) -> None:
    assert Path("runs/mine/values.jsonl").stat().st_size > 0
    for folder in ("runs/mine/tensorboard", "logs/mine"):
        assert len(list(Path(folder).glob("events.out.tfevents.*"))) == 1
    assert said.startswith(f"0 {Run('runs/printed')['loss'][0]}")
    assert said.endswith("[PosixPath('exported.jsonl')]\n")


def check_readme(names: dict[str, Any], said: str) -> None:
    check_loop(names, said)
    assert said.endswith("report.html\n")


def trained_before() -> dict[str, Any]:
    train(Chars(run=Path("runs/chars-rnn-1"), hidden=8, seq_len=10, iterations=2, report=False,
                validate_chars=2000))  # fmt: skip
    return {}


def check_library(names: dict[str, Any], said: str) -> None:
    assert "finished 2" in said
    assert "page runs/chars-lstm-1/report.html" in said


def in_notebook() -> dict[str, Any]:
    pytest.importorskip("anywidget")
    pytest.importorskip("IPython")
    recorded_before()
    return watched()


def check_in_notebook(names: dict[str, Any], said: str) -> None:
    assert "['loss', 'reach', 'reach_time']" in said
    assert Path("reach.html").exists()
    assert Run("runs/live").status == "finished"


def recorded_before() -> dict[str, Any]:
    with Recorder(Path("runs/mine"), kind="run", config={}, seed=0) as recorder:
        recorder.scalars(0, {"loss": 1.25})
        recorder.profile("reach/gru.l0", 0, [1.0, 0.5, 0.25])
    return {}


def check_reading(names: dict[str, Any], said: str) -> None:
    assert "1.25 [1.   0.5  0.25]" in said


def guarded() -> dict[str, Any]:
    """A loop whose second batch is not finite, and a curriculum's."""
    torch.manual_seed(0)
    bad = torch.full((2, 6, 3), torch.nan)
    names = loop_of_ones_own()
    names["batches"] = [(x, torch.randn(2, 6, 4)) for x in (torch.randn(2, 6, 3), bad)]
    return {
        **names,
        "iterations": 3,
        "batch": lambda steps: (torch.randn(2, steps, 3), torch.randn(2, steps, 4)),
        "train_step": lambda x, y: (nn.functional.mse_loss(names["model"](x), y), None),
    }


def check_guarded(names: dict[str, Any], said: str) -> None:
    assert [act.policy for act in names["guard"].interventions] == ["skip"]
    assert all(parameter.isfinite().all() for parameter in names["model"].parameters())
    assert names["length"].length == 20


def ranked() -> dict[str, Any]:
    torch.manual_seed(0)
    model = Net(head=2)

    def train(model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        for _ in range(3):
            optimizer.zero_grad()
            model(torch.randn(2, 6, 3)).square().mean().backward()
            optimizer.step()

    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    return {"torch": torch, "model": model, "optimizer": optimizer, "train": train}


def check_ranked(names: dict[str, Any], said: str) -> None:
    (example,) = blocks(ROOT / "docs/measurements.md", "python")
    body = example[example.index("class HeadRank") : example.index("with backsight")]
    assert len(body.strip().splitlines()) <= 10
    ranks = Run("runs/ranked")["head_rank"]
    assert len(ranks) == 1
    assert 1 <= ranks[0] <= 2
    assert f"{ranks[0]:.4f}"[:4] in said


class Pretended:
    """An engine that writes each trial's run by hand; an LSTM helps."""

    workers = 1

    def run(self, trials: Sequence[Trial]) -> Generator[Ended, None, None]:
        for trial in trials:
            with Recorder(trial.run, kind="train x", config={"iterations": 2}, seed=0) as recorder:
                recorder.scalars(0, {"loss": 1.4, "grad_norm": 0.5})
                recorder.scalars(1, {"val_loss": 0.01 if "lstm" in trial.name else 1.3})
            yield Ended(trial.name, 0, 2.0)


def check_remedies(names: dict[str, Any], said: str) -> None:
    assert "lstm" in said
    assert names["study"].verdict.command


def check_sequence_model(names: dict[str, Any], said: str) -> None:
    assert names["run"].status == "finished"
    assert len(names["rows"]) == 2
    layers = tuple(f"block_reach/layers.{n}" for n in range(3))
    assert f"('reach/input:embed',) {layers}" in said
    assert "input:layers.1 the gradient is " in said


def check_map(names: dict[str, Any], said: str) -> None:
    assert names["found"].outcomes.shape == (8, 8)


def check_memory(names: dict[str, Any], said: str) -> None:
    assert names["profile"].lags.tolist() == [1, 2, 4, 8, 16, 32, 40]
    assert "the state holds the last" in said
    assert "\nthe largest Lyapunov exponent is -0." in said
    assert 0 < names["deep"].capacity.total <= 16.1
    assert names["lives"].window == 48
    assert "\nby half-life, half of the channels forget within " in said


def check_task(names: dict[str, Any], said: str) -> None:
    assert "79 1.386" in said


@dataclass(frozen=True)
class Example:
    """What the Python of a page finds, what is shortened in it, and what comes of it."""

    names: Callable[[], dict[str, Any]]
    check: Callable[[dict[str, Any], str], None]
    shortened: dict[str, str] = field(default_factory=dict)


LAB_SHORT = {"iterations=500": "iterations=2, hidden=16, validate_chars=2000"}

EXAMPLES = {
    "README.md": Example(loop_of_ones_own, check_readme),
    "docs/guard.md": Example(guarded, check_guarded),
    "docs/lab.md": Example(trained_before, check_library, LAB_SHORT),
    "docs/measurements.md": Example(ranked, check_ranked),
    "docs/memory.md": Example(dict, check_memory),
    "docs/notebook.md": Example(in_notebook, check_in_notebook),
    "docs/runs.md": Example(recorded_before, check_reading),
    "docs/sequence-models.md": Example(
        dict, check_sequence_model, {"range(301)": "range(3)", "every=100": "every=2"}
    ),
    "docs/sinks.md": Example(sunk, check_sunk),
    "docs/studies-map.md": Example(dict, check_map, {"iterations=300": "iterations=2"}),
    "docs/studies-remedies.md": Example(dict, check_remedies),
    "docs/tasks.md": Example(dict, check_task),
    "docs/watch.md": Example(watched, check_watched),
}


def test_every_page_with_python_has_its_example() -> None:
    """The scripts on the page of findings are run by ``test_rule_examples.py``; those for other
    libraries by ``integrations/test_page.py``, where these are installed."""
    with_python = [name_of(page) for page in DOCS if blocks(page, "python")]
    with_python.remove("docs/findings.md")
    with_python.remove("docs/callbacks.md")
    assert with_python == list(EXAMPLES)


@pytest.mark.some(4)
@pytest.mark.parametrize("name", EXAMPLES)
def test_the_python_of_a_page_runs(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """From top to bottom in one namespace, as a reader would type it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("backsight.studies.make_engine", lambda words: Pretended())
    example = EXAMPLES[name]
    code = "\n".join(blocks(ROOT / name, "python"))
    for text, short in example.shortened.items():
        assert text in code
        code = code.replace(text, short)
    names = {"__name__": "__main__"} | example.names()
    capsys.readouterr()
    exec(compile(code, name, "exec"), names)
    example.check(names, capsys.readouterr().out)


# -- commands ------------------------------------------------------------------------------------

STAND_INS = {
    "TASK": "temporal-order",
    "SCRIPT": "train.py",
    "PATH": "embedding",
    "RUN": "runs/rnn-1",
    "[DIR]": "runs",
    "CHECKPOINT": "runs/rnn-1/checkpoints/iteration-5.ckpt",
    "CODE": "BKS101",
    "WORDS": "safe",
    "KIND": "adaptive",
    "N": "100",
}


def commands(page: Path) -> list[list[str]]:
    """The words after ``backsight`` of every command line on a page, in blocks or in a sentence."""
    typed = "\n".join(blocks(page, "sh")).replace("\\\n", " ").splitlines()
    shown = "\n".join(blocks(page, "text")).splitlines()
    lines = [*typed, *(line[2:] for line in shown if line.startswith("$ "))]
    inline = re.findall(r"`(backsight [^`]+)`", re.sub(r"```.*?```", "", text_of(page), flags=re.S))
    found = []
    for line in [*lines, *(" ".join(code.split()) for code in inline)]:
        at = re.match(r"(?:torchrun .* -- )?backsight (?=[a-z-])", line)
        if at is not None:
            words = shlex.split(line[at.end() :].partition(" > ")[0], comments=True)
            found.append([STAND_INS.get(word, word) for word in words if word != "…"])
    return found


COMMAND_LINES = [
    pytest.param(words, id=f"{name_of(page)}: {' '.join(words)}")
    for page in [*DOCS, ROOT / "CONTRIBUTING.md"]
    for words, _ in itertools.groupby(sorted(commands(page)))
]


def options_of(module: ModuleType) -> type[Any]:
    """The one dataclass that a command's module defines."""
    (options,) = [
        kind
        for kind in vars(module).values()
        if isinstance(kind, type) and is_dataclass(kind) and kind.__module__ == module.__name__
    ]
    return options


def read(words: Sequence[str]) -> None:
    """Read a command line as the command does, and start nothing.

    Raises:
        SettingError: it cannot be read.
    """
    command, *rest = words
    assert command in COMMANDS, words
    if not rest or "--help" in rest:
        return
    if command == "run":
        own, _ = split(rest)
        options = parse(options_of(import_module("backsight.cli._run")), "backsight run", own)
        if options.guard is not None:
            policies_from(options.guard)
    elif command == "train":
        read_train(rest)
    elif command == "study":
        read_study(rest)
    else:
        module = import_module(f"backsight.cli._{command}")
        parse(options_of(module), f"backsight {command}", rest)


def read_train(words: Sequence[str]) -> None:
    if words[0].startswith("--resume"):
        parse(Resume, "backsight train --resume", words)
    elif not words[0].startswith("--"):  # "backsight train --help" and such, in a sentence
        settings = parse(TASKS[ALIASES.get(words[0], words[0])], "backsight train", words[1:])
        if settings.guard_in_force is not None:
            policies_from(settings.guard_in_force)


def read_study(words: Sequence[str]) -> None:
    kind, *rest = words
    module = import_module(f"backsight.cli._study_{kind}")
    if not rest:
        return
    if kind == "map":
        parse(options_of(module), "backsight study map", rest)
        return
    target, own, trials = split_words(rest, module.OWN)
    options = parse(options_of(module), f"backsight study {kind}", own)
    if target in TASKS:
        cells = getattr(options, "cell", "rnn").split(",")
        for cell in cells:
            parse(TASKS[target], f"backsight train {target}", [*trials, "--cell", cell])


@pytest.mark.some(36)
@pytest.mark.parametrize("words", COMMAND_LINES)
def test_a_command_line_can_be_typed(words: list[str]) -> None:
    read(words)


def test_command_lines_are_found() -> None:
    assert {words.values[0][0] for words in COMMAND_LINES} == set(COMMANDS)  # type: ignore[index]


# -- links and terms -----------------------------------------------------------------------------


def anchors(page: Path) -> set[str]:
    """As GitHub makes them: of headings, and named ones."""
    text = re.sub(r"^```.*?^```", "", text_of(page), flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    slugs = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in headings}
    return slugs | set(re.findall(r'<a id="([^"]+)"></a>', text))


@pytest.mark.parametrize("page", IN_ROOT, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```|`[^`\n]+`", "", text_of(page), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+://", target):
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), target
        if anchor:
            assert anchor in anchors(linked), target


GLOSSARY = ROOT / "docs/glossary.md"
TERMS = re.findall(r'^\* <a id="([^"]+)"></a>\*\*(.+?)\*\*: ', text_of(GLOSSARY), re.MULTILINE)
EVERYDAY = {
    "block",
    "lag",
    "run",
    "signal",
    "sample",
    "map",
    "study",
    "cut",
    "guard",
    "trial",
    "policy",
}
"""Terms that are common words, too: whether one is meant, a test cannot tell."""
LISTS = ("README.md", "index.md", "findings.md", "signals.md", "glossary.md")
"""Short, generated, or the glossary itself: these need no links to it."""


def test_the_glossary_defines_each_term_in_a_sentence() -> None:
    items = re.findall(r"^\* (.+?)(?=^\* |^#|\Z)", text_of(GLOSSARY), re.DOTALL | re.MULTILINE)
    assert len(items) == len(TERMS) >= 20
    for (anchor, term), item in zip(TERMS, items, strict=True):
        assert anchor == term.lower().replace(" ", "-")
        assert item.strip().endswith("."), term
        assert not re.search(r"\. [A-Z]", item), term


@pytest.mark.parametrize("page", [page for page in DOCS if page.name not in LISTS], ids=name_of)
def test_a_term_is_linked_where_a_page_uses_it_first(page: Path) -> None:
    """In prose: headings, tables and code are left out."""
    text = re.sub(r"^```.*?^```$|^[#|][^\n]*$", "", text_of(page), flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"`[^`]+`|!\[[^]]*\]\([^)]*\)", "", text)
    for anchor, term in TERMS:
        words = re.sub(r"y$", "(?:y|ies)", r"\s".join(term.split()))
        used = re.search(rf"(?i)(\[?)\b{words}s?\b(\]\(glossary\.md#{anchor}\))?", text)
        if used is not None and anchor not in EVERYDAY:
            assert used[1], (anchor, text[max(0, used.start() - 40) : used.end() + 40])
            assert used[2], (anchor, text[max(0, used.start() - 40) : used.end() + 40])
