"""A run as a pandas table or an xarray data set, for people with tools of their own."""

from typing import TYPE_CHECKING

import numpy as np

from backsight.errors import SettingError
from backsight.signals._catalogue import describe

if TYPE_CHECKING:
    import pandas
    import xarray

    from backsight.signals._run import Run

__all__ = ["to_pandas", "to_xarray"]


def to_pandas(run: "Run") -> "pandas.DataFrame":
    """See :meth:`backsight.Run.to_pandas`."""
    try:
        import pandas
    except ImportError:
        raise _missing("pandas") from None
    scalars = {name: run.series(name) for name in run.names if not run.is_profile(name)}
    index = np.unique(np.concatenate([[], *(s.iterations for s in scalars.values())])).astype(int)
    columns = {}
    for name, series in scalars.items():
        values = np.zeros(len(index))
        absent = np.ones(len(index), bool)
        at = np.searchsorted(index, series.iterations)
        values[at], absent[at] = series.values, False
        # Built with its mask, so that "not recorded" and "recorded as NaN" stay apart.
        columns[name] = pandas.arrays.FloatingArray(values, absent)
    return pandas.DataFrame(columns, index=pandas.Index(index, name="iteration"))


def to_xarray(run: "Run") -> "xarray.Dataset":
    """See :meth:`backsight.Run.to_xarray`."""
    try:
        import xarray
    except ImportError:
        raise _missing("xarray") from None
    dataset = xarray.Dataset(attrs={"run": run.name, "status": run.status})
    dimensions: dict[bytes, str] = {}
    for name in run.names:
        signal = describe(name)
        notes = {"long_name": signal.title, "units": signal.unit} if signal else {}
        profile = run.profile(name) if run.is_profile(name) else None
        iterations = run.series(name).iterations if profile is None else profile.iterations
        key = iterations.tobytes()
        if key not in dimensions:
            dimensions[key] = f"iteration_{name}" if dimensions else "iteration"
            dataset = dataset.assign_coords({dimensions[key]: iterations})
        along = dimensions[key]
        if profile is None:
            dataset[name] = (along, run.series(name).values, notes)
        else:
            table = profile.table().filled(np.nan)
            dataset[name] = ((along, f"{name}_step"), table, notes)
            dataset[f"{name}_width"] = (along, profile.widths)
    return dataset


def _missing(package: str) -> SettingError:
    return SettingError(f"this needs {package}: type pip install 'backsight[data]'")
