"""Looking for the inputs and blocks of a model harms no script."""

# mypy: disable-error-code="no-untyped-call, no-any-return, arg-type, index"

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.utils.checkpoint
from torch import Tensor, nn
from torch.nn import functional

from tests.unharmed import Watching, has_reach, same_everywhere

Log = pytest.LogCaptureFixture

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


class Block(nn.Module):
    """A causal mean, and dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(4, 8), nn.GELU(), nn.Dropout(0.2), nn.Linear(8, 4))

    def forward(self, x: Tensor) -> Tensor:
        mean = x.cumsum(1) / torch.arange(1, x.shape[1] + 1)[:, None]
        return x + self.inner(mean)


class Net(nn.Module):
    """Embedding, positions, two blocks, a head."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.places = nn.Embedding(9, 4), nn.Embedding(6, 4)
        self.layers = nn.ModuleList(Block() for _ in range(2))
        self.head = nn.Linear(4, 9)

    def body(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        return self.head(x)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.body(self.embed(tokens) + self.places(torch.arange(tokens.shape[1])))


class InPlace(Net):
    """What the embedding gave is written into, and what goes into a block."""

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embed(tokens)
        x *= 2
        x += self.places(torch.arange(6))
        x = self.layers[0](x)
        x -= 1
        return self.head(self.layers[1](x))


class Frozen(Net):
    """What the embedding gives is a leaf, which may be written into."""

    def __init__(self) -> None:
        super().__init__()
        self.embed.requires_grad_(requires_grad=False)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embed(tokens)
        x += 1
        return self.body(x)


class Lies(Net):
    """Methods that must not be called, and comparisons that fail."""

    def get_input_embeddings(self) -> nn.Module:
        torch.rand(1)
        raise KeyError("of the script's own")

    def __eq__(self, other: object) -> bool:
        raise KeyError("of the script's own")

    def __len__(self) -> int:
        raise KeyError("of the script's own")

    __hash__ = nn.Module.__hash__


class Cycle(Net):
    """A block knows its model."""

    def __init__(self) -> None:
        super().__init__()
        self.layers[1].add_module("whole", self)


class Checkpointed(Net):
    """Blocks run again while a gradient is asked for."""

    def body(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = torch.utils.checkpoint.checkpoint(layer, x, use_reentrant=False)
        return self.head(x)


class Reentrant(Net):
    """Of which PyTorch cannot ask for single gradients."""

    def body(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = torch.utils.checkpoint.checkpoint(layer, x, use_reentrant=True)
        return self.head(x)


class Fails(Net):
    """Every other forward fails in the middle."""

    calls = 0

    def body(self, x: Tensor) -> Tensor:
        self.calls += 1
        x = self.layers[0](x)
        if self.calls % 2:
            raise ValueError("of the script's own")
        return self.head(self.layers[1](x))


class Bare(Net):
    """It returns its loss, in a container of its own."""

    def forward(self, tokens: Tensor) -> Any:
        logits = super().forward(tokens)
        return {"loss": functional.cross_entropy(logits.flatten(0, 1), tokens.flatten())}


class Images(nn.Module):
    """No sequences at all."""

    def __init__(self) -> None:
        super().__init__()
        self.into = nn.Conv2d(1, 2, 3)
        self.layers = nn.Sequential(nn.ReLU(), nn.BatchNorm2d(2), nn.Flatten())
        self.head = nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(
            self.layers(self.into(x[:, :4, None].mT.float().expand(-1, 4, 4)[:, None]))
        )


def loss_of(model: nn.Module, tokens: Tensor) -> Tensor:
    result = model(tokens)
    return result["loss"] if isinstance(result, dict) else result.square().mean()


def scene_of(
    make: Callable[[], nn.Module], extra: Callable[[nn.Module, Tensor], Any] = lambda *_: None
) -> Callable[[Watching], Iterator[Any]]:
    def scene(watching: Watching) -> Iterator[Any]:
        torch.manual_seed(0)
        model = make()
        optimizer = torch.optim.Adam(model.parameters(), 0.01)
        with watching(model, optimizer):
            for _ in range(4):
                tokens = torch.randint(9, (3, 6))
                optimizer.zero_grad()
                try:
                    loss = loss_of(model, tokens)
                except ValueError as error:
                    yield str(error)
                    continue
                loss.backward()
                yield loss, [p.grad for p in model.parameters()]
                optimizer.step()
                yield extra(model, tokens)
        yield [*model.parameters(), *model.buffers()]

    return scene


KINDS = [Net, InPlace, Frozen, Lies, Cycle, Checkpointed, Fails, Bare, Images]


@pytest.mark.some(2)
@pytest.mark.parametrize("kind", KINDS)
def test_models_without_recurrent_layers(
    kind: type[nn.Module], tmp_path: Path, caplog: Log
) -> None:
    """Outputs, gradients, weights, random numbers, errors and warnings are the same."""
    runs = same_everywhere(scene_of(kind), tmp_path, caplog)
    if kind not in (Images, Frozen):
        assert has_reach(runs)


def test_what_pytorch_cannot_ask_single_gradients_of(tmp_path: Path, caplog: Log) -> None:
    """It is said, once, and everything else is measured."""
    runs = same_everywhere(scene_of(Reentrant), tmp_path, caplog, off="reach of input:embed failed")
    assert all(len(run["loss"]) == 4 for run in runs)


def retained(model: Any, tokens: Tensor) -> Any:
    """A gradient that the script retains is its own, and so is what a hook adds."""
    made: list[Tensor] = []

    def hook(module: nn.Module, given: Any, result: Tensor) -> None:
        result.retain_grad()
        made.append(result)

    handles = [part.register_forward_hook(hook) for part in (model.embed, model.layers[0])]
    loss_of(model, tokens).backward()
    for handle in handles:
        handle.remove()
    return [tensor.grad for tensor in made]


def validated(model: Any, tokens: Tensor) -> Any:
    """With gradients, in eval mode, and of other lengths."""
    model.eval()
    found = [model(tokens[:, :n]) for n in (1, 3)]
    model.train()
    return found


def traced(model: Any, tokens: Tensor) -> Any:
    model.eval()
    made = torch.jit.trace(model, (tokens,))
    model.train()
    return str(made.graph)


def func(model: Any, tokens: Tensor) -> Any:
    parameters = dict(model.named_parameters())

    def loss(parameters: Any) -> Tensor:
        return torch.func.functional_call(model, parameters, (tokens,)).square().mean()

    model.eval()
    found = torch.func.grad(loss)(parameters)
    model.train()
    return list(found.values())


@pytest.mark.some(2)
@pytest.mark.parametrize("extra", [retained, validated, traced, func])
def test_what_a_script_does_between_two_iterations(
    extra: Callable[..., Any], tmp_path: Path, caplog: Log
) -> None:
    assert has_reach(same_everywhere(scene_of(Net, extra), tmp_path, caplog, warm=True))


def test_a_compiled_model(tmp_path: Path, caplog: Log) -> None:
    """Its modules are not seen to run; it computes what it does without us."""

    def scene(watching: Watching) -> Iterator[Any]:
        torch.manual_seed(0)
        torch._dynamo.reset()
        model = Net().eval()
        compiled = torch.compile(model, backend="eager", fullgraph=True)
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        with watching(model, optimizer):
            for _ in range(3):
                optimizer.zero_grad()
                loss = compiled(torch.randint(9, (3, 6))).square().mean()
                loss.backward()
                optimizer.step()
                yield loss
        yield list(model.parameters()), torch._dynamo.utils.counters["frames"]

    same_everywhere(scene, tmp_path, caplog, warm=True)
