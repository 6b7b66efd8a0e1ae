"""NetCDF: one file with named axes, for xarray and the tools of the sciences."""

from pathlib import Path

from backsight.errors import SettingError
from backsight.signals import Run, dumps, replacing

__all__ = ["check_netcdf", "write_netcdf"]


def check_netcdf() -> None:
    """See that xarray and netCDF4 are there.

    Raises:
        SettingError: one is not.
    """
    try:
        import netCDF4  # noqa: F401
        import xarray  # noqa: F401
    except ImportError as error:
        raise SettingError(
            f"NetCDF needs the packages xarray and netCDF4 ({error}): type "
            "pip install 'backsight[netcdf]'"
        ) from None


def write_netcdf(run: Run, file: Path) -> list[Path]:
    """Write what :meth:`backsight.Run.to_xarray` gives, all of it in memory, and the events.

    NetCDF takes no slash in a name: ``reach/gru.l0`` becomes ``reach:gru.l0``. The events are the
    attribute ``events``, as JSON.

    Args:
        run: the run.
        file: what to write.

    Returns:
        the file.

    Raises:
        OSError: the file cannot be written.
        RunError: the run is damaged.
        SettingError: a signal has the name of the axis.
    """
    if "iteration" in run.names:
        raise SettingError(
            f"{run.path} has a signal named 'iteration', as the axis is: choose another format "
            "than netcdf"
        )
    dataset = run.to_xarray()
    slashed = [str(name) for name in (*dataset.variables, *dataset.sizes) if "/" in str(name)]
    dataset = dataset.rename({name: name.replace("/", ":") for name in slashed})
    dataset.attrs["events"] = dumps(
        [
            {"iteration": one.iteration, "time": one.time, "kind": one.kind, "body": one.body}
            for one in run.events()
        ]
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    with replacing(file) as half:
        # Without a fill value: a NaN here was recorded, or lies past the width of its row.
        plain = {name: {"_FillValue": None} for name in dataset.variables}
        dataset.to_netcdf(half, engine="netcdf4", encoding=plain)
    return [file]
