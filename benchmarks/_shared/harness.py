"""What every benchmark does alike: options, worker processes, a table with its machine, JSON."""

import argparse
import json
import logging
import os
import platform
import sys
from concurrent.futures import ProcessPoolExecutor
from importlib import metadata
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

__all__ = ["RESULTS", "ROOT", "machine", "option_parser", "publish", "show", "worker_pool"]

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results"


def machine() -> dict[str, Any]:
    """Where the figures come from."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        cpu = names[0].partition(":")[2].strip() if names else cpu
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "platform": platform.platform(),
        "python": platform.python_version(),
        **{name: metadata.version(name) for name in ("backsight", "torch", "numpy", "plotly")},
    }


def option_parser(doc: str | None) -> argparse.ArgumentParser:
    """A parser whose ``--help`` begins with the script's docstring."""
    spec = sys.modules["__main__"].__spec__
    return argparse.ArgumentParser(
        prog=f"python -m {spec.name}" if spec else None,
        description=doc,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def worker_pool(workers: int) -> ProcessPoolExecutor:
    """So many fresh processes, in which Backsight logs no warnings."""
    return ProcessPoolExecutor(workers, get_context("spawn"), _quiet)


def _quiet() -> None:
    logging.disable(logging.WARNING)


def show(row: dict[str, Any]) -> None:
    """Print a row as soon as it is measured."""
    print({k: round(v, 3) if isinstance(v, float) else v for k, v in row.items()}, flush=True)


def publish(name: str, method: str, rows: list[dict[str, Any]]) -> None:
    """Print ``rows`` as a table and write them to ``results/NAME.json`` with the machine."""
    where = machine()
    table = Table(title=name, caption=method, caption_justify="left", box=None)
    for column in rows[0]:
        table.add_column(column, justify="left" if column == "what" else "right")
    for row in rows:
        table.add_row(*(f"{v:.3g}" if isinstance(v, float) else str(v) for v in row.values()))
    console = Console(width=110)
    console.print(", ".join(f"{key} {value}" for key, value in where.items()), highlight=False)
    console.print(table)
    RESULTS.mkdir(exist_ok=True)
    content = {"benchmark": name, "method": method, "machine": where, "rows": rows}
    (RESULTS / f"{name}.json").write_text(json.dumps(content, indent=2) + "\n")
