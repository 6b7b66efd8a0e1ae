"""Everything Backsight raises for a reason a user can act on.

::

    BacksightError
    ├── SettingError   a setting that cannot be used (also a ValueError)
    ├── DataError      a text or data set that cannot be used
    ├── RunError       a run folder that cannot be created, read or trusted
    └── GuardError     a guard that has reached its limit: training stopped on good weights

Each message is one sentence: what arrived, what was expected, what to do. The command
line prints it and exits with status 2; ``--debug`` shows the traceback as well.
"""

__all__ = ["BacksightError", "DataError", "GuardError", "RunError", "SettingError"]


class BacksightError(Exception):
    """Base of every error meant for the user.

    Example:
        >>> from backsight import BacksightError, Run
        >>> try:
        ...     Run("runs/nowhere")
        ... except BacksightError as error:
        ...     print(type(error).__name__)
        RunError
    """


class SettingError(BacksightError, ValueError):
    """A setting is out of range, contradictory or unknown.

    Example:
        >>> from backsight import LinearLength
        >>> try:
        ...     LinearLength(end=10, start=20, over=100)
        ... except ValueError as error:
        ...     print(type(error).__name__)
        SettingError
    """


class DataError(BacksightError):
    """A text or data set is missing, unreadable or too small.

    Example:
        >>> from backsight.errors import DataError
        >>> from backsight.tasks import read_corpus
        >>> try:
        ...     read_corpus("missing.txt")
        ... except DataError:
        ...     print("nothing to train on")
        nothing to train on
    """


class RunError(BacksightError):
    """A run folder cannot be created, read or trusted.

    Example:
        >>> from backsight import Recorder
        >>> from backsight.errors import RunError
        >>> Recorder("runs/mine").close()
        >>> try:
        ...     Recorder("runs/mine")
        ... except RunError:
        ...     print("runs/mine is another run's folder")
        runs/mine is another run's folder
    """


class GuardError(BacksightError):
    """A guard has done what it may; the model holds the last good weights.

    Example:
        >>> import torch
        >>> from backsight.errors import GuardError
        >>> from backsight.guard import Guard, Skip
        >>> model = torch.nn.Linear(1, 1)
        >>> guard = Guard(model, torch.optim.SGD(model.parameters(), lr=0.1), Skip(row=3))
        >>> try:
        ...     while True:
        ...         loss = model(torch.tensor([[float("nan")]])).sum()
        ...         loss.backward()
        ...         skipped = guard.step(loss)
        ... except GuardError:
        ...     print("gave up after", len(guard.interventions), "updates that were left out")
        gave up after 3 updates that were left out
    """
