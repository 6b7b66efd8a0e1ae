"""Keras 3 on PyTorch: a callback for ``model.fit``."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Unpack

from backsight.integrations._harmless import harmless, harmless_begin
from backsight.integrations._headlines import Shown
from backsight.integrations._needs import require

require("keras", extra="keras", at_least="3.3")

import keras  # noqa: E402

from backsight.errors import SettingError  # noqa: E402
from backsight.guard import Policy  # noqa: E402
from backsight.integrations._session import Session, WatchOptions  # noqa: E402
from backsight.signals import Run  # noqa: E402

__all__ = ["BacksightCallback"]


class BacksightCallback(keras.callbacks.Callback):  # type: ignore[misc, unused-ignore]
    """Records what ``model.fit`` trains, one iteration for each batch.

    At the end of each epoch, the newest numbers are in its ``logs``, and so in ``history``, in the
    progress bar and with callbacks that come later, such as ``CSVLogger``. No guard can act, as
    Keras moves the parameters by itself: use ``clipnorm=…`` of its optimizers.

    Args:
        run: the folder to create, ``runs/<model>-<number>`` by default; the next ``fit`` goes to
            ``<run>-2``.
        guard: as elsewhere; where it is given, one sentence says that it does nothing.
        options: those of :func:`backsight.watch`, such as ``every=100``.

    Raises:
        SettingError: Keras runs on another backend; there is no such option or policy.

    Example:
        >>> import os
        >>> os.environ["KERAS_BACKEND"] = "torch"
        >>> import keras, numpy
        >>> from backsight.integrations.keras import BacksightCallback
        >>> model = keras.Sequential([keras.layers.SimpleRNN(4), keras.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> x, y = numpy.random.rand(8, 12, 3), numpy.random.rand(8, 1)
        >>> callback = BacksightCallback("runs/mine", every=1)
        >>> _ = model.fit(x, y, batch_size=4, epochs=2, verbose=0, callbacks=[callback])
        >>> callback.run.iterations
        4
    """

    def __init__(
        self,
        run: Path | str | None = None,
        *,
        guard: str | Iterable[Policy] | None = None,
        **options: Unpack[WatchOptions],
    ) -> None:
        super().__init__()
        backend = keras.backend.backend()
        if backend != "torch":
            raise SettingError(
                f"Keras runs on {backend} here, and Backsight reads PyTorch: set "
                "KERAS_BACKEND=torch in the environment before keras is imported"
            )
        self._session = Session(run, guard=guard, options=options, library="keras")
        self._shown = Shown()

    @property
    def run(self) -> Run | None:
        """Of the training under way, or of the last one; None where this process recorded none."""
        return self._session.run

    def state_dict(self) -> dict[str, Any]:
        """Where the run stands, to be kept with a checkpoint: Keras has no place for it."""
        return self._session.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on with that run at the next ``fit``."""
        self._session.load_state_dict(state)

    # -- what Keras calls ------------------------------------------------------------------

    @harmless_begin
    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Begin: an iteration is a backward pass, as no optimizer of PyTorch's steps."""
        self._shown = Shown()
        self._session.begin(self.model, None)

    @harmless
    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Add the newest numbers to the logs; those of an earlier epoch where there are none."""
        self._session.settle()
        self._shown.take(self._session.rows())
        if logs is not None:
            logs.update(self._shown.row)

    @harmless
    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """End."""
        self._session.end()
