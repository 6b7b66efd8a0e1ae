"""Parquet: the tables of a run, compressed and typed, for pandas, Polars, DuckDB and Spark."""

from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from backsight.errors import SettingError
from backsight.integrations.export._parts import column_names, columns, rows, scalar_names
from backsight.signals import Run, dumps, replacing

__all__ = ["FILES", "check_pyarrow", "write_parquet"]

FILES = ("scalars.parquet", "profiles.parquet", "events.parquet")


def check_pyarrow() -> None:
    """See that pyarrow is there.

    Raises:
        SettingError: it is not.
    """
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError as error:
        raise SettingError(
            f"Parquet needs the package pyarrow ({error}): type pip install 'backsight[parquet]'"
        ) from None


def write_parquet(run: Run, folder: Path) -> list[Path]:
    """Write the tables of a run.

    A null was not recorded; NaN and ±Inf are what they are.

    Args:
        run: the run.
        folder: where the files go.

    Returns:
        the files.

    Raises:
        OSError: a file cannot be written.
        RunError: the run is damaged.
    """
    pa = import_module("pyarrow")
    folder.mkdir(parents=True, exist_ok=True)
    names = scalar_names(run)
    notes = {"run": run.name, "status": run.status}
    scalars = pa.schema(
        [("iteration", pa.int64()), *((name, pa.float64()) for name in column_names(names))], notes
    )
    profiles = pa.schema(
        [("signal", pa.string()), ("iteration", pa.int64()), ("values", pa.list_(pa.float64()))],
        notes,
    )
    events = pa.schema(
        [("iteration", pa.int64()), ("time", pa.float64()), ("kind", pa.string()),
         ("body", pa.string())],
        notes,
    )  # fmt: skip
    happened = run.events()
    tables: tuple[tuple[Any, Iterable[list[Any]]], ...] = (
        (
            scalars,
            (
                [pa.array(index), *(pa.array(values, mask=absent) for values, absent in found)]
                for index, found in columns(run, names)
            ),
        ),
        (
            profiles,
            (
                [
                    pa.array([name] * len(iterations), pa.string()),
                    pa.array(iterations),
                    pa.ListArray.from_arrays(
                        pa.array(np.arange(len(values) + 1) * values.shape[1], pa.int32()),
                        pa.array(values.ravel().astype(np.float64)),
                    ),
                ]
                for name, iterations, values in rows(run)
            ),
        ),
        (
            events,
            [
                [
                    pa.array([event.iteration for event in happened], pa.int64()),
                    pa.array([event.time for event in happened], pa.float64()),
                    pa.array([event.kind for event in happened], pa.string()),
                    pa.array([dumps(event.body) for event in happened], pa.string()),
                ]
            ],
        ),
    )
    parquet = import_module("pyarrow.parquet")
    for file, (schema, parts) in zip(FILES, tables, strict=True):
        with replacing(folder / file) as half, parquet.ParquetWriter(half, schema) as writer:
            for part in parts:
                writer.write_table(pa.Table.from_arrays(part, schema=schema))
    return [folder / file for file in FILES]
