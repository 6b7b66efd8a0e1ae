"""The measurements of one monitor."""

from collections.abc import Iterable

from backsight.monitor.measurements._deep import Deep
from backsight.monitor.measurements._measurement import Measurement
from backsight.monitor.measurements._measurement_set import check_measurements

__all__ = ["chosen"]


def chosen(
    kinds: Iterable[type[Measurement]], theirs: Iterable[Measurement], deep: int | None
) -> list[Measurement]:
    """Backsight's own, and then the user's.

    Args:
        kinds: Backsight's.
        theirs: the user's.
        deep: iterations from one deep measurement to the next; None for none.

    Raises:
        SettingError: as of :func:`check_measurements`.

    Example:
        >>> from backsight.monitor.measurements import Loss, chosen
        >>> [one.name for one in chosen([Loss], [], None)]
        ['loss']
    """
    ours = [Deep(deep or 0) if kind is Deep else kind() for kind in kinds]
    return check_measurements(ours, theirs)
