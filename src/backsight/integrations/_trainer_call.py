"""The call of a trainer that is under way, such as ``Trainer.train``: whether it still is.

Most trainers tell their callbacks that a training begins and that it has ended, and nothing where
it raised. So its call is remembered, and is looked for later; until then its frame is kept, and
with it what the trainer's own variables hold.
"""

import sys
from traceback import walk_tb
from types import FrameType

__all__ = ["TrainerCall"]

LEFT = "the training was left before its end, and the trainer told its callbacks nothing"


class TrainerCall:
    """The outermost call of a library's that is under way in this thread.

    Args:
        library: the package, such as ``"keras"``.

    Example:
        >>> from backsight.integrations._trainer_call import TrainerCall
        >>> TrainerCall("keras").is_over  # none is under way: nothing is known
        False
    """

    def __init__(self, library: str) -> None:
        self._frame: FrameType | None = None
        frame: FrameType | None = sys._getframe(1)
        while frame is not None:
            if str(frame.f_globals.get("__name__")).partition(".")[0] == library:
                self._frame = frame
            frame = frame.f_back

    @property
    def is_over(self) -> bool:
        """Whether it has returned or raised; False where that is not known."""
        if self._frame is None:
            return False
        for frame in sys._current_frames().values():
            at: FrameType | None = frame
            while at is not None:
                if at is self._frame:
                    return False
                at = at.f_back
        return True

    @property
    def error(self) -> BaseException | None:
        """What it raised, if that is being handled, or was the last that nobody handled."""
        for newest in (sys.exception(), getattr(sys, "last_value", None)):
            error, seen = newest, set[int]()
            while error is not None and id(error) not in seen:
                if any(frame is self._frame for frame, _ in walk_tb(error.__traceback__)):
                    return error
                seen.add(id(error))
                error = error.__cause__ or error.__context__
        return None
