"""Which hosts an approval or an exception is for."""

from collections.abc import Sequence
from fnmatch import fnmatchcase

from auditor.model.host import HostFacts


def applies_to(host: HostFacts, *, hosts: Sequence[str], groups: Sequence[str]) -> bool:
    """Tell whether a host is named by a pattern (``*``, ``?``) or is in a group; nothing named means every host.

    Inventory names and groups are the operator's words: they are compared as written, case included.
    """
    if not hosts and not groups:
        return True
    return any(fnmatchcase(host.name, pattern) for pattern in hosts) or not set(groups).isdisjoint(host.groups)
