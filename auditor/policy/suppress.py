"""Which suppression covers an event: the first that holds on the day and whose every pattern is met."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date

from auditor.catalogue.globs import glob_matches
from auditor.catalogue.programs import base
from auditor.model.device_event import DeviceEvent
from auditor.model.suppression import Suppression

_SCHEDULERS = frozenset(
    {
        "taskeng.exe",
        "taskhostw.exe",
        "taskhost.exe",
        "schtasks.exe",
        "task scheduler",
        "cron",
        "crond",
        "anacron",
        "atd",
    }
)
"""Programs that start what somebody scheduled, by name; the parent is named so by some exports."""
_SERVICE_HOST, _SCHEDULE = "svchost.exe", "-s schedule"
"""Task Scheduler itself is a service of Windows within this host."""

Covers = Callable[[DeviceEvent, str], str | None]
"""Given an event and a product: the id of the suppression that covers it, None where none does."""


def coverer(suppressions: Sequence[Suppression], day: date) -> Covers:
    """Return what tells the suppression of an event on a day; those that have ended cover nothing."""
    by_product: dict[str, list[Suppression]] = {}
    for one in suppressions:
        if not one.is_ended(day):
            by_product.setdefault(one.product, []).append(one)

    def covers(event: DeviceEvent, product: str) -> str | None:
        return next((one.id for one in by_product.get(product, ()) if _is_met(one, event)), None)

    return covers


def _is_met(one: Suppression, event: DeviceEvent) -> bool:
    return (
        (one.process is None or _matches(one.process, (event.image, base(event.image))))
        and (one.parent_process is None or _matches(one.parent_process, (event.parent, base(event.parent))))
        and (one.command_line is None or _matches(one.command_line, (event.command,)))
        and (one.scheduled_task is None or _is_scheduled(one.scheduled_task, event))
        and (not one.devices or any(_matches(pattern, (event.device,)) for pattern in one.devices))
    )


def _is_scheduled(pattern: str, event: DeviceEvent) -> bool:
    """Tell whether a task started it: most records tell no task's name, but that a scheduler is the parent."""
    if event.task:
        return _matches(pattern, (event.task,))
    if pattern.strip("* "):
        return False
    parent = base(event.parent).casefold()
    is_service = parent == _SERVICE_HOST and _SCHEDULE in event.parent_command.casefold()
    return is_service or parent in _SCHEDULERS


def _matches(pattern: str, texts: Iterable[str]) -> bool:
    """Tell whether one of the texts that are there is what a pattern says; what is not recorded meets none."""
    parts = tuple(pattern.casefold().split("*"))
    return any(text and glob_matches(parts, text.casefold()) for text in texts)
