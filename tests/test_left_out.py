"""What a profile leaves out is measured as well, or named in one sentence that says what to do."""

# Models are put together as tests need them.
# mypy: disable-error-code="no-untyped-call, no-any-return"

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from backsight import Run, probe, watch
from backsight.errors import SettingError
from backsight.report import reach_sentences
from tests.test_inputs import EXACT, scan, tokens_of

Join = Callable[[Tensor, Tensor], Tensor]


class Two(nn.Module):
    """Two streams of indices, each embedded, and a scan over what they come to."""

    def __init__(self, join: Join) -> None:
        super().__init__()
        self.word, self.tag, self.join = nn.Embedding(9, 4), nn.Embedding(9, 4), join
        self.double()

    def forward(self, words: Tensor, tags: Tensor) -> Tensor:
        return scan(0.9)(self.join(self.word(words), self.tag(tags)), 1)[:, -1]


def summaries(join: Join) -> dict[str, str]:
    model, tokens = Two(join), tokens_of()
    found = probe(model, lambda: model(tokens, tokens.flip(1)).square().sum())
    np.testing.assert_allclose(found["input:word"].reach, 0.9 ** np.arange(12.0), EXACT)
    return {name: profile.summary for name, profile in found.items()}


def test_an_embedding_that_is_added_to_another_one_is_named() -> None:
    told = summaries(torch.add)
    assert list(told) == ["input:word"]
    assert told["input:word"].endswith(
        "; input:tag has the same gradient, as where embeddings are added up"
    )


def test_an_input_that_no_gradient_arrives_at_is_named(
    run_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """In the report, but not in the log: a gradient may still arrive."""
    words = (
        "cannot tell how far back input:tag reaches: no gradient of the loss arrives there; check "
        "that the loss depends on it"
    )
    assert summaries(lambda word, tag: word + 0 * tag)["input:tag"] == words
    model, tokens = Two(lambda word, tag: word + 0 * tag), tokens_of()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with watch(model, optimizer, run_path, every=1):
        model(tokens, tokens.flip(1)).square().sum().backward()
        optimizer.step()
    assert f"{words}." in reach_sentences(Run(run_path))
    assert words not in caplog.text


class Again(nn.Module):
    """An embedding that is called twice on one input: once for a scan, once for step 2."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(9, 4).double()

    def forward(self, tokens: Tensor) -> Tensor:
        return scan(0.5)(self.embed(tokens), 1)[:, -1] + self.embed(tokens)[:, 2]


def test_an_embedding_that_is_called_twice_is_one_input() -> None:
    """Both gradients count: 0.5^k, and 1 at the step that is read directly."""
    model, tokens = Again(), tokens_of(3, 6)
    (profile,) = probe(model, lambda: model(tokens).sum()).values()
    squares = 0.25 ** np.arange(6.0)
    squares[3] += 1
    np.testing.assert_allclose(profile.reach, np.sqrt(squares), EXACT)


# -- fused layers that are fed their own output --------------------------------------------


class Fed(nn.Module):
    """Window by window, each with the last output before it added to its input."""

    def __init__(self, window: int, *, packed: bool = False, both: bool = False) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.rnn = nn.GRU(4, 2 if both else 4, bidirectional=both)
        self.window, self.packed, self.keep = window, packed, True

    def forward(self, x: Tensor) -> Tensor:
        state, y = None, x[:1]
        for part in x.split(self.window):
            fed = part + y[-1:]
            state = state if self.keep else None
            if self.packed:
                steps = [len(fed)] * fed.shape[1]
                out, state = self.rnn(pack_padded_sequence(fed, steps), state)
                y, _ = pad_packed_sequence(out)
            else:
                y, state = self.rnn(fed, state)
        return y[-1]


@pytest.mark.parametrize(
    ("fed", "why"),
    [
        (Fed(3), "it is called for several steps at once; call it for one step at a time to have "
                 "it measured"),
        (Fed(1, packed=True), "its input is packed; call it with each step as a tensor to have it "
                              "measured"),
        (Fed(1, both=True), "it runs in both directions; it is measured of a layer that runs in "
                            "one and is called for one step at a time"),
    ],
)  # fmt: skip
def test_a_way_through_the_output_that_is_not_measured_is_named(fed: Fed, why: str) -> None:
    x = torch.randn(6, 2, 4)
    words = "rnn: the reach leaves out the way through its own output as the next input, because "
    for profile in probe(fed, lambda: fed(x).square().sum()).values():
        assert profile.note == words + why
        assert profile.reach.size


class Turned(nn.Module):
    """Window by window, the last output being the initial state of the next one."""

    def __init__(self, window: int, turn: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.rnn, self.window, self.turn = nn.GRU(4, 4), window, turn

    def forward(self, x: Tensor) -> Tensor:
        state = None
        for part in x.split(self.window):
            y, _ = self.rnn(part, state)
            state = self.turn(y[-1:])
        return y[-1]


@pytest.mark.parametrize("window", [1, 3])
@pytest.mark.parametrize("turn", [lambda y: y, torch.tanh])
def test_a_state_that_is_made_of_the_output_is_named(
    window: int, turn: Callable[[Tensor], Tensor]
) -> None:
    net, x = Turned(window, turn), torch.randn(6, 2, 4)
    (found,) = probe(net, lambda: net(x).square().sum()).items()
    assert found[0] == "rnn.l0"
    assert not found[1].reach.size
    assert found[1].reason == (
        "rnn: not measured, because its initial state is made of its own output, through which no "
        "gradient is followed; give it the final state that it has returned"
    )
    net.turn = Tensor.detach  # whose sequences begin anew
    assert probe(net, lambda: net(x).square().sum())["rnn.l0"].reach.size == window


def test_a_way_through_an_output_of_two_windows_before_is_named() -> None:
    """No window is kept for it: what an operation has made is noted on the operation."""
    rnn, x = nn.GRU(4, 4), torch.randn(9, 2, 4)

    def loss() -> Tensor:
        first, state = rnn(x[:3])
        _, state = rnn(x[3:6], state)
        y, _ = rnn(x[6:] + first, state)
        return y[-1].square().sum()

    assert "leaves out the way through its own output" in probe(rnn, loss)["l0"].note


def test_only_what_is_left_out_is_named() -> None:
    """Single steps are measured; windows that begin anew have no way back to leave out."""
    x, anew = torch.randn(6, 2, 4), Fed(3)
    anew.keep = False
    for fed in (Fed(1), anew):
        assert not probe(fed, lambda: fed(x).square().sum())["rnn.l0"].note  # noqa: B023


# -- a loop in the graph whose last state differs ------------------------------------------


class Parts(nn.Module):
    """A step makes eight units, of which the next one is given four."""

    def __init__(self, read: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.into, self.again, self.read = nn.Linear(3, 8), nn.Linear(4, 8), read
        self.kept: list[Tensor] = []
        self.double()

    def forward(self, x: Tensor) -> Tensor:
        h, self.kept = torch.zeros(x.shape[1], 4).double(), []
        for row in x:
            made = torch.tanh(self.into(row) + self.again(h))
            h = made[:, :4]
            self.kept.append(made)
        return self.read(made)


@pytest.mark.parametrize("read", [lambda z: z, lambda z: z[:, :4], lambda z: z[:2, :3]])
def test_the_last_state_is_returned_whole_or_in_part(read: Callable[[Tensor], Tensor]) -> None:
    model, x = Parts(read), torch.randn(7, 3, 3).double()
    losses: list[Tensor] = []

    def loss() -> Tensor:
        losses.append(model(x).square().sum())
        return losses[-1]

    (profile,) = probe(model, loss).values()
    back = torch.stack(torch.autograd.grad(losses[0], model.kept)).norm(dim=-1).mean(1)
    np.testing.assert_allclose(profile.reach, (back.flip(0) / back[-1]).numpy(), rtol=EXACT)


# -- what a caller may say -----------------------------------------------------------------


def test_a_path_that_no_message_has_room_for() -> None:
    model = nn.Sequential(nn.Embedding(10, 8))
    with pytest.raises(SettingError, match=r"no module 'a{79}: its modules are 0$"):
        probe(model, lambda: model(torch.ones(2, 3).long()).sum(), inputs="a" * 500)


@pytest.mark.parametrize("layout", ["sideways", "", None, 3])
def test_a_layout_that_there_is_none_of(layout: object, run_path: Path) -> None:
    model = nn.Sequential(nn.Embedding(10, 8))
    words = r"layout must be 'auto', 'batch' for \(B, T, \.\.\.\) or 'time' for \(T, B, \.\.\.\)"
    with pytest.raises(SettingError, match=words):
        probe(model, lambda: model(torch.ones(2, 3).long()).sum(), layout=layout)  # type: ignore[arg-type]
    with pytest.raises(SettingError, match=words):
        watch(model, None, run_path, layout=layout)  # type: ignore[arg-type]


class Step(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.into, self.again = nn.Linear(1, 1), nn.Linear(1, 1)

    def forward(self, x: Tensor, h: Tensor) -> Tensor:
        return torch.tanh(self.into(x) + self.again(h))


class Single(nn.Module):
    """A loop over steps of one sequence with one feature: a number may be the step's own."""

    def __init__(self, *, called: bool) -> None:
        super().__init__()
        self.step, self.called = Step(), called

    def forward(self, x: Tensor) -> Tensor:
        h = torch.zeros(1, 1)
        for row in x:
            h = self.step(row, h) if self.called else self.step.forward(row, h)
        return h


def test_what_to_do_about_a_loop_that_is_not_found_works() -> None:
    x, model = torch.randn(5, 1, 1), Single(called=False)
    words = "or make the step a module that is given the state and returns it"
    with pytest.raises(SettingError, match=words):
        probe(model, lambda: model(x).sum())
    model.called = True
    assert probe(model, lambda: model(x).sum())["step"].reach.shape == (5,)


def test_an_input_without_any_gradient() -> None:
    model = nn.Sequential(nn.Embedding(2, 1), nn.Linear(1, 1))
    (profile,) = probe(model, lambda: 0 * model(torch.zeros(1, 2).long()).sum()).values()
    assert profile.summary.endswith("learns: the loss has no gradient at input:0")
