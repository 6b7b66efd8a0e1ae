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
    """Base of every error meant for the user."""


class SettingError(BacksightError, ValueError):
    """A setting is out of range, contradictory or unknown."""


class DataError(BacksightError):
    """A text or data set is missing, unreadable or too small."""


class RunError(BacksightError):
    """A run folder cannot be created, read or trusted."""


class GuardError(BacksightError):
    """A guard has done what it may; the model holds the last good weights."""
