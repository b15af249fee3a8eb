from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagong.api.cron import CronError, parse

NEW_YORK = ZoneInfo("America/New_York")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.mark.parametrize(
    ("schedule", "moment", "wanted"),
    [
        ("* * * * *", "2024-01-01T00:00:00Z", "2024-01-01T00:01:00Z"),
        ("* * * * *", "2024-01-01T00:00:59.5Z", "2024-01-01T00:01:00Z"),
        ("*/15 * * * *", "2024-01-01T00:01:00Z", "2024-01-01T00:15:00Z"),
        ("5/20 * * * *", "2024-01-01T00:26:00Z", "2024-01-01T00:45:00Z"),
        ("0 0 * * *", "2024-12-31T00:00:00Z", "2025-01-01T00:00:00Z"),
        ("0 0 29 2 *", "2024-03-01T00:00:00Z", "2028-02-29T00:00:00Z"),
        ("30 6 1-7,15 * *", "2024-01-08T00:00:00Z", "2024-01-15T06:30:00Z"),
        ("0 12 * * mon-fri", "2024-01-05T12:00:00Z", "2024-01-08T12:00:00Z"),
        ("0 0 * JAN,dec ?", "2024-02-01T00:00:00Z", "2024-12-01T00:00:00Z"),
        ("0 0 13 * fri", "2024-01-06T00:00:00Z", "2024-01-12T00:00:00Z"),  # both restricted: either day
        ("0 0 */2 * fri", "2024-01-01T00:00:00Z", "2024-01-03T00:00:00Z"),
        ("@hourly", "2024-01-01T00:30:00Z", "2024-01-01T01:00:00Z"),
        ("@weekly", "2024-01-01T00:00:00Z", "2024-01-07T00:00:00Z"),
        ("@yearly", "2024-01-01T00:00:00Z", "2025-01-01T00:00:00Z"),
        ("@every 90m", "2024-01-01T00:00:00.5Z", "2024-01-01T01:30:00Z"),
        ("@every 1h30m10s", "2024-01-01T00:00:00Z", "2024-01-01T01:30:10Z"),
    ],
)
def test_next_firing(schedule: str, moment: str, wanted: str) -> None:
    assert parse(schedule).next_after(at(moment)) == at(wanted)


def test_days_that_never_come() -> None:
    assert parse("0 0 30 2 *").next_after(at("2024-01-01T00:00:00Z")) is None


@pytest.mark.parametrize(
    ("schedule", "moment", "wanted"),
    [
        ("0 9 * * *", "2024-01-01T00:00:00-05:00", "2024-01-01T09:00:00-05:00"),
        ("0 9 * * *", "2024-07-01T10:00:00-04:00", "2024-07-02T09:00:00-04:00"),
        ("30 2 * * *", "2024-03-10T00:00:00-05:00", "2024-03-11T02:30:00-04:00"),  # 2:30 is skipped on that day
        ("30 1 * * *", "2024-11-03T00:00:00-04:00", "2024-11-03T01:30:00-04:00"),  # 1:30 comes twice
        ("30 1 * * *", "2024-11-03T01:30:00-04:00", "2024-11-03T01:30:00-05:00"),
    ],
)
def test_next_firing_by_a_local_clock(schedule: str, moment: str, wanted: str) -> None:
    assert parse(schedule).next_after(at(moment), NEW_YORK) == at(wanted)


@pytest.mark.parametrize(
    ("schedule", "complaint"),
    [
        ("", "empty spec string"),
        ("* * * *", "expected exactly 5 fields, found 4: [* * * *]"),
        ("60 * * * *", "end of range (60) above maximum (59): 60"),
        ("* * 0 * *", "beginning of range (0) below minimum (1): 0"),
        ("5-1 * * * *", "beginning of range (5) beyond end of range (1): 5-1"),
        ("*/0 * * * *", "step of range should be a positive number: */0"),
        ("1-2-3 * * * *", "too many hyphens: 1-2-3"),
        ("1/2/3 * * * *", "too many slashes: 1/2/3"),
        ("x * * * *", 'failed to parse int from x: strconv.Atoi: parsing "x": invalid syntax'),
        ("@often", "unrecognized descriptor: @often"),
        ("@every soon", 'failed to parse duration @every soon: time: invalid duration "soon"'),
    ],
)
def test_what_is_no_schedule(schedule: str, complaint: str) -> None:
    with pytest.raises(CronError) as caught:
        parse(schedule)
    assert str(caught.value) == complaint


@given(
    minute=st.integers(0, 59),
    hour=st.integers(0, 23),
    moment=st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 # the zone is given
)
def test_a_daily_time_comes_within_a_day(minute: int, hour: int, moment: datetime) -> None:
    found = parse(f"{minute} {hour} * * *").next_after(moment)
    assert found is not None
    assert (found.minute, found.hour, found.second) == (minute, hour, 0)
    assert timedelta() < found - moment <= timedelta(days=1)


@given(
    fields=st.tuples(*(st.sampled_from(["*", "*/7", f"{low}-{low + 2}", f"{low + 1}"]) for low in (3, 2, 5, 4, 1))),
    moment=st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 # the zone is given
)
def test_firings_increase_and_nothing_lies_between(fields: tuple[str, ...], moment: datetime) -> None:
    schedule = parse(" ".join(fields))
    first = schedule.next_after(moment)
    assert first is not None
    assert first > moment
    assert schedule.next_after(first - timedelta(seconds=1)) == first
