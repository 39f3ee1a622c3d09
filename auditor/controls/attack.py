"""The ATT&CK relations that controls may claim: a dated data file, never downloaded."""

from functools import cache
from importlib.resources import files

import yaml

from auditor.model.record import Record


class AttackData(Record, kw_only=True):
    """What ATT&CK states of the techniques this tool is about."""

    version: str
    """ATT&CK version it was read from."""
    technique_names: dict[str, str]
    """Technique id to name."""
    mitigation_names: dict[str, str]
    """Mitigation id to name."""
    relations: dict[str, tuple[str, ...]]
    """Technique id to the mitigations that ATT&CK attaches to it."""
    text: str
    """The file itself, as it is sealed into a run."""


@cache
def attack_data() -> AttackData:
    """Read the bundled file."""
    return attack_of((files("auditor.controls") / "attack.yml").read_text(encoding="utf-8"))


def attack_of(text: str) -> AttackData:
    """Read such a file; ValueError for one that is none."""
    try:
        data = yaml.safe_load(text)
        return AttackData(
            version=str(data["version"]),
            technique_names={key: entry["name"] for key, entry in data["techniques"].items()},
            mitigation_names=dict(data["mitigations"]),
            relations={key: tuple(entry["mitigations"]) for key, entry in data["techniques"].items()},
            text=text,
        )
    except (yaml.YAMLError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"not ATT&CK data: {type(error).__name__}: {error}") from error
