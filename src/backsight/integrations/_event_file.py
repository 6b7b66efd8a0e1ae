"""TensorBoard's event files, without a thread, a queue, TensorFlow or torch."""

import os
import socket
import time
from collections.abc import Callable, Mapping
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backsight.errors import SettingError
from backsight.integrations._appended import AppendedFile
from backsight.integrations._bitmap import png

__all__ = ["ENDING", "EventFile", "check_installed"]

ENDING = ".backsight"
"""How the names of our event files end."""


def check_installed() -> None:
    """See that the package ``tensorboard`` is there.

    Raises:
        SettingError: it is not.
    """
    try:
        from tensorboard.compat.proto import event_pb2  # noqa: F401
        from tensorboard.summary.writer import record_writer  # noqa: F401
    except ImportError as error:
        raise SettingError(
            f"TensorBoard needs the package tensorboard ({error}): type "
            "pip install 'backsight[tensorboard]'"
        ) from None


class EventFile:
    """A file of events with the methods of a ``SummaryWriter``; what fails raises in the call.

    Args:
        folder: where it is created.
        clock: seconds since the epoch, for each event.

    Raises:
        OSError: it cannot be created.
    """

    def __init__(self, folder: Path, clock: Callable[[], float]) -> None:
        proto = "tensorboard.compat.proto"
        self._event: Any = import_module(f"{proto}.event_pb2").Event
        self._protos: Any = import_module(f"{proto}.summary_pb2")
        self._tensor: Any = import_module(f"{proto}.tensor_pb2").TensorProto
        self._records: Any = import_module("tensorboard.summary.writer.record_writer").RecordWriter
        self._clock = clock
        began, host = int(time.time()), socket.gethostname()
        name = f"events.out.tfevents.{began}.{host}.{os.getpid()}"
        number = 0
        while (folder / f"{name}.{number}{ENDING}").exists():  # two began in one second
            number += 1
        self._file = AppendedFile(folder / f"{name}.{number}{ENDING}")
        self._write(file_version="brain.Event:2")

    def add_scalars(self, values: Mapping[str, float], iteration: int) -> None:
        """A point of each curve, in one event."""
        value = self._protos.Summary.Value
        self._summary(iteration, [value(tag=n, simple_value=v) for n, v in values.items()])

    def add_histogram_raw(
        self, tag: str, *, bucket_limits: list[float], bucket_counts: list[float],
        global_step: int, **statistics: float,
    ) -> None:  # fmt: skip
        """As ``SummaryWriter.add_histogram_raw``."""
        histogram = self._protos.HistogramProto(
            bucket_limit=bucket_limits, bucket=bucket_counts, **statistics
        )
        self._summary(global_step, [self._protos.Summary.Value(tag=tag, histo=histogram)])

    def add_image(
        self, tag: str, img_tensor: NDArray[np.uint8], *, global_step: int, dataformats: str
    ) -> None:
        """As ``SummaryWriter.add_image``, of pixels in the format ``HWC``."""
        height, width, _ = img_tensor.shape
        image = self._protos.Summary.Image(
            height=height, width=width, colorspace=3, encoded_image_string=png(img_tensor)
        )
        self._summary(global_step, [self._protos.Summary.Value(tag=tag, image=image)])

    def add_text(self, tag: str, text_string: str, *, global_step: int) -> None:
        """As ``SummaryWriter.add_text``, tag included."""
        metadata = self._protos.SummaryMetadata
        text = self._tensor(
            dtype="DT_STRING",
            string_val=[text_string.encode()],
            tensor_shape={"dim": [{"size": 1}]},
        )
        plugin = metadata.PluginData(plugin_name="text")
        one = self._protos.Summary.Value(
            tag=f"{tag}/text_summary", metadata=metadata(plugin_data=plugin), tensor=text
        )
        self._summary(global_step, [one])

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _summary(self, iteration: int, values: list[Any]) -> None:
        self._write(step=iteration, summary=self._protos.Summary(value=values))

    def _write(self, **content: Any) -> None:
        record = BytesIO()
        event = self._event(wall_time=self._clock(), **content)
        self._records(record).write(event.SerializeToString())
        self._file.append(record.getvalue())
