"""Cron syntax as crontab(5) has it: which minutes, hours, days, months and weekdays five fields name."""

from collections.abc import Iterator, Mapping

from auditor.errors import UsageError, did_you_mean
from auditor.model.record import Record

WORDS: Mapping[str, str] = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
"""Words that stand for five fields."""
LAST = "L"
"""Stands for the last day of the month, whichever that is."""
WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_LONGEST_MONTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_LONGEST = 1_000
"""Characters that may be read."""


class _Field(Record, kw_only=True):
    name: str
    first: int
    last: int
    words: Mapping[str, int]


_FIELDS = (
    _Field(name="minute", first=0, last=59, words={}),
    _Field(name="hour", first=0, last=23, words={}),
    _Field(name="day of the month", first=1, last=31, words={}),
    _Field(name="month", first=1, last=12, words={name: number for number, name in enumerate(_MONTHS, start=1)}),
    _Field(name="day of the week", first=0, last=7, words={name: number for number, name in enumerate(WEEKDAYS)}),
)


class Cron(Record, kw_only=True):
    """What five fields name; a day counts that is named by either of two restricted fields, as crontab(5) says."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[int, ...]
    """Days of the month; the last day, whichever it is, is not among them."""
    last_day: bool
    """Whether the last day of the month is named."""
    months: tuple[int, ...]
    weekdays: tuple[int, ...]
    """0 is Sunday, 6 is Saturday."""
    either_day: bool
    """Whether a day counts that one of both fields names; else both have to name it."""


def parse_cron(text: str) -> Cron:
    """Read five fields, or a word that stands for them; UsageError says which field is wrong, and how."""
    if len(text) > _LONGEST:
        raise UsageError(f"--cron: {len(text)} characters are more than five fields need")
    if text.startswith("@") and text not in WORDS:
        raise UsageError(
            f"--cron {text!r}: no such word{did_you_mean(text, list(WORDS))}: {', '.join(WORDS)}, or five fields"
        )
    fields = WORDS.get(text, text).lower().split()
    if len(fields) != len(_FIELDS):
        names = ", ".join(field.name for field in _FIELDS)
        raise UsageError(f"--cron {text!r}: five fields are wanted ({names}), and there are {len(fields)}")
    last_day = LAST.lower() in fields[2].split(",")
    named = ",".join(part for part in fields[2].split(",") if part != LAST.lower())
    minutes, hours, days, months, weekdays = (
        _values(part, field, text) if part else ()
        for part, field in zip([*fields[:2], named, *fields[3:]], _FIELDS, strict=True)
    )
    cron = Cron(
        minutes=minutes,
        hours=hours,
        days=days,
        last_day=last_day,
        months=months,
        weekdays=tuple(sorted({day % 7 for day in weekdays})),
        # As crontab(5) has it: a field that begins with a star restricts nothing of its own.
        either_day=not fields[2].startswith("*") and not fields[4].startswith("*"),
    )
    if not cron.either_day and not last_day and not any(days[0] <= _LONGEST_MONTHS[month - 1] for month in months):
        raise UsageError(f"--cron {text!r}: there is no such day in any year: it would never be due")
    return cron


def rare_days(cron: Cron) -> tuple[int, ...]:
    """Return days of the month that some of the named months lack, where nothing else is due in those months."""
    if cron.either_day or cron.last_day or cron.days[0] <= min(_SHORTEST[month - 1] for month in cron.months):
        return ()
    return cron.days


_SHORTEST = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def _values(text: str, field: _Field, whole: str) -> tuple[int, ...]:
    found: set[int] = set()
    for part in text.split(","):
        found.update(_range(part, field, whole))
    return tuple(sorted(found))


def _range(part: str, field: _Field, whole: str) -> Iterator[int]:
    spanned, slash, step_text = part.partition("/")
    step = _number(step_text, field, whole) if slash else 1
    if step < 1:
        raise _wrong(part, field, whole, "a step is at least 1")
    low_text, dash, high_text = spanned.partition("-")
    if spanned == "*":
        # Seven is a second name of Sunday, and no eighth day to step on.
        low, high = field.first, min(field.last, 6) if field.words.get("sun") == 0 else field.last
    else:
        low = _value(low_text, field, whole)
        high = _value(high_text, field, whole) if dash else low
        if slash and not dash:
            raise _wrong(part, field, whole, f"a step goes over a range, such as {low_text}-{field.last}/{step}")
    if low > high:
        raise _wrong(part, field, whole, "a range goes from the lower to the higher")
    yield from range(low, high + 1, step)


def _value(text: str, field: _Field, whole: str) -> int:
    value = field.words[text] if text in field.words else _number(text, field, whole)
    if not field.first <= value <= field.last:
        raise _wrong(text, field, whole, f"it goes from {field.first} to {field.last}")
    return value


def _number(text: str, field: _Field, whole: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 2:  # noqa: PLR2004 — no field has longer numbers
        near = did_you_mean(text, list(field.words)) if field.words else ""
        raise _wrong(text, field, whole, f"numbers{', names' if field.words else ''}, `*`, ranges and steps{near}")
    return int(text)


def _wrong(part: str, field: _Field, whole: str, wanted: str) -> UsageError:
    return UsageError(f"--cron {whole!r}: {field.name} {part!r}: {wanted}")
