"""Which codes name which kind of cause."""

__all__ = ["NAMES"]

NAMES: dict[str, frozenset[str]] = {
    "bad_inputs": frozenset({"BKS406", "BKS407"}),
    "clip_limit": frozenset({"BKS403", "BKS421"}),
    "clip_misplaced": frozenset({"BKS421"}),
    "dropout_high": frozenset({"BKS422"}),
    "mode": frozenset({"BKS422"}),
    "optimizer_anew": frozenset({"BKS424"}),
    "rate": frozenset({"BKS404", "BKS405"}),
    "scale": frozenset({"BKS104"}),
    "swapped": frozenset({"BKS408"}),
    "unoptimised": frozenset({"BKS402"}),
}
"""By kind; a kind that is not here is named by no code yet."""
