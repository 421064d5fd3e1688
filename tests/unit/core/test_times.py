"""Durations and times: what users may write, and that it is read back as it was written."""

from __future__ import annotations

import datetime as dt

import pytest
from ansible_collections.devcontainer.cloud.plugins.module_utils import times
from ansible_collections.devcontainer.cloud.plugins.module_utils.errors import InvalidInput
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("30m", 1800),
        ("8h", 28800),
        ("2d", 172800),
        ("1h30m", 5400),
        (" 1H ", 3600),
        ("1d2h3m4s", 93784),
        ("none", None),
        ("None", None),
    ],
)
def test_reads(text, seconds):
    assert times.parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "8", "h", "8 h", "-8h", "1.5h", "30m1h", "0s", "9999999d", "8h!", "never"])
def test_refuses_naming_option_value_and_way_out(text):
    with pytest.raises(InvalidInput, match="lease") as error:
        times.parse_duration(text, "lease")
    assert repr(text) in str(error.value) and "8h" in str(error.value)


@given(st.integers(1, 10 * 365 * 86400))
def test_a_duration_is_read_back(seconds):
    assert times.parse_duration(times.format_duration(seconds)) == seconds


def test_none_is_read_back():
    assert times.parse_duration(times.format_duration(None)) is None


@given(st.datetimes(min_value=dt.datetime(1970, 1, 2), max_value=dt.datetime(9000, 1, 1)), st.integers(-12, 14))
def test_a_time_is_read_back_in_utc(moment, hours):
    aware = moment.replace(microsecond=0, tzinfo=dt.timezone(dt.timedelta(hours=hours)))
    assert times.parse_time(times.format_time(aware)) == aware


@pytest.mark.parametrize(
    "text", ["", "tomorrow", "2026-11-24T17:00:00", "2026-13-01T00:00:00Z", "0001-01-01T00:00:00+14:00"]
)
def test_refuses_times_without_a_zone_and_nonsense(text):
    with pytest.raises(InvalidInput, match="lease_until"):
        times.parse_time(text, "lease_until")
