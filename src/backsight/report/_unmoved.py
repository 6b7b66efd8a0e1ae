"""Layers whose memory cannot be told, because another past moves them by no more than rounding."""

from backsight.signals import Run, SignalStream, member

__all__ = ["unmoved_layers"]


def unmoved_layers(run: Run) -> dict[str, SignalStream]:
    """``memory_alike`` by layer, of those whose newest sample has it in place of a memory."""
    measured = run.members("memory", profile=True)
    found = {}
    for name in run.members("memory_alike"):
        layer, stream = member(name), run.stream(name)
        memory = f"memory/{layer}".rstrip("/")
        if memory not in measured or run.stream(memory).last < stream.last:
            found[layer] = stream
    return found
