"""Text as a sequence task: a corpus, its characters, and windows of contiguous streams."""

import os
import sysconfig
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backsight.errors import DataError, SettingError
from backsight.tasks._ngrams import Codes

__all__ = [
    "UNKNOWN",
    "Corpus",
    "Split",
    "Streams",
    "Vocabulary",
    "read_corpus",
    "split_text",
    "windows",
]

UNKNOWN = "\ufffd"
"""Stands for every character outside the vocabulary; always code 0."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """A text and where it came from.

    Example:
        >>> from backsight.tasks import Corpus, split_text
        >>> squares = "".join(f"{i} squared is {i * i}. " for i in range(99))
        >>> split_text(Corpus(squares, "squares, in figures")).origin
        'squares, in figures'
    """

    text: str
    origin: str
    """In words, for reports: ``714 files of Python 3.11's standard library``."""


def read_corpus(path: Path | str | None = None) -> Corpus:
    """Read a UTF-8 file, a folder of them, or (None) the Python standard library's sources.

    A folder is read whole, in the order of its relative paths. Hidden files are passed over, and
    so are files that are not UTF-8 text, which ``origin`` counts.

    Raises:
        DataError: missing, empty, binary, or not UTF-8.

    Example:
        >>> from pathlib import Path
        >>> from backsight.tasks import read_corpus
        >>> size = Path("song.txt").write_text("la la la")
        >>> read_corpus("song.txt").text
        'la la la'
    """
    if path is None:
        return _standard_library()
    path = Path(path)
    try:
        path.stat()
        folder = path.is_dir()
    except FileNotFoundError:
        raise DataError(
            f"{path} does not exist: expected a UTF-8 text file or a folder of them"
        ) from None
    except (OSError, ValueError) as error:  # a name too long, a NUL in it, a closed folder
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{path} cannot be read: {reason}") from error
    if folder:
        return _folder(path)
    text = _decode(path)
    if not text.strip():
        raise DataError(f"{path} is empty: expected text to train on")
    return Corpus(text, str(path))


def _decode(path: Path) -> str:
    try:
        raw = path.read_bytes()
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} is not UTF-8 text (byte {error.start:,} is {raw[error.start]:#04x}): "
            "convert it, for example with iconv -t utf-8"
        ) from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
    if "\0" in text:
        raise DataError(f"{path} is a binary file (it contains NUL bytes): expected UTF-8 text")
    return text.replace("\r\n", "\n")


def _folder(path: Path) -> Corpus:
    files = [f for f in _sorted_files(path, _hidden) if not _hidden(f.name)]
    texts, passed_over = [], 0
    for file in files:
        try:
            texts.append(_decode(file))
        except DataError:
            passed_over += 1
    if not any(text.strip() for text in texts):
        raise DataError(
            f"{path} contains no UTF-8 text ({_files(len(files))}, {passed_over} of them not text)"
        )
    note = f", without {_files(passed_over)} that are not text" if passed_over else ""
    return Corpus("\n".join(texts), f"{_files(len(texts))} of {path}{note}")


def _files(count: int) -> str:
    return f"{count} file{'s' * (count != 1)}"


def _standard_library() -> Corpus:
    """The standard library's own modules: real, on every machine, about 10 MB.

    Left out: tests, other people's packages, and the tables of ``encodings`` and
    ``pydoc_data``, which are data rather than code.
    """
    root = Path(sysconfig.get_path("stdlib"))
    left_out = {
        "test", "tests", "idle_test", "site-packages", "dist-packages", "encodings", "pydoc_data",
        "__pycache__",
    }  # fmt: skip
    texts = []
    for file in _sorted_files(root, left_out.__contains__):
        if file.suffix == ".py":
            try:
                texts.append(_decode(file))
            except DataError:
                continue  # a few modules declare another encoding
    if not texts:
        raise DataError(f"found no Python sources under {root}: name a text file with --text")
    version = sysconfig.get_python_version()
    return Corpus("\n".join(texts), f"{len(texts)} files of Python {version}'s standard library")


def _sorted_files(root: Path, passed_over: Callable[[str], bool]) -> list[Path]:
    """In an order that depends on the names alone, not on the disk.

    Args:
        root: the folder.
        passed_over: whether to leave a folder of that name, and all under it, unread:
            ``site-packages`` may hold a hundred thousand files.
    """
    try:
        next(root.iterdir(), None)  # a walk takes a folder it may not read for an empty one
        files = []
        for folder, inner, names in os.walk(root):
            inner[:] = [name for name in inner if not passed_over(name)]
            files += [path for name in names if (path := Path(folder, name)).is_file()]
        return sorted(files, key=lambda p: p.relative_to(root).as_posix())
    except OSError as error:
        raise DataError(f"{root} cannot be read: {error.strerror or error}") from error


def _hidden(name: str) -> bool:
    return name.startswith(".")


class Vocabulary:
    """The characters a model knows, taken from the training split.

    Code 0 is the explicit unknown. Characters rarer than ``min_count`` are left to it, so that
    it occurs in training and its probability is learned.

    Args:
        text: the training split.
        min_count: how often a character must occur to get a code of its own.

    Example:
        >>> from backsight.tasks import Vocabulary
        >>> vocabulary = Vocabulary("abracadabra")
        >>> vocabulary.encode("cab!").tolist()
        [3, 1, 2, 0]
        >>> vocabulary.decode(vocabulary.encode("cab"))
        'cab'
    """

    def __init__(self, text: str, min_count: int = 1) -> None:
        points, counts = np.unique(_points(text), return_counts=True)
        kept = points[(counts >= min_count) & (points != ord(UNKNOWN))]
        self.characters: tuple[str, ...] = (UNKNOWN, *(chr(p) for p in kept))
        self._table = np.zeros(int(points.max(initial=0)) + 2, np.int64)
        self._table[kept] = np.arange(1, len(kept) + 1)

    def __len__(self) -> int:
        return len(self.characters)

    def encode(self, text: str) -> Codes:
        """Codes of ``text``, shape ``(len(text),)``; what is not known becomes 0."""
        return self._table[np.minimum(_points(text), len(self._table) - 1)]

    def decode(self, codes: Codes) -> str:
        """The text behind ``codes``, shape ``(n,)``."""
        return "".join(self.characters[code] for code in codes)


def _points(text: str) -> NDArray[np.uint32]:
    """Unicode code points; a lone surrogate passes as itself."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")


@dataclass(frozen=True, slots=True)
class Split:
    """A corpus made ready: codes for training and validation, and what they mean.

    Example:
        >>> from backsight.tasks import Corpus, split_text
        >>> split = split_text(Corpus("abba" * 100, "a song"), validation=0.25)
        >>> split.train.shape, split.validation.shape
        ((300,), (100,))
        >>> split.vocabulary.decode(split.validation[:4])
        'abba'
    """

    vocabulary: Vocabulary
    train: Codes
    validation: Codes
    origin: str


def split_text(corpus: Corpus, *, validation: float = 0.1, min_count: int | None = None) -> Split:
    """Cut the corpus in two contiguous parts: the last ``validation`` share validates.

    ``min_count`` is the vocabulary's; by default one in a million characters, at least 2.

    Raises:
        SettingError: ``validation`` is not a share between 0 and 1.
        DataError: a part would be empty.

    Example:
        >>> from backsight.tasks import Corpus, split_text
        >>> split = split_text(Corpus("abba" * 100, "a song"), validation=0.25)
        >>> len(split.train), len(split.validation)
        (300, 100)
    """
    if not 0 < validation < 1:
        raise SettingError(f"the validation share must lie between 0 and 1, not {validation}")
    cut = len(corpus.text) - round(len(corpus.text) * validation)
    train, held_out = corpus.text[:cut], corpus.text[cut:]
    if not train or not held_out:
        raise DataError(
            f"{corpus.origin}: {len(corpus.text)} characters are too few to split into training "
            "and validation text"
        )
    if min_count is None:
        min_count = max(2, len(train) // 1_000_000)
    vocabulary = Vocabulary(train, min_count)
    return Split(vocabulary, vocabulary.encode(train), vocabulary.encode(held_out), corpus.origin)


class Streams:
    """Windows of a long sequence, for ``batch`` contiguous parallel streams.

    The sequence is cut into ``batch`` streams of equal length. *Stateful*: each window goes on
    where the last one ended, so the hidden state may be carried (detached) from window to
    window; at the end all streams start again and ``fresh`` says that the state must too.
    *Independent*: every window starts at a random place and from a fresh state. The window's
    length may change from call to call.

    Args:
        codes: shape ``(n,)``.
        batch: parallel streams.
        stateful: see above.
        seed: draws the places of independent windows.

    Example:
        >>> import numpy as np
        >>> from backsight.tasks import Streams
        >>> streams = Streams(np.arange(20), 2, stateful=True, seed=0)
        >>> inputs, targets, fresh = streams.window(3)
        >>> inputs.tolist(), targets.tolist(), fresh
        ([[0, 1, 2], [10, 11, 12]], [[1, 2, 3], [11, 12, 13]], True)
        >>> streams.window(3)[0].tolist()
        [[3, 4, 5], [13, 14, 15]]
    """

    def __init__(self, codes: Codes, batch: int, *, stateful: bool, seed: int) -> None:
        self.batch = batch
        self.stateful = stateful
        self.length = len(codes) // batch
        self._codes = codes
        self._streams = codes[: self.length * batch].reshape(batch, self.length)
        self._position = 0
        self._random = np.random.default_rng(seed)

    def check(self, steps: int) -> None:
        """Raise the DataError of :meth:`window` now rather than then."""
        if self.length < steps + 1:
            raise DataError(
                f"the text is too short: each of {self.batch} parallel streams has "
                f"{self.length:,} characters, but a window needs {steps + 1:,}; give a longer "
                "text, or a smaller --batch or --seq-len"
            )

    def window(self, steps: int) -> tuple[Codes, Codes, bool]:
        """The next window.

        Args:
            steps: its length ``T``.

        Returns:
            inputs ``(batch, T)``, targets ``(batch, T)`` one character on, and whether the
            hidden state must start afresh.

        Raises:
            DataError: a stream is shorter than a window and the character after it.
        """
        self.check(steps)
        if not self.stateful:
            starts = self._random.integers(0, len(self._codes) - steps, self.batch)
            places = starts[:, None] + np.arange(steps + 1)
            return self._codes[places[:, :-1]], self._codes[places[:, 1:]], True
        if self._position + steps + 1 > self.length:
            self._position = 0
        at = self._position
        self._position += steps
        return self._streams[:, at : at + steps], self._streams[:, at + 1 : at + steps + 1], at == 0

    def scatter(self) -> None:
        """Go on from anywhere in the streams, as the seed says; the state must start afresh."""
        if self.stateful:
            self._position = int(self._random.integers(self.length))

    def state_dict(self) -> dict[str, Any]:
        """Where the streams stand."""
        return {"position": self._position, "random": self._random.bit_generator.state}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go back to where :meth:`state_dict` was taken."""
        self._position = state["position"]
        self._random.bit_generator.state = state["random"]


def windows(
    codes: Codes, batch: int, steps: int, limit: int
) -> Iterator[tuple[Codes, Codes, bool]]:
    """One pass of stateful windows over ``codes``, at most ``limit`` of them: for validation.

    A short text gets fewer parallel streams than ``batch``.

    Raises:
        DataError: not even one window fits.

    Example:
        >>> import numpy as np
        >>> from backsight.tasks import windows
        >>> for inputs, targets, fresh in windows(np.arange(12), batch=2, steps=2, limit=2):
        ...     print(inputs.tolist(), targets.tolist(), fresh)
        [[0, 1], [6, 7]] [[1, 2], [7, 8]] True
        [[2, 3], [8, 9]] [[3, 4], [9, 10]] False
    """
    fitting = max(1, min(batch, len(codes) // (steps + 1)))
    streams = Streams(codes, fitting, stateful=True, seed=0)
    for _ in range(max(1, min(limit, (streams.length - 1) // steps))):
        yield streams.window(steps)
