"""Which hosts an operator means: names, groups and wildcards, joined as Ansible joins them."""

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from auditor.errors import UsageError, did_you_mean
from auditor.model.host import Host

_EVERYONE = ("all", "*")


def select(hosts: Sequence[Host], patterns: Iterable[str]) -> tuple[Host, ...]:
    """Return the hosts that patterns mean, in the order given; no pattern at all means every host.

    A pattern is terms joined by ``:`` or ``,``: a host's name, a group, a wildcard (``*``, ``?``, ``[ab]``) or
    ``all``. Terms add up; then ``&term`` keeps those that are in it too, and ``!term`` takes those that are in
    it away, wherever they stand. Several patterns count as one. UsageError when a term means nothing.
    """
    groups = _members(hosts)
    names = {host.name for host in hosts}
    terms = [term for pattern in patterns for term in _terms(pattern, names | groups.keys())]
    if not terms:
        return tuple(hosts)
    added = [term for term in terms if not term.startswith(("!", "&"))]
    chosen: set[str] = set() if added else set(names)
    for term in added:
        chosen |= _meant(term, names, groups)
    for term in terms:
        if term.startswith("&"):
            chosen &= _meant(term[1:], names, groups)
    for term in terms:
        if term.startswith("!"):
            chosen -= _meant(term[1:], names, groups)
    return tuple(host for host in hosts if host.name in chosen)


def _members(hosts: Sequence[Host]) -> dict[str, set[str]]:
    groups: dict[str, set[str]] = {}
    for host in hosts:
        for group in host.groups:
            groups.setdefault(group, set()).add(host.name)
        if not host.groups:
            groups.setdefault("ungrouped", set()).add(host.name)
    return groups


def _terms(pattern: str, known: Iterable[str]) -> list[str]:
    """Part a pattern at ``:`` and ``,``; a name that holds one itself, such as an IPv6 address, is left whole."""
    pattern = pattern.strip()
    if not pattern:
        raise UsageError("a host pattern is empty: leave it out, or say `all`")
    if pattern.startswith("~"):
        raise UsageError(f"host pattern {pattern!r}: regular expressions are not supported, wildcards (*, ?) are")
    if pattern.lstrip("!&") in known:
        return [pattern]
    terms = [""]
    in_brackets = False
    for char in pattern:
        in_brackets = char == "[" or (in_brackets and char != "]")
        if char in ":," and not in_brackets:
            terms.append("")
        else:
            terms[-1] += char
    return [term.strip() for term in terms if term.strip()]


def _meant(term: str, names: set[str], groups: dict[str, set[str]]) -> set[str]:
    """Return the hosts that one term means; UsageError when there are none and it is no group."""
    term = term.strip()
    if term in _EVERYONE:
        return set(names)
    meant = {name for name in names if fnmatchcase(name, term)} | ({term} & names)
    for group, members in groups.items():
        if group == term or fnmatchcase(group, term):
            meant |= members
    if not meant:
        raise UsageError(f"no host or group matches {term!r}{did_you_mean(term, sorted(names | groups.keys()))}")
    return meant
