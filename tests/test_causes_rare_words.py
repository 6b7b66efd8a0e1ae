"""Tags that few words have, of which one batch is too small to tell what they depend on."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.causes import findings, rnn

BATCH, STEPS, WORDS, ROOMS, UNITS = 24, 12, 12, 4, 6
FROM, TO, TAGS = WORDS + ROOMS, WORDS + ROOMS + 1, 3


def commands() -> tuple[Tensor, Tensor]:
    """A room is one to leave or one to go to, as the word before it says."""
    words = torch.randint(WORDS, (BATCH, STEPS))
    tags = torch.zeros(BATCH, STEPS, dtype=torch.long)
    for row in range(BATCH):
        for at in (1, 6):
            at += int(torch.randint(3, ()))
            tag = int(torch.randint(1, TAGS, ()))
            words[row, at] = FROM if tag == 1 else TO
            words[row, at + 1] = WORDS + torch.randint(ROOMS, ())
            tags[row, at + 1] = tag
    return words, tags


@pytest.mark.some(2)
@pytest.mark.parametrize(("batch_first", "depend"), [(False, True), (True, True), (False, False)])
def test_rare_tags_are_told_by_several_batches(
    batch_first: bool, depend: bool, tmp_path: Path
) -> None:
    def loss(m: nn.ModuleDict) -> Tensor:
        words, tags = commands()
        if not depend:
            tags = torch.where(tags > 0, torch.randint(1, TAGS, tags.shape), tags)
        z = m["head"](m["rnn"](m["embed"](words))[0])
        return functional.cross_entropy(z.transpose(1, 2), tags)

    modules = {
        "embed": nn.Embedding(TO + 1, UNITS),
        "rnn": rnn(inputs=UNITS, batch_first=batch_first),
        "head": nn.Linear(4, TAGS),
    }
    found = findings("BKS408", loss, tmp_path, modules, 40)
    assert bool(found) == (depend and not batch_first)
