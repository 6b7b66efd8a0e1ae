"""Text as a task: reading it, its characters, its windows, and what counting achieves."""

import errno
import math
import os
import sysconfig
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from backsight.errors import DataError, SettingError
from backsight.tasks import (
    UNKNOWN,
    Corpus,
    Streams,
    Vocabulary,
    bigram_loss,
    read_corpus,
    split_text,
    unigram_loss,
    windows,
)

Codes = NDArray[np.int64]

# -- reading ---------------------------------------------------------------------------------


def test_a_file_is_read_without_byte_order_mark_and_carriage_returns(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_bytes(b"\xef\xbb\xbfna\xc3\xafve \xf0\x9f\x98\x80\r\nend\n")
    assert read_corpus(file) == Corpus("naïve 😀\nend\n", str(file))
    assert read_corpus(str(file)).text == "naïve 😀\nend\n"


def test_a_folder_is_read_in_the_order_of_relative_paths(tmp_path: Path) -> None:
    for name in ("z.txt", "b/1.txt", "a.txt", "b/0.md"):  # created in another order than read
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"<{name}>")
    corpus = read_corpus(tmp_path)
    assert corpus.text == "<a.txt>\n<b/0.md>\n<b/1.txt>\n<z.txt>"
    assert corpus.origin == f"4 files of {tmp_path}"


def test_hidden_and_binary_files_of_a_folder_are_passed_over_and_the_latter_counted(
    tmp_path: Path,
) -> None:
    (tmp_path / "a.txt").write_text("seen")
    (tmp_path / ".hidden").write_text("unseen")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "config").write_text("unseen")
    (tmp_path / "nul.bin").write_bytes(b"unseen\0")
    (tmp_path / "latin.txt").write_bytes("unseen é".encode("latin-1"))
    corpus = read_corpus(tmp_path)
    assert corpus.text == "seen"
    assert corpus.origin == f"1 file of {tmp_path}, without 2 files that are not text"


def test_a_folder_below_a_hidden_one_is_read(tmp_path: Path) -> None:
    folder = tmp_path / ".cache" / "texts"
    folder.mkdir(parents=True)
    (folder / "a.txt").write_text("seen")
    assert read_corpus(folder).text == "seen"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"bad\.txt is empty: expected text"),
        (b" \n\t\r\n ", r"bad\.txt is empty: expected text"),
        (b"ELF\0\0\0", r"bad\.txt is a binary file \(it contains NUL bytes\): expected UTF-8 text"),
        (
            "café".encode("latin-1"),
            r"bad\.txt is not UTF-8 text \(byte 3 is 0xe9\): convert it, .*iconv -t utf-8",
        ),
    ],
    ids=["empty", "whitespace", "binary", "latin-1"],
)
def test_a_file_that_is_no_text_is_refused_by_name(
    tmp_path: Path, content: bytes, message: str
) -> None:
    (tmp_path / "bad.txt").write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_corpus(tmp_path / "bad.txt")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("none.txt", "does not exist: expected a UTF-8 text file"),
        ("n" * 300, "cannot be read: File name too long"),
    ],
    ids=["missing", "impossible name"],
)
def test_a_path_that_is_not_there_is_refused(tmp_path: Path, name: str, words: str) -> None:
    with pytest.raises(DataError, match=f"{name} {words}"):
        read_corpus(tmp_path / name)


def test_a_file_that_may_not_be_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Path) -> bytes:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    (tmp_path / "secret").write_text("text")
    monkeypatch.setattr(Path, "read_bytes", refuse)  # chmod means nothing to root
    with pytest.raises(DataError, match="secret cannot be read: Permission denied"):
        read_corpus(tmp_path / "secret")


def test_a_folder_without_text_is_refused_with_what_was_found(tmp_path: Path) -> None:
    (tmp_path / "nul.bin").write_bytes(b"\0")
    (tmp_path / "blank.txt").write_text(" \n")
    with pytest.raises(DataError, match=r"contains no UTF-8 text \(2 files, 1 of them not text\)"):
        read_corpus(tmp_path)


def test_the_standard_library_is_megabytes_and_the_same_every_time() -> None:
    first, second = read_corpus(), read_corpus()
    assert first == second
    assert 5e6 < len(first.text) < 20e6
    assert "class JSONDecoder" in first.text
    version = sysconfig.get_python_version()
    assert first.origin.endswith(f" files of Python {version}'s standard library")


def test_of_the_standard_library_only_its_own_modules_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = {"os.py": "os", "json/__init__.py": "json"}
    left_out = ("test/a.py", "json/tests/a.py", "idlelib/idle_test/a.py", "site-packages/p/a.py",
                "dist-packages/a.py", "encodings/a.py", "pydoc_data/a.py", "__pycache__/a.py",
                "data.txt")  # fmt: skip
    for name, text in {**taken, **dict.fromkeys(left_out, "unwanted")}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "latin.py").write_bytes("unwanted é".encode("latin-1"))
    monkeypatch.setattr(sysconfig, "get_path", lambda _: str(tmp_path))
    corpus = read_corpus()
    assert corpus.text == "json\nos"
    assert corpus.origin.startswith("2 files of Python ")


def test_a_machine_without_library_sources_is_told_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sysconfig, "get_path", lambda _: str(tmp_path))
    with pytest.raises(
        DataError, match=r"no Python sources under .*: name a text file with --text"
    ):
        read_corpus()


# -- characters ------------------------------------------------------------------------------


@settings(deadline=None)
@given(st.text())
@example("\U0010ffff😀a\ufffd\0")
def test_decoding_what_was_encoded_gives_the_text_back(text: str) -> None:
    vocabulary = Vocabulary(text)
    codes = vocabulary.encode(text)
    assert codes.dtype == np.int64
    assert codes.shape == (len(text),)
    assert vocabulary.decode(codes) == text
    assert len(vocabulary) == len({UNKNOWN, *text})


@settings(deadline=None)
@given(st.text(), st.text())
@example("ab", "a😀b\U0010ffff")
@example("😀", "😁a")
def test_characters_outside_the_vocabulary_become_the_unknown(known: str, other: str) -> None:
    vocabulary = Vocabulary(known)
    expected = "".join(c if c in known else UNKNOWN for c in other)
    codes = vocabulary.encode(other)
    assert vocabulary.decode(codes) == expected
    assert [c == UNKNOWN for c in expected] == [code == 0 for code in codes]


@settings(deadline=None)
@given(st.text(alphabet="abc😀\ufffd"), st.integers(1, 5))
def test_characters_rarer_than_the_minimum_are_unknown(text: str, least: int) -> None:
    counts = Counter(text)
    expected = sorted(c for c in counts if counts[c] >= least and c != UNKNOWN)
    assert Vocabulary(text, least).characters == (UNKNOWN, *expected)


def test_the_last_share_validates_and_the_vocabulary_is_of_the_training_part() -> None:
    text = "ab" * 45 + "abzzzzzzza"
    split = split_text(Corpus(text, "here"))
    assert split.vocabulary.characters == (UNKNOWN, "a", "b")
    assert split.vocabulary.decode(split.train) == text[:90]
    assert split.vocabulary.decode(split.validation) == f"ab{UNKNOWN * 7}a"
    assert split.origin == "here"


@settings(deadline=None)
@given(st.integers(2, 500), st.floats(0.01, 0.99))
def test_the_two_parts_together_are_the_whole(length: int, share: float) -> None:
    held_out = round(length * share)
    if held_out in (0, length):
        with pytest.raises(DataError, match="too few to split into training"):
            split_text(Corpus("a" * length, ""), validation=share)
    else:
        split = split_text(Corpus("a" * length, ""), validation=share)
        assert (len(split.train), len(split.validation)) == (length - held_out, held_out)


def test_by_default_a_character_seen_once_in_training_is_unknown() -> None:
    assert split_text(Corpus("aab" + "a" * 17, "")).vocabulary.characters == (UNKNOWN, "a")
    kept = split_text(Corpus("aab" + "a" * 17, ""), min_count=1).vocabulary.characters
    assert kept == (UNKNOWN, "a", "b")


def test_text_too_short_to_split_is_refused() -> None:
    with pytest.raises(DataError, match=r"t\.txt: 4 characters are too few to split into training"):
        split_text(Corpus("text", "t.txt"))


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, 1.5, math.nan])
def test_a_share_outside_zero_and_one_is_refused(share: float) -> None:
    with pytest.raises(SettingError, match="the validation share must lie between 0 and 1, not"):
        split_text(Corpus("text " * 100, ""), validation=share)


# -- windows ---------------------------------------------------------------------------------


def test_stateful_windows_continue_and_wrap_fresh_though_their_length_changes() -> None:
    streams = Streams(np.arange(21), 2, stateful=True, seed=0)  # two streams of ten
    seen = []
    for steps in (3, 4, 3, 2, 4, 9):
        inputs, targets, fresh = streams.window(steps)
        assert np.array_equal(inputs[1], inputs[0] + 10)
        assert np.array_equal(targets, inputs + 1)
        seen.append((int(inputs[0, 0]), inputs.shape[1], fresh))
    assert seen == [(0, 3, True), (3, 4, False), (0, 3, True), (3, 2, False), (5, 4, False),
                    (0, 9, True)]  # fmt: skip


@settings(deadline=None)
@given(
    st.integers(2, 200), st.integers(1, 8), st.lists(st.integers(1, 30), min_size=1, max_size=30)
)
def test_a_stateful_window_continues_the_last_or_is_fresh_at_the_start(
    length: int, batch: int, lengths: list[int]
) -> None:
    streams = Streams(np.arange(length), batch, stateful=True, seed=0)
    each, position = length // batch, None
    for steps in lengths:
        if steps >= each:
            with pytest.raises(DataError, match="the text is too short"):
                streams.window(steps)
            continue
        inputs, targets, fresh = streams.window(steps)
        assert fresh == (position is None or position + steps >= each)  # fresh only when it must
        start = 0 if fresh or position is None else position
        rows = np.arange(batch)[:, None] * each + start + np.arange(steps)
        assert np.array_equal(inputs, rows)
        assert np.array_equal(targets, rows + 1)
        position = start + steps


def test_a_text_too_short_for_a_window_is_refused_with_both_lengths() -> None:
    streams = Streams(np.arange(99), 10, stateful=True, seed=0)
    streams.check(8)
    message = (
        "each of 10 parallel streams has 9 characters, but a window needs 10; "
        ".*smaller --batch or --seq-len"
    )
    with pytest.raises(DataError, match=message):
        streams.check(9)
    with pytest.raises(DataError, match=message):
        streams.window(9)


def test_independent_windows_are_contiguous_fresh_and_reach_both_ends() -> None:
    streams = Streams(np.arange(50), 4, stateful=False, seed=0)
    starts = set()
    for _ in range(200):
        inputs, targets, fresh = streams.window(5)
        assert fresh
        assert inputs.shape == targets.shape == (4, 5)
        assert np.array_equal(inputs, inputs[:, :1] + np.arange(5))
        assert np.array_equal(targets, inputs + 1)
        starts.update(inputs[:, 0].tolist())
    assert starts == set(range(45))  # the last target is 49


def test_independent_windows_are_reproducible_by_seed() -> None:
    def places(seed: int) -> list[list[int]]:
        streams = Streams(np.arange(5000), 8, stateful=False, seed=seed)
        return [streams.window(steps)[0][:, 0].tolist() for steps in (5, 9, 5)]

    assert places(1) == places(1)
    assert places(1) != places(2)


@pytest.mark.parametrize("stateful", [True, False])
def test_state_brings_the_same_windows_back(stateful: bool) -> None:
    streams = Streams(np.arange(100), 3, stateful=stateful, seed=5)
    streams.window(7)
    state = streams.state_dict()
    ahead = [streams.window(steps) for steps in (7, 4, 30, 7)]
    for other in (streams, Streams(np.arange(100), 3, stateful=stateful, seed=6)):
        other.load_state_dict(state)
        for expected in ahead:
            inputs, targets, fresh = other.window(expected[0].shape[1])
            assert np.array_equal(inputs, expected[0])
            assert np.array_equal(targets, expected[1])
            assert fresh == expected[2]


@settings(deadline=None)
@given(st.integers(2, 400), st.integers(1, 8), st.integers(1, 20), st.integers(1, 10))
def test_validation_windows_are_one_pass_over_different_places(
    length: int, batch: int, steps: int, limit: int
) -> None:
    if length < steps + 1:
        with pytest.raises(DataError, match="the text is too short"):
            list(windows(np.arange(length), batch, steps, limit))
        return
    found = list(windows(np.arange(length), batch, steps, limit))
    places = np.concatenate([inputs.ravel() for inputs, _, _ in found])
    assert 1 <= len(found) <= limit
    assert len(set(places.tolist())) == places.size
    assert [fresh for _, _, fresh in found] == [True] + [False] * (len(found) - 1)
    streams = len(found[0][0])
    assert streams == min(batch, length // (steps + 1))  # as many as fit
    assert len(found) == limit or (len(found) + 1) * steps + 1 > length // streams


# -- baselines -------------------------------------------------------------------------------


def test_baselines_of_a_tiny_example_by_hand() -> None:
    train, before, after = np.array([0, 1, 0, 1, 1]), np.array([0, 1]), np.array([1, 0])
    # Codes: 2 zeros and 3 ones, plus one each. Pairs: 01 twice, 10 once, 11 once.
    unigram = -(math.log(4 / 7) + math.log(3 / 7)) / 2
    bigram = -(math.log((2 + 4 / 7) / 3) + math.log((1 + 3 / 7) / 3)) / 2
    assert unigram_loss(train, after, 2) == pytest.approx(unigram)
    assert bigram_loss(train, before, after, 2) == pytest.approx(bigram)


CODES = st.lists(st.integers(0, 4), min_size=2, max_size=60)


@settings(deadline=None)
@given(CODES, CODES)
def test_baselines_agree_with_a_slow_reference(train: list[int], held_out: list[int]) -> None:
    size = 5
    single, firsts, pairs = Counter(train), Counter(train[:-1]), Counter(pairwise(train))
    share = {c: (single[c] + 1) / (len(train) + size) for c in range(size)}
    unigram = bigram = 0.0
    for before, after in pairwise(held_out):
        unigram -= math.log(share[after])
        bigram -= math.log((pairs[before, after] + share[after]) / (firsts[before] + 1))
    count = len(held_out) - 1
    codes, asked = np.array(train), np.array(held_out)
    assert unigram_loss(codes, asked[1:], size) == pytest.approx(unigram / count)
    assert bigram_loss(codes, asked[:-1], asked[1:], size) == pytest.approx(bigram / count)


def test_what_follows_each_character_has_probability_one_in_total() -> None:
    train = np.array([0, 1, 2, 1, 1, 0, 2])
    for before in range(4):  # 3 never occurs
        each = [bigram_loss(train, np.array([before]), np.array([c]), 4) for c in range(4)]
        assert sum(math.exp(-loss) for loss in each) == pytest.approx(1)


def test_a_single_training_character_has_a_bigram_baseline_too() -> None:
    """No pair was seen: what is left is the unigram distribution."""
    train, asked = np.array([1]), np.array([1, 0])
    expected = unigram_loss(train, asked, 3)
    assert bigram_loss(train, asked[::-1], asked, 3) == pytest.approx(expected)
