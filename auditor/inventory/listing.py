"""What an inventory says before its variables are read: hosts, their groups, and the variables that concern us."""

from collections.abc import Mapping

from auditor.model.record import Record, Unshown


class Listing(Record, kw_only=True):
    """An inventory as Ansible lists it."""

    groups: Mapping[str, tuple[str, ...]]
    """Every host to its groups, sorted."""
    variables: Unshown[Mapping[str, Mapping[str, object]]]
    """Hosts to those of their variables that say something to the auditor; secrets may be among them."""
