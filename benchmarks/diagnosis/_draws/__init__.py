"""The cases of each draw, as they were written: rows of the fields of ``Case`` but its draw."""

from benchmarks.diagnosis._draws import (
    draw_1,
    draw_2,
    draw_3,
    draw_4,
    draw_5,
    draw_6,
    draw_7,
    draw_8,
    draw_9,
    draw_10,
)

__all__ = ["DRAWS"]

DRAWS = {
    1: draw_1.CASES,
    2: draw_2.CASES,
    3: draw_3.CASES,
    4: draw_4.CASES,
    5: draw_5.CASES,
    6: draw_6.CASES,
    7: draw_7.CASES,
    8: draw_8.CASES,
    9: draw_9.CASES,
    10: draw_10.CASES,
}
