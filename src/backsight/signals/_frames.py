"""Signals as a pandas table or an xarray data set, for people with tools of their own."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from backsight.errors import SettingError
from backsight.signals._samples import Profile, Series
from backsight.signals.catalogue import describe

if TYPE_CHECKING:
    import pandas
    import xarray

__all__ = ["to_pandas", "to_xarray"]


def to_pandas(scalars: Mapping[str, Series]) -> "pandas.DataFrame":
    """See :meth:`backsight.Run.to_pandas`.

    Raises:
        SettingError: pandas is not installed.
    """
    try:
        import pandas
    except ImportError:
        raise _missing("pandas") from None
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


def to_xarray(
    signals: Mapping[str, Series | Profile], attributes: Mapping[str, str]
) -> "xarray.Dataset":
    """See :meth:`backsight.Run.to_xarray`.

    Raises:
        SettingError: xarray is not installed.
    """
    try:
        import xarray
    except ImportError:
        raise _missing("xarray") from None
    dataset = xarray.Dataset(attrs=dict(attributes))
    dimensions: dict[bytes, str] = {}
    for name, samples in signals.items():
        signal = describe(name)
        notes = {"long_name": signal.title, "units": signal.unit} if signal else {}
        key = samples.iterations.tobytes()
        if key not in dimensions:
            dimensions[key] = f"iteration_{name}" if dimensions else "iteration"
            dataset = dataset.assign_coords({dimensions[key]: samples.iterations})
        along = dimensions[key]
        if isinstance(samples, Series):
            dataset[name] = (along, samples.values, notes)
        else:
            dataset[name] = ((along, f"{name}_step"), samples.table().filled(np.nan), notes)
            dataset[f"{name}_width"] = (along, samples.widths)
    return dataset


def _missing(package: str) -> SettingError:
    return SettingError(f"this conversion needs {package}: type pip install 'backsight[data]'")
