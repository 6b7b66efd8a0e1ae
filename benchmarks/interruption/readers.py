"""Read a run again and again while it is written, and count the readings that are not right.

    python -m benchmarks.interruption.readers              # five minutes
    python -m benchmarks.interruption.readers --minutes 0.2

One process records as a fast training would. Others read, without a pause: every signal and every
event in several threads, and ``backsight runs`` and ``backsight diagnose``. Every value is known
in advance, so that one that differs, lacks or stands in another place is seen. The exit status is
1 if there was any.
"""

import io
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np

from backsight.cli import main as command_line
from backsight.signals import Profile, Recorder, Run, list_runs
from benchmarks._shared.harness import option_parser, publish

METHOD = (
    "One process records 10 scalars at every iteration, a profile whose width grows every 50th and "
    "an event every 100th, at the rate given. Four readers run beside it: one process with two "
    "threads that read every signal and event in one reading and signal by signal, one that lists "
    "runs, and two processes that call backsight runs --json and backsight diagnose --json. A "
    "reading is bad if it raises, lacks an iteration, holds another value than was recorded, or is "
    "shorter than one before it."
)
SCALARS = ("loss", "grad_norm", "lr", *(f"scalar_{k}" for k in range(7)))
ROW, EVENT = 50, 100
"""Iterations between two profiles, and between two events."""

MAIN = "from benchmarks.interruption import readers; readers.{}({!r}, {!r})"


def value(name: str, iterations: Any) -> Any:
    """What is recorded of a scalar; a NaN in every thousandth iteration of one of them."""
    found = np.asarray(iterations, np.float64) * 0.25 - SCALARS.index(name)
    return np.where(np.asarray(iterations) % 1000 == 999, np.nan, found) if name == "lr" else found


def row(iteration: int) -> Any:
    """What is recorded of the profile."""
    return np.arange(5 + iteration // 5000, dtype=np.float32) + iteration % 97


def write(path: str, told: str) -> None:
    """In a process of its own: record until the time is over; ``told`` is ``SECONDS RATE``."""
    seconds, rate = map(float, told.split())
    began, i = time.monotonic(), 0
    with Recorder(Path(path), kind="run", config={"lr": 0.1}) as recorder:
        while (now := time.monotonic() - began) < seconds:
            if i > now * rate:
                time.sleep(0.002)
                continue
            recorder.scalars(i, {name: float(value(name, i)) for name in SCALARS})
            if i % ROW == 0:
                recorder.profile("hidden_norm/rnn", i, row(i))
            if i % EVENT == 0:
                recorder.event("hundred", i, {"number": i // EVENT})
            i += 1
    print(json.dumps({"iterations": i}))


class Reader:
    """Checks what is read, and remembers how much there was."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.iterations = 0
        self.counts: Counter[str] = Counter()
        self.bad: list[str] = []

    def signals(self) -> None:
        """Everything in one reading, and then each signal alone."""
        run = Run(self.path)
        names = run.names
        whole = run.read(names)
        lengths = {len(whole[name].iterations) for name in names if name in SCALARS}
        assert len(lengths) <= 1, f"one moment has scalars of {lengths} iterations"
        length = max(lengths, default=0)
        assert length >= self.iterations, f"{length} iterations, {self.iterations} before"
        self.iterations = length
        for name in names:
            self.check(name, whole[name], length)
        for name in names:
            alone = run.profile(name) if run.is_profile(name) else run.series(name)
            self.check(name, alone, len(whole[name].iterations))
            if name in SCALARS:
                at, last = run.last(name)
                assert at >= length - 1
                assert np.array_equal(last, value(name, at), equal_nan=True)
        numbers = [event.body["number"] for event in run.events()]
        assert numbers == list(range(len(numbers))), "an event is missing"
        assert len(numbers) >= length // EVENT, "an event is missing at the end"

    def check(self, name: str, signal: Any, least: int) -> None:
        """Values and places, however many there are by now."""
        if isinstance(signal, Profile):
            places = [ROW * n for n in range(len(signal.rows))]
            assert signal.iterations.tolist() == places, f"{name} has other iterations"
            pairs = zip(places, signal.rows, strict=True)
            assert all(np.array_equal(found, row(i)) for i, found in pairs), f"{name}: other rows"
        else:
            at = np.arange(len(signal.iterations))
            assert len(at) >= least, f"{name} is shorter than it was"
            assert np.array_equal(signal.iterations, at), f"{name} has other iterations"
            assert np.array_equal(signal.values, value(name, at), equal_nan=True), (
                f"{name} has other values"
            )

    def listed(self) -> None:
        """The run among its neighbours."""
        (run,), complaints = list_runs(self.path.parent)
        assert not complaints, complaints
        assert run.status in ("running", "finished"), run.status

    def runs(self) -> None:
        """``backsight runs``."""
        (told,) = self.command(0, "runs", self.path.parent)
        assert told["iterations"] >= self.iterations
        self.iterations = told["iterations"]
        if self.iterations:
            newest = np.arange(self.iterations - 1, self.iterations + 10**5)
            assert told["loss"] in value("loss", newest), "another loss"

    def diagnose(self) -> None:
        """``backsight diagnose``; a NaN now and then is a finding."""
        told = self.command(1 if self.iterations > 2000 else None, "diagnose", self.path)
        assert told["iterations"] >= self.iterations
        self.iterations = told["iterations"]

    def command(self, expected: int | None, *words: Any) -> Any:
        """What a command prints as JSON."""
        with redirect_stdout(io.StringIO()) as said:
            status = command_line([*map(str, words), "--json"])
        assert expected in (None, status), f"exit status {status}"
        return json.loads(said.getvalue())

    def again(self, what: str, stop: Callable[[], bool]) -> None:
        """Read until the run has ended, and once after that."""
        last = False
        while not last:
            last = stop()
            try:
                getattr(self, what)()
                self.counts[what] += 1
            except BaseException as error:  # noqa: BLE001 - any is what is looked for
                self.bad.append(f"{what}: {type(error).__name__}: {error}"[:500])


def read(path: str, told: str) -> None:
    """In a process of its own: a thread for each of the readings ``told``."""
    for _ in range(6000):
        if (Path(path) / "signals.db").exists():
            break
        time.sleep(0.01)
    readers = [Reader(Path(path)) for _ in told.split()]
    threads = [
        threading.Thread(target=reader.again, args=(what, lambda: Run(path).status != "running"))
        for what, reader in zip(told.split(), readers, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counts = sum((reader.counts for reader in readers), Counter())
    print(json.dumps({"counts": counts, "bad": [words for one in readers for words in one.bad]}))


def main() -> None:
    """Write, read and publish."""
    parser = option_parser(__doc__)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--rate", type=float, default=1000.0, help="iterations a second")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "run")
        jobs = [
            ("write", f"{options.minutes * 60} {options.rate}"),
            ("read", "signals signals listed"),
            ("read", "runs"),
            ("read", "diagnose"),
        ]
        processes = [
            subprocess.Popen(
                [sys.executable, "-c", MAIN.format(what, path, told)],
                stdout=subprocess.PIPE,
                text=True,
            )
            for what, told in jobs
        ]
        said = [json.loads(process.communicate()[0]) for process in processes]
    written = said[0]["iterations"]
    counts = sum((Counter(one["counts"]) for one in said[1:]), Counter())
    bad = [words for one in said[1:] for words in one["bad"]]
    rows = [
        {"what": what, "right": right, "bad": sum(words.startswith(what) for words in bad)}
        for what, right in counts.items()
    ]
    publish("readers", METHOD, rows)
    print(f"{written:,} iterations written in {options.minutes:g} min; {len(bad)} bad readings")
    print(*bad[:20], sep="\n")
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
