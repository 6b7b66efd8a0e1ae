"""Names of optimizers and of their groups, as the learning rates have them."""

__all__ = ["first_group", "together", "whose"]


def first_group(member: str) -> str:
    """Of an optimizer, as ``lr`` names it."""
    return f"{member}.0" if member else "0"


def together(name: str, other: str) -> bool:
    """Whether two are groups of one optimizer."""
    return name.rpartition(".")[0] == other.rpartition(".")[0]


def whose(where: str) -> str:
    """Which learning rate it is, where there are several."""
    stem, _, group = where.rpartition(".")
    if stem.isdigit():
        stem = f"optimizer {stem}"
    return f" of group {group}{' of ' + stem if stem else ''}" if group != "0" or stem else ""
