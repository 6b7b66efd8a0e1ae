"""What the graph of a loss says of it: its terms, its targets, its sign and its size."""

from backsight.probes.loss._answer_given import (
    AnswerGiven,
    LayerInput,
    answers_given,
    inputs_read,
    mark_input,
)
from backsight.probes.loss._answer_windows import ROUNDED
from backsight.probes.loss._beside import made_beside
from backsight.probes.loss._beyond import Beyond, targets_beyond
from backsight.probes.loss._broadcast import loss_broadcasts, steps_of_one_target
from backsight.probes.loss._classes_by_hand import classes_by_hand
from backsight.probes.loss._compared_alike import compared_alike
from backsight.probes.loss._delayed import lag_of
from backsight.probes.loss._density_sign import densities_lowered
from backsight.probes.loss._divergence_sign import divergences_raised
from backsight.probes.loss._entropy_sign import entropies_lowered
from backsight.probes.loss._errors_by_hand import difference_by_hand, error_by_hand, errors_by_hand
from backsight.probes.loss._filled_numbers import filled_numbers, note_answer
from backsight.probes.loss._filled_targets import data_read, filled_targets, is_filled
from backsight.probes.loss._following import Window, is_asked, last_targets
from backsight.probes.loss._guesses import ConstantAnswer, Guesses
from backsight.probes.loss._likeness_sign import likenesses_lowered
from backsight.probes.loss._loss_operations import LIMIT, RESHAPED, LossOperations
from backsight.probes.loss._loss_sign import (
    likelihoods_lowered,
    terms_without_bound,
    weighs_likelihoods,
)
from backsight.probes.loss._loss_target import LossTarget
from backsight.probes.loss._loss_targets import (
    asks_a_layer,
    asks_a_unit,
    loss_targets,
    unit_asked,
)
from backsight.probes.loss._loss_terms import LossTerm, error_of, loss_terms
from backsight.probes.loss._padded_loss import (
    class_counts,
    compares_padding,
    counts_all,
    error_compares_padding,
    row_by_row,
    step_by_step,
)
from backsight.probes.loss._padded_mean import averages_padding, averages_words
from backsight.probes.loss._penalty import penalised
from backsight.probes.loss._persistence import Persistence
from backsight.probes.loss._row_answers import RowAnswers, row_keys
from backsight.probes.loss._squashed import squashed_twice
from backsight.probes.loss._targets_turned import (
    StepTargets,
    step_targets,
    steps_given,
    targets_turned,
)
from backsight.probes.loss._unsquashed import unsquashed

__all__ = [
    "LIMIT",
    "RESHAPED",
    "ROUNDED",
    "AnswerGiven",
    "Beyond",
    "ConstantAnswer",
    "Guesses",
    "LayerInput",
    "LossOperations",
    "LossTarget",
    "LossTerm",
    "Persistence",
    "RowAnswers",
    "StepTargets",
    "Window",
    "answers_given",
    "asks_a_layer",
    "asks_a_unit",
    "averages_padding",
    "averages_words",
    "class_counts",
    "classes_by_hand",
    "compared_alike",
    "compares_padding",
    "counts_all",
    "data_read",
    "densities_lowered",
    "difference_by_hand",
    "divergences_raised",
    "entropies_lowered",
    "error_by_hand",
    "error_compares_padding",
    "error_of",
    "errors_by_hand",
    "filled_numbers",
    "filled_targets",
    "inputs_read",
    "is_asked",
    "is_filled",
    "lag_of",
    "last_targets",
    "likelihoods_lowered",
    "likenesses_lowered",
    "loss_broadcasts",
    "loss_targets",
    "loss_terms",
    "made_beside",
    "mark_input",
    "note_answer",
    "penalised",
    "row_by_row",
    "row_keys",
    "squashed_twice",
    "step_by_step",
    "step_targets",
    "steps_given",
    "steps_of_one_target",
    "targets_beyond",
    "targets_turned",
    "terms_without_bound",
    "unit_asked",
    "unsquashed",
    "weighs_likelihoods",
]
