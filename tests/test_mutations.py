"""However a folder is damaged, every reader gives what was recorded, or one sentence."""

import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.mutations import DAMAGES, SUBJECTS, Subject, judge, make_subjects
from tests.mutations._case import fits
from tests.mutations._readers import Content, contents

Truth = tuple[Subject, dict[str, Content], Path]

FEW = ("finished run", "killed run")
"""What a run and a journal can lose; the others are read at length."""

repeated = settings(
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.large_base_example],
)
randoms = st.randoms(use_true_random=False)


def told(root: Path, names: tuple[str, ...]) -> Iterator[dict[str, Truth]]:
    place = root / "place"
    place.mkdir()
    made = make_subjects(root / "subjects", names)
    yield {name: (one, contents(one), place) for name, one in made.items()}


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Truth]]:
    yield from told(tmp_path_factory.mktemp("few"), FEW)


@pytest.fixture(scope="module")
def every(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Truth]]:
    yield from told(tmp_path_factory.mktemp("every"), SUBJECTS)


def check(truth: Truth, kind: str, random: Random) -> None:
    subject, true, place = truth
    found = judge(subject, true, kind, random, place)
    assert not found.bad, f"{subject.name}, {found.damage}: {found.outcome}\n{found.details}"


@pytest.mark.some(1)
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(kind, marks=pytest.mark.long if number % 2 else ())
        for number, kind in enumerate(DAMAGES)
        if kind != "JSON of events"
    ],
)
def test_a_few(kind: str, few: dict[str, Truth]) -> None:
    @settings(repeated, max_examples=6)
    @given(st.sampled_from(FEW), randoms)
    def play(name: str, random: Random) -> None:
        check(few[name], kind, random)

    play()


@pytest.mark.long
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", DAMAGES)
def test_many(kind: str, every: dict[str, Truth]) -> None:
    names = [name for name in SUBJECTS if fits(every[name][0], kind)]

    @settings(repeated, max_examples=150)
    @given(st.sampled_from(names), randoms)
    def play(name: str, random: Random) -> None:
        check(every[name], kind, random)

    play()


@pytest.mark.long
@pytest.mark.skipif(find_spec("atheris") is None, reason="atheris is not installed")
def test_guided_by_coverage() -> None:
    words = [sys.executable, "-m", "tests.guided_mutations", "--runs", "20000"]
    done = subprocess.run(words, cwd=Path(__file__).parent.parent, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_what_is_damaged_is_whole_and_what_is_other_is_seen(few: dict[str, Truth]) -> None:
    """The judge itself: it takes no run for another."""
    subject, true, place = few["finished run"]
    other = {**true, "Run": {**true["Run"], "signal loss": (b"", [])}}
    for random in map(Random, range(40)):
        found = judge(subject, other, "bytes", random, place)
        if found.outcome == "other":
            assert "signal loss differ" in found.details
            return
    pytest.fail("no damage was harmless")
