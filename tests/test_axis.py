"""Axes of settings, as they are written."""

import math

import pytest

from backsight.errors import SettingError
from backsight.studies import Axis, parse_at, parse_axis, parse_zoom


def test_a_logarithmic_range_has_equal_ratios_and_both_ends() -> None:
    axis = parse_axis("lr=log:1e-4:10:6")
    assert axis.values == pytest.approx((1e-4, 1e-3, 1e-2, 0.1, 1, 10), rel=1e-12)
    assert (axis.name, axis.spacing, axis.values[0], axis.values[-1]) == ("lr", "log", 1e-4, 10)


def test_a_linear_range_has_equal_differences() -> None:
    assert parse_axis("gain=0.5:3:6").values == pytest.approx((0.5, 1, 1.5, 2, 2.5, 3))
    assert parse_axis("gain=linear:0.5:3:6") == parse_axis("gain=0.5:3:6")


def test_a_list_is_sorted_and_whole_where_the_setting_is() -> None:
    axis = parse_axis("length=50,10,25")
    assert axis.values == (10, 25, 50)
    assert all(isinstance(value, int) for value in axis.values)
    assert axis.spacing == "list"


def test_a_range_of_whole_numbers_has_each_once() -> None:
    axis = parse_axis("length=log:10:12:9")
    assert axis.values == (10, 11, 12)
    assert all(isinstance(value, int) for value in axis.values)


def test_a_hyphen_is_an_underscore() -> None:
    assert parse_axis("weight-decay=0,0.1").name == "weight_decay"


@pytest.mark.parametrize("text", ["lr=log:0.0001:10:64", "gain=0.5:3:4", "length=10,25,50"])
def test_an_axis_is_told_as_it_is_written(text: str) -> None:
    assert str(parse_axis(text)) == text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("lr", "is not an axis: expected NAME=FROM:TO:COUNT"),
        ("lr=", "is not an axis"),
        ("lr=1:2", "is not an axis"),
        ("lr=sqrt:1:2:3", "is not an axis"),
        ("lr=log:1:2:3:4", "is not an axis"),
        ("rate=1:2:3", "there is no setting 'rate' to vary: choose one of batch, clip"),
        ("gain=3:0.5:8", "is a reversed range: write it from 0.5 to 3"),
        ("gain=2:2:8", "is an empty range: it starts and ends at 2"),
        ("gain=1:2:0", "a whole number from 1 to 1024"),
        ("gain=1:2:2.5", "a whole number from 1 to 1024"),
        ("gain=1:2:5000", "a whole number from 1 to 1024"),
        ("gain=1:2:1", "a range of one value"),
        ("lr=log:0:1:8", "a logarithmic range must start above 0"),
        ("lr=a:1:8", "'a' in 'lr=a:1:8' is not a number"),
        ("lr=1,nan", "must be finite"),
        ("lr=1,,2", "is not a number"),
        ("lr=1,1", "repeats a value"),
        ("length=10.5,20", "length must be a whole number"),
    ],
)
def test_what_is_no_axis_is_told_in_a_sentence(text: str, words: str) -> None:
    with pytest.raises(SettingError) as caught:
        parse_axis(text)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_axis_made_by_hand_is_checked() -> None:
    for values in ((), (2.0, 1.0), (1.0, math.inf)):
        with pytest.raises(SettingError, match="increasing finite values"):
            Axis("lr", values)
    with pytest.raises(SettingError, match="no setting 'rate'"):
        Axis("rate", (1.0,))


def test_within_refines_a_range_and_keeps_of_a_list() -> None:
    assert parse_axis("lr=log:1e-4:10:3").within(0.01, 1).values == pytest.approx((0.01, 0.1, 1))
    assert parse_axis("length=10,25,50").within(20, 50).values == (25, 50)
    with pytest.raises(SettingError, match=r"lies outside the map, whose lr goes from 0\.1 to 1"):
        parse_axis("lr=0.1:1:4").within(0.01, 0.5)
    with pytest.raises(SettingError, match="contains none of the values"):
        parse_axis("length=10,25,50").within(11, 20)


def test_nearest_is_by_ratio_on_a_logarithmic_axis() -> None:
    assert parse_axis("lr=log:1:100:3").nearest(4) == 1  # 10: closer than 1 by ratio alone
    assert parse_axis("gain=1:3:3").nearest(2.4) == 1


def test_regions_and_settings_are_read() -> None:
    assert parse_zoom("lr=0.01:0.1,gain=1:1.5") == {"lr": (0.01, 0.1), "gain": (1, 1.5)}
    assert parse_at("lr=0.01, gain=1") == {"lr": 0.01, "gain": 1}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("lr", "is not a region"),
        ("lr=0.1", "is not a region"),
        ("lr=1:0.1", "is a reversed range"),
        ("lr=1:1", "is an empty range"),
        ("lr=1:x", "is not a number"),
    ],
)
def test_what_is_no_region_is_told(text: str, words: str) -> None:
    with pytest.raises(SettingError, match=words):
        parse_zoom(text)
    with pytest.raises(SettingError, match="is not a point"):
        parse_at("lr")
