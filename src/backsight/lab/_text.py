"""Training a character model: windows of a text, and text that it writes."""

import hashlib
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from backsight.errors import DataError
from backsight.lab._config import Chars
from backsight.lab._training_task import last_losses
from backsight.lab._validation import Validation
from backsight.nn import CharModel, generate
from backsight.tasks import Kind, Streams, read_corpus, split_text

__all__ = ["Text"]

SHORT = 64
"""Characters of a window from which on a curriculum may have something to do."""

POSITIONS = 500
"""Characters whose loss is asked by context: its standard error is then a few per cent."""


class Text:
    """Predicts each next character.

    Args:
        config: the settings.

    Raises:
        DataError: the text cannot be read, or is too short.
    """

    kind: Kind = "classes"
    enough: float | None = None

    def __init__(self, config: Chars) -> None:
        self.steps = config.seq_len
        self._config = config
        self._split = split_text(read_corpus(config.text))
        self._validation = Validation(
            self._split,
            batch=config.batch,
            steps=config.seq_len,
            characters=config.validate_chars,
            stateful=config.stateful,
        )
        self._streams = Streams(
            self._split.train, config.batch, stateful=config.stateful, seed=config.seed
        )
        self._streams.check(config.seq_len)
        # A state that is carried on sees more than a window.
        self.longest = min(2 * config.seq_len, len(self._split.validation) - 1)
        # A generator of its own: sampling must not move training's random numbers.
        self._generator = torch.Generator().manual_seed(config.seed)

    def facts(self) -> dict[str, Any]:
        """The corpus, and what counting alone achieves on it."""
        return {
            "origin": self._split.origin,
            "train_characters": len(self._split.train),
            "validation_characters": len(self._split.validation),
            "vocabulary": len(self._split.vocabulary),
            "baselines": self._validation.baselines(),
        }

    def model(self) -> CharModel:
        """As the settings say, for this text's characters."""
        config = self._config
        return CharModel(
            len(self._split.vocabulary),
            cell=config.cell,
            hidden=config.hidden,
            layers=config.layers,
            embedding=config.embedding,
            dropout=config.dropout,
            init=config.init,
            gain=config.gain,
            t_max=self.steps,
        )

    def shortest(self, wanted: int) -> int:
        """64: the windows of a text are all alike, and shorter ones only hold less of it."""
        return min(max(wanted, SHORT), self.steps)

    def draw(self, steps: int | None = None) -> tuple[NDArray[Any], NDArray[Any], bool]:
        """The next window of every stream: codes ``(B, T)``, the codes one on, freshness."""
        return self._streams.window(steps or self.steps)

    def elsewhere(self) -> None:
        """Streams that carry a state on begin anywhere; independent windows do so anyway."""
        self._streams.scatter()

    def scores(self, model: nn.Module) -> dict[str, float]:
        """``val_loss`` in nats a character."""
        return {"val_loss": self._validation.loss(model)}

    def context_losses(self, model: nn.Module, length: int) -> NDArray[np.float64]:
        """Of characters all over the validation text, from the ``length`` before each."""
        codes = self._split.validation
        ends = np.linspace(self.longest, len(codes) - 1, POSITIONS).astype(np.int64)
        return last_losses(
            model, self.kind, codes[ends[:, None] - np.arange(length, 0, -1)], codes[ends]
        )

    def sample(self, model: nn.Module) -> dict[str, Any]:
        """Text that the model writes, and at which temperature."""
        vocabulary, temperature = self._split.vocabulary, self._config.temperature
        start = int(vocabulary.encode("\n")[0])
        was_training = model.training
        model.eval()
        codes = generate(model, start, self._config.sample_chars, temperature, self._generator)
        model.train(was_training)
        text = vocabulary.decode(codes.numpy())
        return {"text": text, "temperature": temperature} if text else {}

    def state_dict(self) -> dict[str, Any]:
        """Where the windows and the sampled text stand, and in which text."""
        return {
            "text": self._digest(),
            "streams": self._streams.state_dict(),
            "generator": self._generator.get_state(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Read and write on from there.

        Raises:
            DataError: that was another text.
        """
        if state["text"] != self._digest():
            raise DataError(
                f"{self._split.origin} is not the text that the run was trained on so far: restore "
                "the original text"
            )
        self._streams.load_state_dict(state["streams"])
        self._generator.set_state(state["generator"])

    def _digest(self) -> str:
        split = self._split
        whole = hashlib.sha256(
            "".join(split.vocabulary.characters).encode("utf-8", "surrogatepass")
        )
        for codes in (split.train, split.validation):
            whole.update(codes.astype("<i8").tobytes())
        return whole.hexdigest()
