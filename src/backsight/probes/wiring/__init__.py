"""What graph and calls say of how a training is put together: rows, steps, states and data."""

from backsight.probes.wiring._alike import units_alike
from backsight.probes.wiring._attention_axis import attends_across, softmax_across
from backsight.probes.wiring._channels_first import channels_mixed, data_regrouped, turned_to
from backsight.probes.wiring._columns_taken import ColumnTaken, columns_taken
from backsight.probes.wiring._data_behind import data_behind, data_below
from backsight.probes.wiring._data_entries import (
    DataEntry,
    data_by_weight,
    data_entries,
    given_beside,
    put_elsewhere,
)
from backsight.probes.wiring._dependence import batches_depend_across, depends_across
from backsight.probes.wiring._dropout import (
    dropout_of,
    rate_between,
    rate_of_dropout,
    rows_silenced,
)
from backsight.probes.wiring._elements import some_elements
from backsight.probes.wiring._filled_before import begins_in_padding
from backsight.probes.wiring._graph_tags import GraphTags
from backsight.probes.wiring._half_overflow import overflow_in_half
from backsight.probes.wiring._half_sums import additions_in_half
from backsight.probes.wiring._hidden_steps import hides_all_but, looks_around
from backsight.probes.wiring._holders import places_of
from backsight.probes.wiring._initial_state import (
    hangs_on_spent,
    is_drawn,
    is_spent,
    made_by,
    same_direction,
)
from backsight.probes.wiring._joined_apart import joined_apart
from backsight.probes.wiring._last_step import asks_for_last
from backsight.probes.wiring._linear_dependence import sums_across
from backsight.probes.wiring._loop_carried import LoopCarried
from backsight.probes.wiring._loop_inputs import loop_inputs
from backsight.probes.wiring._loop_states import LoopStates, loop_begun, loop_products, loop_weights
from backsight.probes.wiring._mixed_heads import heads_mixed, parts_steps
from backsight.probes.wiring._mixed_rows import (
    batch_axes,
    convolved_mixed,
    data_mixed,
    mixes,
    moved,
    states_mixed,
    views_that_mix,
)
from backsight.probes.wiring._output_taken import one_output_asked
from backsight.probes.wiring._packed_lengths import lengths_unlike, packed_from, packed_of
from backsight.probes.wiring._pooled_across import SameRows, pooled_across
from backsight.probes.wiring._put_back_wrongly import put_back_alike, put_back_wrongly
from backsight.probes.wiring._row_order import row_orders, rows_lost, rows_out_of_order, rows_sorted
from backsight.probes.wiring._row_ties import RowTies
from backsight.probes.wiring._rows_within import asks_of_rows, keys_within, puts_back, sorted_apart
from backsight.probes.wiring._schedules import has_schedule, schedules_of
from backsight.probes.wiring._side_by_side import one_step_alone, steps_side_by_side
from backsight.probes.wiring._step_calls import StepCalls
from backsight.probes.wiring._steps_read import StepsRead
from backsight.probes.wiring._turned_round import TurnedRound
from backsight.probes.wiring._turned_ties import TurnedTies
from backsight.probes.wiring._white_noise import noise_spread

__all__ = [
    "ColumnTaken",
    "DataEntry",
    "GraphTags",
    "LoopCarried",
    "LoopStates",
    "RowTies",
    "SameRows",
    "StepCalls",
    "StepsRead",
    "TurnedRound",
    "TurnedTies",
    "additions_in_half",
    "asks_for_last",
    "asks_of_rows",
    "attends_across",
    "batch_axes",
    "batches_depend_across",
    "begins_in_padding",
    "channels_mixed",
    "columns_taken",
    "convolved_mixed",
    "data_behind",
    "data_below",
    "data_by_weight",
    "data_entries",
    "data_mixed",
    "data_regrouped",
    "depends_across",
    "dropout_of",
    "given_beside",
    "hangs_on_spent",
    "has_schedule",
    "heads_mixed",
    "hides_all_but",
    "is_drawn",
    "is_spent",
    "joined_apart",
    "keys_within",
    "lengths_unlike",
    "looks_around",
    "loop_begun",
    "loop_inputs",
    "loop_products",
    "loop_weights",
    "made_by",
    "mixes",
    "moved",
    "noise_spread",
    "one_output_asked",
    "one_step_alone",
    "overflow_in_half",
    "packed_from",
    "packed_of",
    "parts_steps",
    "places_of",
    "pooled_across",
    "put_back_alike",
    "put_back_wrongly",
    "put_elsewhere",
    "puts_back",
    "rate_between",
    "rate_of_dropout",
    "row_orders",
    "rows_lost",
    "rows_out_of_order",
    "rows_silenced",
    "rows_sorted",
    "same_direction",
    "schedules_of",
    "softmax_across",
    "some_elements",
    "sorted_apart",
    "states_mixed",
    "steps_side_by_side",
    "sums_across",
    "turned_to",
    "units_alike",
    "views_that_mix",
]
