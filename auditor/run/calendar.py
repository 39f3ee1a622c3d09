"""When a schedule is due: cron fields in a time zone, whose clock leaps forward and goes over an hour twice.

APScheduler's own trigger is asked about a calendar without leaps. What it says is a time on a wall, and is put into
the zone here: a wall time that does not exist is the first instant after the gap; one that comes twice is the first of
both; two wall times that are one instant are due once.
"""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger

from auditor.errors import UsageError, did_you_mean
from auditor.model.schedule import Schedule
from auditor.run.cron import WEEKDAYS, Cron, parse_cron

SHORTEST = timedelta(minutes=15)
"""The least that lies between two times on the wall at which one schedule is due."""
_SECOND = timedelta(seconds=1)
_LOOKED_AT = 200


class Calendar:
    """The instants at which one schedule is due, and begins."""

    def __init__(self, name: str, cron: str, zone: str, jitter: timedelta) -> None:
        """Read the fields and the zone; UsageError names what is wrong with them."""
        self._name = name
        self._zone = zone_of(zone)
        self.jitter = jitter
        self._walls = _triggers(parse_cron(cron))

    def dues(self, after: datetime) -> Iterator[datetime]:
        """Yield every instant later than one at which it is due, in order, in UTC."""
        last = after.astimezone(UTC)
        for wall in self._wall_times(after.astimezone(self._zone).replace(microsecond=0, tzinfo=UTC)):
            instant = self._instant(wall.replace(tzinfo=None))
            if instant > last:
                last = instant
                yield instant

    def starts(self, after: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Yield every instant later than one at which it is due, with the one at which it begins then.

        The delay is drawn from the schedule's name and the instant that it is due, so it is the same wherever it is
        asked for; it never reaches the next instant that it is due.
        """
        for due, following in pairwise(self.dues(after)):
            longest = int(min(self.jitter, following - due - _SECOND).total_seconds())
            yield due, due + timedelta(seconds=self._drawn(due) % (longest + 1))

    def shortest(self, after: datetime) -> timedelta:
        """Return the least that lies between two of the next times on the wall."""
        walls = islice(self._wall_times(after.astimezone(self._zone).replace(microsecond=0, tzinfo=UTC)), _LOOKED_AT)
        return min(second - first for first, second in pairwise(walls))

    def longest(self, after: datetime) -> timedelta:
        """Return the most that lies between two of the next instants that it is due."""
        return max(second - first for first, second in pairwise(islice(self.dues(after), _LOOKED_AT)))

    def _drawn(self, due: datetime) -> int:
        drawn = hashlib.sha256(f"{self._name}\n{due:%Y-%m-%dT%H:%M:%SZ}".encode()).digest()
        return int.from_bytes(drawn[:8], "big")

    def _wall_times(self, first: datetime) -> Iterator[datetime]:
        """Yield times on the wall from one on, in order, as if their zone were UTC."""
        nexts = [trigger.get_next_fire_time(None, first) for trigger in self._walls]
        while found := [one for one in nexts if one is not None]:
            wall = min(found)
            yield wall
            nexts = [
                trigger.get_next_fire_time(None, wall + _SECOND) if one == wall else one
                for trigger, one in zip(self._walls, nexts, strict=True)
            ]

    def _instant(self, wall: datetime) -> datetime:
        """Return the instant of a time on the wall, in UTC."""
        instant = wall.replace(tzinfo=self._zone).astimezone(UTC)
        if instant.astimezone(self._zone).replace(tzinfo=None) == wall:
            return instant
        # It does not exist. By the clock of before the gap it lies behind the leap, by that of after it before it.
        return _leap(self._zone, wall.replace(tzinfo=self._zone, fold=1).astimezone(UTC), instant)


class ScheduleTrigger(BaseTrigger):  # type: ignore[misc]
    """What APScheduler asks when a schedule begins next; that stands in the calendar alone."""

    __slots__ = ("_calendar",)

    def __init__(self, calendar: Calendar) -> None:
        """Take the calendar of the schedule."""
        self._calendar = calendar

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        """Return the first begin after the previous one; without one, the first from now on."""
        earliest = now if previous_fire_time is None else previous_fire_time + _SECOND
        # What was due up to the longest delay ago may begin now.
        for _due, start in self._calendar.starts(earliest - self._calendar.jitter - _SECOND):
            if start >= earliest:
                return start
        return None


def calendar_of(schedule: Schedule) -> Calendar:
    """Return the calendar of a schedule that was added."""
    return Calendar(schedule.name, schedule.cron, schedule.zone, schedule.jitter)


def zone_of(name: str) -> ZoneInfo:
    """Return a time zone by its IANA name; UsageError names the nearest."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        near = did_you_mean(name, sorted(available_timezones()))
        raise UsageError(f"--zone {name!r}: no time zone of that name{near}, such as Europe/Berlin") from error


def _triggers(cron: Cron) -> tuple[CronTrigger, ...]:
    """Return what names the times on the wall together: APScheduler takes a day only where both fields name it."""
    days = ",".join([*map(str, cron.days), *(["last"] if cron.last_day else [])])
    # By name: APScheduler counts Monday as 0, crontab(5) Sunday.
    weekdays = ",".join(WEEKDAYS[day] for day in cron.weekdays)
    asked = [{"day": days}, {"day_of_week": weekdays}] if cron.either_day else [{"day": days, "day_of_week": weekdays}]
    return tuple(
        CronTrigger(
            minute=",".join(map(str, cron.minutes)),
            hour=",".join(map(str, cron.hours)),
            month=",".join(map(str, cron.months)),
            timezone=UTC,
            **one,
        )
        for one in asked
    )


def _leap(zone: ZoneInfo, before: datetime, behind: datetime) -> datetime:
    """Return the first second between two instants at which the zone's clock has leapt."""
    leapt = behind.astimezone(zone).utcoffset()
    while behind - before > _SECOND:
        middle = before + timedelta(seconds=(behind - before) // _SECOND // 2)
        if middle.astimezone(zone).utcoffset() == leapt:
            behind = middle
        else:
            before = middle
    return behind
