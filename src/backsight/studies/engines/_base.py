"""What every engine gives a trial: one thread, and time for a last checkpoint."""

__all__ = ["GRACE", "ONE_THREAD"]

GRACE = 30.0
"""Seconds for a trial to write its last checkpoint once it is asked to end."""

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
"""Threads of several trials would only wait for each other."""
