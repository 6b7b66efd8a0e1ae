"""Which codes name which kind of cause."""

__all__ = ["NAMES"]

_CODES = {
    "bad_inputs": "406 407",
    "bad_labels": "435",
    "broadcast": "412",
    "clip_limit": "403 421",
    "clip_misplaced": "421",
    "double_activation": "411",
    "dropout_high": "422",
    "graph_kept": "426",
    "half_precision": "428 438",
    "initialisation": "104 436 439",
    "mixed_by_view": "413",
    "mode": "422",
    "not_shifted": "431",
    "not_zeroed": "410",
    "one_column": "408 414 437",
    "optimizer_anew": "424",
    "padding_in_loss": "420",
    "padding_read": "415 416",
    "predicts_previous": "432",
    "random_state": "419",
    "rate": "404 405",
    "reinitialised": "425",
    "repeats_last": "304 432",
    "reverse_half": "414",
    "rows_out_of_order": "417",
    "same_batch": "434",
    "scale": "433",
    "schedule": "423",
    "state_attached": "418",
    "state_carried": "418",
    "swapped": "408",
    "unoptimised": "402 409",
    "weight_decay": "427 428",
    "window_repeated": "407",
    "wrong_sign": "429",
    "zeroed_early": "410",
}
NAMES = {kind: frozenset(f"BKS{code}" for code in codes.split()) for kind, codes in _CODES.items()}
"""By kind; a code that no rule has yet is never found."""
