"""Which settings of products and of the system a report shows: those that controls look at, as the host tells them."""

from collections.abc import Callable, Iterator
from typing import Any

from auditor.model.facts.accounts import InstallerPolicy
from auditor.model.facts.appcontrol import ExecutionControl
from auditor.model.facts.remote_config import RemoteAccessSetting, RemoteManagement
from auditor.model.read_setting import ReadSetting
from auditor.model.reading import Found, Reading

_Fields = dict[str, Any]
"""What a setting is made of, its proof apart."""


def read_settings(reading: Reading) -> tuple[ReadSetting, ...]:
    """Return the settings that were read, those of products first, in the order of their subjects and places."""
    return tuple(sorted(_settings(reading), key=lambda one: (_rank(one), one.subject, one.place or "", one.key)))


def _rank(one: ReadSetting) -> int:
    return next(rank for rank, folder in enumerate((*_FOLDERS, "")) if one.proof.section.startswith(folder))


_FOLDERS = ("remote_config.", "appcontrol.", "accounts.")


def _settings(reading: Reading) -> Iterator[ReadSetting]:
    readers: tuple[tuple[type[Any], Callable[[Any], _Fields]], ...] = (
        (RemoteAccessSetting, _of_product),
        (RemoteManagement, _of_feature),
        (ExecutionControl, _of_mechanism),
        (InstallerPolicy, _of_installers),
    )
    for kind, fields in readers:
        found: Found[Any]
        for found in reading.found(kind):
            if not _is_one_of_many(found.fact):
                yield ReadSetting(**fields(found.fact), proof=reading.quote(found))


_OF_MANY = ("apparmor", "noexec mount")
"""Mechanisms with an entry for each program or file system: a finding quotes the few that controls look at."""


def _is_one_of_many(fact: object) -> bool:
    return isinstance(fact, ExecutionControl) and fact.mechanism in _OF_MANY and bool(fact.subject)


def _of_product(fact: RemoteAccessSetting) -> _Fields:
    return {"subject": fact.product, "key": fact.key, "value": fact.value, "place": fact.file, "user": fact.user}


def _of_feature(fact: RemoteManagement) -> _Fields:
    return {"subject": fact.feature, "key": "switched", "value": "on" if fact.is_enabled else "off"}


def _of_mechanism(fact: ExecutionControl) -> _Fields:
    return {"subject": fact.mechanism, "key": "mode", "value": fact.mode, "place": fact.subject or None}


def _of_installers(fact: InstallerPolicy) -> _Fields:
    return {"subject": "software installers", "key": fact.setting, "value": fact.value}
