"""What an inventory says before its variables are read: hosts, their groups, and the variables that concern us."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """An inventory as Ansible lists it."""

    groups: Mapping[str, tuple[str, ...]]
    """Every host to its groups, sorted."""
    variables: Mapping[str, Mapping[str, object]] = field(repr=False)
    """Hosts to those of their variables that say something to the auditor; secrets may be among them."""
