"""How fast and how patiently an audit goes: the options for it, over what the policy says."""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from auditor.errors import UsageError
from auditor.model.pacing import Pacing
from auditor.model.record import replace

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_LONGEST_WINDOW = 31 * 86400
_MOST = 1_000_000
_COUNTS = {
    "workers": "at least one host must be asked at once",
    "per_site": "at least one host of a site must be asked at once",
    "per_subnet": "at least one host of a subnet must be asked at once",
}
_RATES = ("rate", "site_rate", "subnet_rate")


def add_pacing_options(parser: ArgumentParser) -> None:
    """Add what bounds a run in the network; what is left out is the policy's."""
    group = parser.add_argument_group("pace", "what is left out, the policy's `pacing` says")
    group.add_argument("--workers", type=int, metavar="N", help="hosts asked at once (default: 32)")
    group.add_argument("--per-site", type=int, metavar="N", help="of them, in one site (default: all)")
    group.add_argument("--per-subnet", type=int, metavar="N", help="of them, in one subnet (default: all)")
    group.add_argument("--rate", type=float, metavar="R", help="hosts begun in a second at most (default: no bound)")
    group.add_argument("--site-rate", type=float, metavar="R", help="the same, in one site")
    group.add_argument("--subnet-rate", type=float, metavar="R", help="the same, in one subnet")
    group.add_argument(
        "--retries", type=int, metavar="N", help="further tries of a host that refuses or is silent (default: 1)"
    )
    group.add_argument(
        "--connect-timeout", type=float, metavar="S", help="seconds to wait for a connection (default: 10)"
    )
    group.add_argument(
        "--window",
        metavar="DURATION",
        help="try unreached hosts again until it closes, such as 90m, 8h or 2d (default: none)",
    )


def check_pacing(options: Namespace) -> None:
    """Refuse numbers that make no sense; UsageError names the first."""
    for name, said in _COUNTS.items():
        _require(options, name, lambda value: 1 <= value <= _MOST, said)
    for name in _RATES:
        _require(options, name, lambda value: 0.001 <= value <= _MOST, "hosts a second, from 0.001 on, are wanted")  # noqa: PLR2004
    _require(options, "retries", lambda value: 0 <= value <= 100, "from none to 100 further tries are possible")  # noqa: PLR2004
    _require(options, "connect_timeout", lambda value: 0 < value <= 3600, "a host needs some time to answer")  # noqa: PLR2004
    window_length(options)


def chosen_pacing(options: Namespace, policy: Pacing) -> Pacing:
    """Return the policy's pacing with what the command line says instead."""
    names = (*_COUNTS, *_RATES, "retries", "connect_timeout")
    given: dict[str, Any] = {name: getattr(options, name) for name in names if getattr(options, name) is not None}
    return replace(policy, **given)


def window_length(options: Namespace) -> int | None:
    """Return the seconds of ``--window``; None where there is none."""
    text: str | None = options.window
    if text is None:
        return None
    return length_of(text, "--window", timedelta(seconds=_LONGEST_WINDOW))


def length_of(text: str, option: str, longest: timedelta, *, least: int = 1) -> int:
    """Return the seconds of a duration such as 90m; UsageError names the option that it was given for."""
    number, unit = text[:-1], text[-1:]
    if unit not in _UNITS or not (number.isascii() and number.isdigit()) or len(number) > len(str(_LONGEST_WINDOW)):
        raise UsageError(f"{option} {text}: a whole number and s, m, h or d are wanted, such as 90m, 8h or 2d")
    seconds = int(number) * _UNITS[unit]
    if not least <= seconds <= longest.total_seconds():
        raise UsageError(
            f"{option} {text}: from {'a second' if least else 'nothing'} to {longest.days} days are possible"
        )
    return seconds


def window_left(asked: Mapping[str, object], started: str) -> float | None:
    """Return the seconds until the window of a run closes, by what was asked and when; None where it has none."""
    length = asked.get("window")
    if not isinstance(length, int):
        return None
    age = (datetime.now(UTC) - datetime.fromisoformat(started)).total_seconds()
    return max(0.0, length - age)


def _require(options: Namespace, name: str, holds: Callable[[float], bool], said: str) -> None:
    value = getattr(options, name)
    if value is not None and not holds(value):
        raise UsageError(f"--{name.replace('_', '-')} {value:g}: {said}")
