"""Which remedies a finding calls for: those of its rule that a study can try, in the same order."""

__all__ = ["TRIES"]

TRIES: dict[str, tuple[str, ...]] = {
    "BS101": ("orthogonal", "lstm", "chrono", "gru", "curriculum", "omega"),
    "BS102": ("clip", "orthogonal", "gru", "lstm", "omega", "spectral", "curriculum"),
    "BS103": ("orthogonal", "gru", "lstm", "layer-norm"),
    "BS104": ("orthogonal", "rate-third", "clip", "layer-norm"),
    "BS105": ("orthogonal", "gru", "lstm"),
    "BS201": ("clip", "guard", "rate-third", "rate-tenth", "orthogonal", "gru", "lstm"),
    "BS202": ("clip", "rate-third", "momentum-off"),
    "BS203": ("rate-tenth", "clip", "momentum-off", "orthogonal"),
    "BS204": ("guard", "clip", "curriculum", "omega", "momentum-off"),
    "BS205": ("rate-third", "momentum-off"),
    "BS206": ("rate-third", "clip", "omega", "spectral"),
    "BS207": ("rate-third", "clip"),
    "BS301": ("orthogonal", "gru", "lstm"),
    "BS302": ("rate-tenfold", "curriculum", "orthogonal", "gru", "lstm"),
    "BS303": ("rate-third", "rate-tenth"),
    "BS401": (),  # the code cuts the graph: no setting mends that
    "BS402": (),  # a parameter that gets no gradient is the code's fault as well
    "BS403": ("clip",),
    "BS404": ("rate-tenth",),
    "BS405": ("rate-tenfold",),
    "BS406": (),  # the data
    "BS407": (),
}
"""By code, names of remedies; a test holds it to the rules and to the remedies."""
