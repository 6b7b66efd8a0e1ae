"""What has a state that can be taken, and given back."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from backsight.errors import RunError

__all__ = ["Stateful", "fitting"]


class Stateful(Protocol):
    """Anything that training goes on from: a model, an optimizer, a schedule, the data's place."""

    def state_dict(self) -> Mapping[str, Any]:
        """All it needs to go on: numbers, strings, None, tensors; lists, tuples, dicts of them."""

    def load_state_dict(self, state_dict: dict[str, Any], /) -> Any:
        """Go back to where :meth:`state_dict` was taken."""


@contextmanager
def fitting(source: Path, name: str) -> Iterator[None]:
    """Turn what a part raises at a state that does not fit it into one sentence.

    Which exception it is, is up to the part: PyTorch's and ours raise several.

    Args:
        source: the file that holds the state.
        name: the part's.

    Raises:
        RunError: the state does not fit.

    Example:
        >>> from pathlib import Path
        >>> from backsight.errors import RunError
        >>> from backsight.state import fitting
        >>> try:
        ...     with fitting(Path("iteration-10.ckpt"), "schedule"):
        ...         raise KeyError("last_epoch")
        ... except RunError as error:
        ...     print("iteration-10.ckpt" in str(error), "schedule" in str(error))
        True True
    """
    try:
        yield
    except RunError:
        raise
    except KeyError as error:
        raise RunError(f"{source}: the state of {name} does not fit (it lacks {error})") from error
    except (AttributeError, IndexError, TypeError, ValueError, RuntimeError) as error:
        raise RunError(f"{source}: the state of {name} does not fit ({error})") from error
