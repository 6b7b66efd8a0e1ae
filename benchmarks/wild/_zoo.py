"""Sequence models of other libraries, small and with random weights, and where they are measured.

The places are written down here to check what is found; nothing passes them to Backsight.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

__all__ = ["CASES", "Case", "Place", "Subject"]

SYMBOLS, BATCH, STEPS, WIDTH = 24, 4, 48, 32


@dataclass(frozen=True)
class Place:
    """Where a gradient is read."""

    name: str
    """``input:``, ``block:`` or ``loop:`` and a path."""
    module: str
    call: int | None = 1
    """Which of the module's calls, where it has several; None where each is a step,"""
    state: int = 0
    """and this of its results the state, if there are several."""


Loss = Callable[[nn.Module, Tensor], Tensor]


@dataclass
class Subject:
    """A model, a batch and a loss."""

    model: nn.Module
    x: Tensor
    loss: Loss
    """As a script computes it."""
    positions: Loss
    """``(B, P)``: the loss at each step of the output; 0 where there is none."""
    inputs: list[Place]
    blocks: list[Place] = field(default_factory=list)
    ahead: frozenset[str] = frozenset()
    """Names of inputs that are also measured towards later steps."""
    own_steps: frozenset[str] = frozenset()
    """Names of places whose steps are not those of the output: an encoder's."""


@dataclass(frozen=True)
class Case:
    """How to make a subject."""

    package: str
    build: Callable[[], Subject]


def _inputs(*paths: str) -> list[Place]:
    return [Place(f"input:{path}", path) for path in paths]


def _blocks(path: str, count: int) -> list[Place]:
    return [Place(f"block:{path}.{n}", f"{path}.{n}") for n in range(count)]


def _tokens() -> Tensor:
    return torch.randint(1, SYMBOLS, (BATCH, STEPS), generator=torch.Generator().manual_seed(0))


def _each(logits: Tensor, labels: Tensor) -> Tensor:
    return cross_entropy(logits.mT, labels, reduction="none")


# -- transformers ---------------------------------------------------------------------------


def _labelled(model: nn.Module, x: Tensor) -> Tensor:
    loss: Tensor = model(input_ids=x, labels=x).loss
    return loss


def _next(model: nn.Module, x: Tensor) -> Tensor:
    return _each(model(input_ids=x).logits[:, :-1], x[:, 1:])


def _causal(
    kind: str, embedding: str, stack: str, layers: int, *, module: str = "transformers",
    head: str = "ForCausalLM", **settings: Any,
) -> Callable[[], Subject]:  # fmt: skip
    def build() -> Subject:
        library = import_module(module)
        config = getattr(library, f"{kind}Config")(**settings)
        model = getattr(library, f"{kind}{head}")(config)
        inputs, blocks = _inputs(embedding), _blocks(stack, layers)
        return Subject(model, _tokens(), _labelled, _next, inputs, blocks)

    return build


SIZES: dict[str, Any] = {"vocab_size": SYMBOLS, "hidden_size": WIDTH, "num_hidden_layers": 3}
FOUR: dict[str, Any] = SIZES | {
    "num_hidden_layers": 4,
    "intermediate_size": 64,
    "num_attention_heads": 2,
}
DELTA: dict[str, Any] = {"linear_num_key_heads": 2, "linear_num_value_heads": 2,
         "linear_key_head_dim": 16, "linear_value_head_dim": 16}  # fmt: skip
ENDS: dict[str, Any] = {"pad_token_id": 0, "bos_token_id": 0, "eos_token_id": 0}
NO_DROPOUT: dict[str, Any] = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}


def _t5() -> Subject:
    library = import_module("transformers")
    model = library.T5ForConditionalGeneration(
        library.T5Config(vocab_size=SYMBOLS, d_model=WIDTH, d_kv=16, d_ff=64, num_layers=2,
                         num_heads=2, dropout_rate=0.0, decoder_start_token_id=0)
    )  # fmt: skip
    answer = _tokens().flip(1)[:, :20].contiguous()

    def loss(model: nn.Module, x: Tensor) -> Tensor:
        result: Tensor = model(input_ids=x, labels=answer).loss
        return result

    def positions(model: nn.Module, x: Tensor) -> Tensor:
        return _each(model(input_ids=x, labels=answer).logits, answer)

    both = [Place("input:encoder.embed_tokens", "shared", 1),
            Place("input:decoder.embed_tokens", "shared", 2)]  # fmt: skip
    blocks = _blocks("encoder.block", 2) + _blocks("decoder.block", 2)
    own = frozenset(
        {"input:encoder.embed_tokens", "block:encoder.block.0", "block:encoder.block.1"}
    )
    return Subject(model, _tokens(), loss, positions, both, blocks, own_steps=own)


def _bert() -> Subject:
    library = import_module("transformers")
    model = library.BertForMaskedLM(
        library.BertConfig(hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
                           intermediate_size=64, num_attention_heads=2, **SIZES)
    )  # fmt: skip
    masked = torch.zeros(BATCH, STEPS, dtype=torch.bool)
    masked[:, [7, 20, 33]] = True

    def loss(model: nn.Module, x: Tensor) -> Tensor:
        labels = torch.where(masked, x, -100)
        result: Tensor = model(input_ids=x.masked_fill(masked, 0), labels=labels).loss
        return result

    def positions(model: nn.Module, x: Tensor) -> Tensor:
        return _each(model(input_ids=x.masked_fill(masked, 0)).logits, x) * masked

    inputs, blocks = _inputs("bert.embeddings.word_embeddings"), _blocks("bert.encoder.layer", 3)
    ahead = frozenset({inputs[0].name})
    return Subject(model, _tokens(), loss, positions, inputs, blocks, ahead=ahead)


# -- other libraries ------------------------------------------------------------------------


class Tagger(nn.Module):
    """What a script builds around layers that come without embedding and head."""

    def __init__(self, layers: list[nn.Module]) -> None:
        super().__init__()
        self.embed = nn.Embedding(SYMBOLS, WIDTH)
        self.layers = nn.ModuleList(layers)
        self.head = nn.Linear(WIDTH, SYMBOLS)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, T)`` to ``(B, T, symbols)``."""
        h = self.embed(x)
        for layer in self.layers:
            h = h + layer(h)
        result: Tensor = self.head(h)
        return result


def _logits(model: nn.Module, x: Tensor) -> Tensor:
    return _each(model(x)[:, :-1], x[:, 1:])


def _mean(model: nn.Module, x: Tensor) -> Tensor:
    return _logits(model, x).mean()


def _returned(model: nn.Module, x: Tensor) -> Tensor:
    loss: Tensor = model(x, return_loss=True)
    return loss


def _cut(model: nn.Module, x: Tensor) -> Tensor:
    return _each(model(x[:, :-1]), x[:, 1:])


def _min(kind: str) -> Callable[[], Subject]:
    def build() -> Subject:
        library = import_module("minGRU_pytorch.minLM")
        lstm = kind == "minLSTM"
        model = library.minLM(num_tokens=SYMBOLS, dim=WIDTH, depth=2, use_lstm=lstm)
        blocks = [Place(f"block:layers.{n}.2", f"layers.{n}.2") for n in range(2)]
        return Subject(model, _tokens(), _returned, _cut, _inputs("token_emb"), blocks)

    return build


def _tagger(layer: Callable[[], nn.Module], count: int = 2) -> Subject:
    model = Tagger([layer() for _ in range(count)])
    return Subject(model, _tokens(), _mean, _logits, _inputs("embed"), _blocks("layers", count))


class Around(nn.Module):
    """The same around a whole stack."""

    def __init__(self, core: nn.Module) -> None:
        super().__init__()
        self.embed, self.core = nn.Embedding(SYMBOLS, WIDTH), core
        self.head = nn.Linear(WIDTH, SYMBOLS)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, T)`` to ``(B, T, symbols)``."""
        result: Tensor = self.head(self.core(self.embed(x)))
        return result


def _mambapy() -> Subject:
    library = import_module("mambapy.mamba")
    model = Around(library.Mamba(library.MambaConfig(d_model=WIDTH, n_layers=2)))
    inputs, blocks = _inputs("embed"), _blocks("core.layers", 2)
    return Subject(model, _tokens(), _mean, _logits, inputs, blocks)


def _jamba() -> Subject:
    library = import_module("mambapy.jamba")
    model = library.JambaLM(library.JambaLMConfig(
        d_model=WIDTH, n_layers=4, mlp_size=64, num_attention_heads=2, num_key_value_heads=1,
        num_experts=4, attn_layer_offset=1, attn_layer_period=2, expert_layer_offset=1,
        expert_layer_period=2, vocab_size=SYMBOLS, pad_token_id=0))  # fmt: skip

    def positions(model: nn.Module, x: Tensor) -> Tensor:
        return _each(model(x)[0][:, :-1], x[:, 1:])

    def loss(model: nn.Module, x: Tensor) -> Tensor:
        return positions(model, x).mean()

    inputs, blocks = _inputs("embedding"), _blocks("jamba.layers", 4)
    return Subject(model, _tokens(), loss, positions, inputs, blocks)


def _s5() -> Subject:
    library = import_module("s5")
    return _tagger(lambda: library.S5Block(WIDTH, WIDTH, bidir=False))


def _xlstm() -> Subject:
    x = import_module("xlstm")
    config = x.xLSTMLMModelConfig(
        vocab_size=SYMBOLS, embedding_dim=WIDTH, num_blocks=3, context_length=STEPS, slstm_at=[1],
        mlstm_block=x.mLSTMBlockConfig(mlstm=x.mLSTMLayerConfig(num_heads=2)),
        slstm_block=x.sLSTMBlockConfig(slstm=x.sLSTMLayerConfig(backend="vanilla", num_heads=2)),
    )  # fmt: skip
    model = x.xLSTMLMModel(config)
    blocks = _blocks("xlstm_block_stack.blocks", 3)
    return Subject(model, _tokens(), _mean, _logits, _inputs("token_embedding"), blocks)


def _cfc() -> Subject:
    library = import_module("ncps.torch")

    class Sequences(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = library.CfC(WIDTH, WIDTH)

        def forward(self, x: Tensor) -> Tensor:
            result: Tensor = self.layer(x)[0]
            return result

    subject = _tagger(Sequences)
    # The cell is called by its forward; the identity behind it returns its state.
    subject.inputs = [
        Place(f"loop:layers.{n}.layer.rnn_cell.backbone.0", f"layers.{n}.layer.fc", None)
        for n in range(2)
    ]
    subject.blocks = []
    return subject


def _snn() -> Subject:
    library = import_module("snntorch")

    class Spikes(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.into, self.leaky = nn.Linear(WIDTH, WIDTH), library.Leaky(beta=0.9)

        def forward(self, x: Tensor) -> Tensor:
            membrane, out = self.leaky.init_leaky(), []
            for step in self.into(x).unbind(1):
                spikes, membrane = self.leaky(step, membrane)
                out.append(spikes + membrane)
            return torch.stack(out, 1)

    subject = _tagger(Spikes)
    cells = (f"layers.{n}.leaky" for n in range(2))
    subject.inputs, subject.blocks = [Place(cell, cell, None, state=1) for cell in cells], []
    return subject


CASES: dict[str, Case] = {
    "Mamba": Case("transformers", _causal(
        "Mamba", "backbone.embeddings", "backbone.layers", 3, state_size=8, **SIZES)),
    "Mamba2": Case("transformers", _causal(
        "Mamba2", "backbone.embeddings", "backbone.layers", 3, state_size=8, num_heads=4,
        head_dim=16, n_groups=1, chunk_size=16, **SIZES)),
    "Zamba2": Case("transformers", _causal(
        "Zamba2", "model.embed_tokens", "model.layers", 3, mamba_d_state=8, n_mamba_heads=4,
        chunk_size=16, num_attention_heads=2, intermediate_size=64,
        layers_block_type=["mamba", "hybrid", "mamba"], **SIZES)),
    "RecurrentGemma": Case("transformers", _causal(
        "RecurrentGemma", "model.embed_tokens", "model.layers", 3, lru_width=WIDTH,
        intermediate_size=64, num_attention_heads=2, attention_window_size=16,
        block_types=["recurrent", "recurrent", "attention"], **SIZES)),
    "Qwen3-Next": Case("transformers", _causal(
        "Qwen3Next", "model.embed_tokens", "model.layers", 4, num_key_value_heads=1, head_dim=16,
        num_experts=4, num_experts_per_tok=2, moe_intermediate_size=32,
        shared_expert_intermediate_size=32, **FOUR, **DELTA)),
    "LFM2": Case("transformers", _causal(
        "Lfm2", "model.embed_tokens", "model.layers", 4, num_key_value_heads=1,
        layer_types=["conv", "conv", "full_attention", "conv"], **FOUR)),
    "OLMo hybrid": Case("transformers", _causal(
        "OlmoHybrid", "model.embed_tokens", "model.layers", 4, num_key_value_heads=2, **FOUR,
        **DELTA, **ENDS)),
    "RWKV-4": Case("transformers", _causal(
        "Rwkv", "rwkv.embeddings", "rwkv.blocks", 3, attention_hidden_size=WIDTH,
        context_length=64, **SIZES)),
    "xLSTM (HF)": Case("transformers", _causal(
        "xLSTM", "backbone.embeddings", "backbone.blocks", 3, num_heads=2, use_cache=False,
        **SIZES)),
    "GPT-2": Case("transformers", _causal(
        "GPT2", "transformer.wte", "transformer.h", 3, head="LMHeadModel", vocab_size=SYMBOLS,
        n_embd=WIDTH, n_layer=3, n_head=2, n_positions=64, bos_token_id=0, eos_token_id=0,
        **NO_DROPOUT)),
    "T5": Case("transformers", _t5),
    "BERT": Case("transformers", _bert),
    "RWKV-7": Case("rwkv7-hf", _causal(
        "RWKV7", "model.embeddings", "model.layers", 3, module="rwkv7_hf", head_dim=16,
        intermediate_size=64, decay_low_rank_dim=8, gate_low_rank_dim=8, a_low_rank_dim=8,
        v_low_rank_dim=8, **SIZES)),
    "minGRU": Case("minGRU-pytorch", _min("minGRU")),
    "minLSTM": Case("minGRU-pytorch", _min("minLSTM")),
    "Mamba (mambapy)": Case("mambapy", _mambapy),
    "Jamba": Case("mambapy", _jamba),
    "S5": Case("s5-pytorch", _s5),
    "xLSTM": Case("xlstm", _xlstm),
    "CfC": Case("ncps", _cfc),
    "Leaky": Case("snntorch", _snn),
}  # fmt: skip
"""By name."""
