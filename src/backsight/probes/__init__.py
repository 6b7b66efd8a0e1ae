"""Measures a torch model: hidden states, gradients, parameters. Changes nothing."""

from backsight.probes._alike import units_alike
from backsight.probes._answer_given import (
    AnswerGiven,
    LayerInput,
    answers_given,
    inputs_read,
    mark_input,
)
from backsight.probes._attention_axis import attends_across, softmax_across
from backsight.probes._autograd import retained
from backsight.probes._beyond import Beyond, targets_beyond
from backsight.probes._broadcast import loss_broadcasts, steps_of_one_target
from backsight.probes._classes_by_hand import classes_by_hand
from backsight.probes._closures import Closures, closure_of
from backsight.probes._columns_taken import ColumnTaken, columns_taken
from backsight.probes._compared_alike import compared_alike
from backsight.probes._compilers import (
    compilers_take,
    inspection,
    left_by_compilers,
    skipped,
    undisturbed,
)
from backsight.probes._data_behind import data_behind, data_below
from backsight.probes._data_entries import (
    DataEntry,
    data_entries,
    given_beside,
    put_elsewhere,
)
from backsight.probes._decays import DecayReader
from backsight.probes._deep import DeepMeasures, LayerRun, deep_measures
from backsight.probes._delayed import lag_of
from backsight.probes._density_sign import densities_lowered
from backsight.probes._dependence import depends_across
from backsight.probes._divergence_sign import divergences_raised
from backsight.probes._dropout import dropout_of, rate_between, rate_of_dropout, rows_silenced
from backsight.probes._elements import some_elements
from backsight.probes._entropy_sign import entropies_lowered
from backsight.probes._errors_by_hand import difference_by_hand, error_by_hand, errors_by_hand
from backsight.probes._filled_targets import filled_targets, is_filled
from backsight.probes._first_step import StepCalls, first_step_alone, steps_side_by_side
from backsight.probes._following import Window, is_asked, last_targets
from backsight.probes._graph_tags import GraphTags
from backsight.probes._guesses import ConstantAnswer, Guesses
from backsight.probes._half_sums import additions_in_half
from backsight.probes._hidden_steps import hides_all_but, looks_around
from backsight.probes._holders import places_of
from backsight.probes._identity import IdentityMap
from backsight.probes._initial_state import (
    hangs_on_spent,
    is_drawn,
    is_spent,
    made_by,
    same_direction,
)
from backsight.probes._input_spread import InputRange
from backsight.probes._last_step import asks_for_last
from backsight.probes._loop_carried import LoopCarried
from backsight.probes._loop_inputs import loop_inputs
from backsight.probes._loop_states import LoopStates, loop_begun, loop_products, loop_weights
from backsight.probes._loss_operations import LossOperations
from backsight.probes._loss_sign import (
    likelihoods_lowered,
    terms_without_bound,
    weighs_likelihoods,
)
from backsight.probes._loss_target import LossTarget
from backsight.probes._loss_targets import asks_a_layer, asks_a_unit, loss_targets
from backsight.probes._loss_terms import LossTerm, loss_terms
from backsight.probes._lyapunov import LyapunovSpectrum, lyapunov, step_jacobian
from backsight.probes._memory import MemoryProfile, compared_of, ladder, memory
from backsight.probes._memory_capacity import MemoryCapacity, driven, memory_capacity
from backsight.probes._mixed_rows import (
    batch_axes,
    convolved_mixed,
    data_mixed,
    mixes,
    moved,
    states_mixed,
    views_that_mix,
)
from backsight.probes._module_calls import ModuleCalls
from backsight.probes._modules import (
    Model,
    children_of,
    listed_optimizers,
    modules_above,
    named_modules,
    named_parameters,
    parameters_of,
    unwrapped,
    unwrapped_optimizer,
)
from backsight.probes._packed_lengths import lengths_unlike, packed_from, packed_of
from backsight.probes._padded_loss import (
    class_counts,
    compares_padding,
    counts_all,
    error_compares_padding,
    row_by_row,
    step_by_step,
)
from backsight.probes._padded_mean import averages_padding
from backsight.probes._padding import embedded_from, is_padding, may_be_padded, padding_of
from backsight.probes._parameters import (
    WIDEST,
    ParameterUpdates,
    gradient_norm,
    largest_value,
    spectrum,
    tensor_norm_values,
    tensor_norms,
    total_norm,
    total_norm_value,
)
from backsight.probes._penalty import penalised
from backsight.probes._persistence import Persistence
from backsight.probes._precision import on_host
from backsight.probes._probe import probe, what_was_found
from backsight.probes._profile import GradientProfile
from backsight.probes._reader import (
    HiddenNorms,
    LayerReader,
    Memories,
    ReaderSettings,
    Readings,
    register_reader,
)
from backsight.probes._readers import Readers, reading_of
from backsight.probes._readout import Readout, readout_of
from backsight.probes._rerun import as_it_was, autocast_now, may_run_again, taken_apart
from backsight.probes._row_answers import RowAnswers, row_keys
from backsight.probes._row_order import row_orders, rows_lost, rows_out_of_order, rows_sorted
from backsight.probes._row_ties import RowTies
from backsight.probes._rows_within import asks_of_rows, keys_within, puts_back, sorted_apart
from backsight.probes._schedules import has_schedule, schedules_of
from backsight.probes._sharpness import Sharpness, sharpness
from backsight.probes._squashed import squashed_twice
from backsight.probes._steps_read import StepsRead
from backsight.probes._targets_turned import targets_turned
from backsight.probes._tensors import tensors_in
from backsight.probes._time_axis import moves_across, padded_across, smooth_across, symbols_of
from backsight.probes._unsquashed import unsquashed
from backsight.probes._white_noise import noise_spread
from backsight.probes._whole_memory import Lanes, affordable, memory_of_whole, thinned
from backsight.probes.fused import (
    Arithmetic,
    Catcher,
    FusedReader,
    Layered,
    by_probe_input,
    by_recurrence_seeds,
    hidden_norms,
    replay,
    walk,
)
from backsight.probes.inputs import (
    InputReader,
    check_inputs,
    check_layout,
    listed_inputs,
    no_such_module,
)
from backsight.probes.loops import LoopReader, read_as_loop
from backsight.probes.scanned import Diagonal, ScanReader
from backsight.probes.stepped import SteppedReader, may_be_stepped
from backsight.signals import Lag

__all__ = [
    "WIDEST",
    "AnswerGiven",
    "Arithmetic",
    "Beyond",
    "Catcher",
    "Closures",
    "ColumnTaken",
    "ConstantAnswer",
    "DataEntry",
    "DecayReader",
    "DeepMeasures",
    "Diagonal",
    "FusedReader",
    "GradientProfile",
    "GraphTags",
    "Guesses",
    "HiddenNorms",
    "IdentityMap",
    "InputRange",
    "InputReader",
    "Lag",
    "Lanes",
    "LayerInput",
    "LayerReader",
    "LayerRun",
    "Layered",
    "LoopCarried",
    "LoopReader",
    "LoopStates",
    "LossOperations",
    "LossTarget",
    "LossTerm",
    "LyapunovSpectrum",
    "Memories",
    "MemoryCapacity",
    "MemoryProfile",
    "Model",
    "ModuleCalls",
    "ParameterUpdates",
    "Persistence",
    "ReaderSettings",
    "Readers",
    "Readings",
    "Readout",
    "RowAnswers",
    "RowTies",
    "ScanReader",
    "Sharpness",
    "StepCalls",
    "SteppedReader",
    "StepsRead",
    "Window",
    "additions_in_half",
    "affordable",
    "answers_given",
    "as_it_was",
    "asks_a_layer",
    "asks_a_unit",
    "asks_for_last",
    "asks_of_rows",
    "attends_across",
    "autocast_now",
    "averages_padding",
    "batch_axes",
    "by_probe_input",
    "by_recurrence_seeds",
    "check_inputs",
    "check_layout",
    "children_of",
    "class_counts",
    "classes_by_hand",
    "closure_of",
    "columns_taken",
    "compared_alike",
    "compared_of",
    "compares_padding",
    "compilers_take",
    "convolved_mixed",
    "counts_all",
    "data_behind",
    "data_below",
    "data_entries",
    "data_mixed",
    "deep_measures",
    "densities_lowered",
    "depends_across",
    "difference_by_hand",
    "divergences_raised",
    "driven",
    "dropout_of",
    "embedded_from",
    "entropies_lowered",
    "error_by_hand",
    "error_compares_padding",
    "errors_by_hand",
    "filled_targets",
    "first_step_alone",
    "given_beside",
    "gradient_norm",
    "hangs_on_spent",
    "has_schedule",
    "hidden_norms",
    "hides_all_but",
    "inputs_read",
    "inspection",
    "is_asked",
    "is_drawn",
    "is_filled",
    "is_padding",
    "is_spent",
    "keys_within",
    "ladder",
    "lag_of",
    "largest_value",
    "last_targets",
    "left_by_compilers",
    "lengths_unlike",
    "likelihoods_lowered",
    "listed_inputs",
    "listed_optimizers",
    "looks_around",
    "loop_begun",
    "loop_inputs",
    "loop_products",
    "loop_weights",
    "loss_broadcasts",
    "loss_targets",
    "loss_terms",
    "lyapunov",
    "made_by",
    "mark_input",
    "may_be_padded",
    "may_be_stepped",
    "may_run_again",
    "memory",
    "memory_capacity",
    "memory_of_whole",
    "mixes",
    "modules_above",
    "moved",
    "moves_across",
    "named_modules",
    "named_parameters",
    "no_such_module",
    "noise_spread",
    "on_host",
    "packed_from",
    "packed_of",
    "padded_across",
    "padding_of",
    "parameters_of",
    "penalised",
    "places_of",
    "probe",
    "put_elsewhere",
    "puts_back",
    "rate_between",
    "rate_of_dropout",
    "read_as_loop",
    "reading_of",
    "readout_of",
    "register_reader",
    "replay",
    "retained",
    "row_by_row",
    "row_keys",
    "row_orders",
    "rows_lost",
    "rows_out_of_order",
    "rows_silenced",
    "rows_sorted",
    "same_direction",
    "schedules_of",
    "sharpness",
    "skipped",
    "smooth_across",
    "softmax_across",
    "some_elements",
    "sorted_apart",
    "spectrum",
    "squashed_twice",
    "states_mixed",
    "step_by_step",
    "step_jacobian",
    "steps_of_one_target",
    "steps_side_by_side",
    "symbols_of",
    "taken_apart",
    "targets_beyond",
    "targets_turned",
    "tensor_norm_values",
    "tensor_norms",
    "tensors_in",
    "terms_without_bound",
    "thinned",
    "total_norm",
    "total_norm_value",
    "undisturbed",
    "units_alike",
    "unsquashed",
    "unwrapped",
    "unwrapped_optimizer",
    "views_that_mix",
    "walk",
    "weighs_likelihoods",
    "what_was_found",
]
