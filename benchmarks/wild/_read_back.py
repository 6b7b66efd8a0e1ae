"""What sinks have of runs, read by each tool's own client, beside what the runs have.

Prints one line of JSON: by sink, ``same`` or what differs. Started by ``benchmarks.wild.callbacks``
with the interpreter that has the tools, in the folder that has ``runs``.
"""

import json
import math
import re
import struct
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from backsight.signals import Run, natural_order

__all__ = ["SINKS"]

Values = dict[tuple[str, int], float]
"""By name and iteration."""


def recorded(run: Run) -> Values:
    """The scalars of a run."""
    found: Values = {}
    for name in run.names:
        if not run.is_profile(name):
            series = run.series(name)
            pairs = zip(series.iterations.tolist(), series.values.tolist(), strict=True)
            found |= {(name, at): value for at, value in pairs}
    return found


def of_jsonl(run: Run) -> Values:
    """Lines of JSON, by the standard library."""
    lines = (run.path / "values.jsonl").read_text(encoding="utf-8").splitlines()
    return {
        (name, line["iteration"]): float(value)
        for line in map(json.loads, lines)
        for name, value in line.get("scalars", {}).items()
    }


def of_tensorboard(run: Run) -> Values:
    """TensorBoard's ``EventAccumulator``."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder = str(run.path / "tensorboard")
    events = EventAccumulator(folder, size_guidance={"scalars": 0}).Reload()
    return {(n, e.step): e.value for n in events.Tags()["scalars"] for e in events.Scalars(n)}


def of_wandb(run: Run) -> Values:
    """W&B's messages; it has no reader of its own files any more, other than what uploads them."""
    from wandb.proto.wandb_internal_pb2 import Record  # type: ignore[import-not-found, unused-ignore]

    found: Values = {}
    for file in run.path.glob("wandb/offline-run-*/*.wandb"):
        for content in _records(file.read_bytes()):
            record = Record()
            record.ParseFromString(content)
            # What has several keys is a part of something, such as of a histogram.
            plain = [i for i in record.history.item if len(i.nested_key) < 2]
            items = {"".join(i.nested_key) or i.key: i.value_json for i in plain}
            if "iteration" in items:
                at, read = int(items.pop("iteration")), {n: json.loads(v) for n, v in items.items()}
                found |= {(n, at): float(v) for n, v in read.items() if _is_number(n, v)}
    return found


def of_mlflow(run: Run) -> Values:
    """``MlflowClient``."""
    import mlflow

    client = mlflow.MlflowClient()
    ours = client.get_experiment_by_name("backsight").experiment_id
    (known,) = client.search_runs([ours], f"tags.`backsight.run` = '{run.path.absolute()}'")
    return {
        (name, one.step): one.value
        for name in known.data.metrics
        for one in client.get_metric_history(known.info.run_id, name)
    }


def of_trackio(run: Run) -> Values:
    """trackio's ``SQLiteStorage``, which its dashboard reads."""
    from trackio.sqlite_storage import SQLiteStorage

    return {
        (name, row["step"]): float(value)
        for row in SQLiteStorage.get_logs("backsight", run.name)
        for name, value in row.items()
        if name != "step" and _is_number(name, value)
    }


def _records(content: bytes) -> Iterator[bytes]:
    """Of a log of LevelDB: blocks of 32 KiB, records in pieces."""
    at, whole = 7, b""
    while at + 7 <= len(content):
        if at % 32768 > 32768 - 7:
            at += 32768 - at % 32768
        _, length, kind = struct.unpack_from("<IHB", content, at)
        whole += content[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # whole, or the last piece
            yield whole
            whole = b""


def _is_number(name: str, value: Any) -> bool:
    """Neither a histogram, nor what a tool adds of its own (``_timestamp``)."""
    not_finite = value in ("NaN", "Infinity", "-Infinity")
    return not name.startswith("_") and (isinstance(value, (int, float)) or not_finite)


def _single(name: str, value: float) -> tuple[str, float]:
    with np.errstate(over="ignore"):
        return name, float(np.float32(value))


def _in_a_database(name: str, value: float) -> tuple[str, float]:
    value = math.copysign(np.finfo(float).max, value) if math.isinf(value) else value
    return re.sub(r"[^\w\-. /]", "_", name), value


SINKS: dict[str, tuple[Callable[[Run], Values], Callable[[str, float], tuple[str, float]]]] = {
    "jsonl": (of_jsonl, lambda name, value: (name, value)),
    "tensorboard": (of_tensorboard, _single),
    "wandb": (of_wandb, lambda name, value: (name, value)),
    "mlflow": (of_mlflow, _in_a_database),
    "trackio": (of_trackio, lambda name, value: (name, value)),
}
"""What reads each of them, and what each makes of a name and a value, as ``docs/sinks.md`` says."""


def compared(sink: str, runs: list[Run]) -> str:
    """``same``, or how many values differ or are missing, of how many."""
    read, kept = SINKS[sink]
    wrong = total = 0
    for run in runs:
        expected: dict[tuple[str, int], str] = {}
        for (name, at), value in recorded(run).items():
            known, number = kept(name, value)
            expected[known, at] = repr(number)
        found = {place: repr(float(value)) for place, value in read(run).items()}
        total += len(expected)
        wrong += sum(found.get(place) != expected.get(place) for place in {*expected, *found})
    return "same" if runs and total and not wrong else f"NO, {wrong} of {total}"


def main() -> None:
    """Compare each sink that is named."""
    runs = [Run(path) for path in sorted(Path("runs").glob("*"), key=natural_order)]
    told = {}
    for sink in sys.argv[1:]:
        try:
            told[sink] = compared(sink, runs)
        except Exception as error:  # noqa: BLE001 - a row of a table, told there
            told[sink] = f"NO, {type(error).__name__}"
    print(json.dumps(told))


if __name__ == "__main__":
    main()
