"""Read what a rule of iptables-save does: its target with the target's options."""

import ipaddress
from collections.abc import Callable, Collection, Mapping, Sequence

from auditor.firewall.dialects.values import number
from auditor.model.ruleset import Action, Effect, Field, Forget, NatKind, SetMark, Translate, Untrack, Verb

_WORD = (1 << 32) - 1
_VERDICTS = {"ACCEPT": Verb.ACCEPT, "DROP": Verb.DROP, "RETURN": Verb.RETURN, "REJECT": Verb.REJECT}
# They go on, and change nothing that a later rule of ours looks at.
_HARMLESS = frozenset(
    (
        "LOG", "NFLOG", "ULOG", "AUDIT", "TRACE", "CHECKSUM", "TCPMSS", "CLASSIFY", "SECMARK", "CONNSECMARK", "RATEEST",
        "LED", "IDLETIMER", "TEE", "ECN", "TCPOPTSTRIP", "ACCOUNT", "CONTINUE",
    )
)  # fmt: skip
_FORGETS = {"DSCP": (Field.DSCP,), "TOS": (Field.DSCP,), "TTL": (Field.TTL,), "HL": (Field.TTL,)}

Options = Mapping[str, tuple[str, ...]]
"""Options of the target with their words."""


def read_target(  # noqa: PLR0911 — one return a kind of target
    name: str, options: Options, *, chains: Collection[str], prefix: str, goes: bool
) -> tuple[tuple[Effect, ...], Action]:
    """Read a target: its effects and what is done; one that is not known is *unread*."""
    if name in chains:
        return (), Action(verb=Verb.GOTO if goes else Verb.JUMP, target=prefix + name)
    if name in _VERDICTS:
        answer = " ".join(options.get("--reject-with", ())) if name == "REJECT" else ""
        return (), Action(verb=_VERDICTS[name], answer=answer)
    if name in _HARMLESS:
        return (), Action(verb=Verb.CONTINUE)
    try:
        if name in _EFFECTS:
            return _EFFECTS[name](options), Action(verb=Verb.CONTINUE)
        if name in _NAT:
            return (_NAT[name](options),), Action(verb=Verb.ACCEPT)
    except (ValueError, KeyError, IndexError):
        return (Forget(fields=_REWRITTEN, text=name),), Action(verb=Verb.UNREAD)
    if name in _FORGETS:
        return (Forget(fields=_FORGETS[name], text=name),), Action(verb=Verb.CONTINUE)
    return (Forget(fields=_REWRITTEN, text=name),), Action(verb=Verb.UNREAD)


_REWRITTEN = (Field.SADDR, Field.DADDR, Field.SPORT, Field.DPORT, Field.MARK, Field.CT_MARK)


def _pair(word: str) -> tuple[int, int]:
    """Read ``value/mask``; without a mask all bits are meant."""
    value, slash, mask = word.partition("/")
    return number(value), number(mask) if slash else _WORD


def _mark(target: Field) -> Callable[[Options], tuple[Effect, ...]]:
    def read(options: Options) -> tuple[Effect, ...]:
        if "--set-xmark" in options:
            value, mask = _pair(options["--set-xmark"][0])
            return (SetMark(target=target, source=target, keep=~mask & _WORD, flip=value),)
        if "--set-mark" in options:
            value, mask = _pair(options["--set-mark"][0])
            return (SetMark(target=target, source=target, keep=~(mask | value) & _WORD, flip=value),)
        if target is Field.CT_MARK and ("--save-mark" in options or "--restore-mark" in options):
            return (_copied(options),)
        raise ValueError("a mark that is not modelled")

    return read


def _copied(options: Options) -> Effect:
    """Read the copying of a mark; with masks, of which the rest is kept, its value is not known."""
    saves = "--save-mark" in options
    target, source = (Field.CT_MARK, Field.MARK) if saves else (Field.MARK, Field.CT_MARK)
    masks = {number(words[0]) for name, words in options.items() if name in ("--nfmask", "--ctmask", "--mask")}
    if masks - {_WORD}:
        return Forget(fields=(target,), text="a mark copied in part")
    return SetMark(target=target, source=source, keep=_WORD, flip=0)


def _ct(options: Options) -> tuple[Effect, ...]:
    if "--notrack" in options:
        return (Untrack(),)
    if set(options) <= {"--helper", "--ctevents", "--expevents", "--timeout"}:
        return ()
    raise ValueError("a zone of connections")


def _set(options: Options) -> tuple[Effect, ...]:
    """Read SET: it changes members, which are looked at elsewhere, and may write what a member says of the mark."""
    return (Forget(fields=(Field.MARK,), text="a mark out of a set"),) if "--map-mark" in options else ()


def _notrack(_: Options) -> tuple[Effect, ...]:
    return (Untrack(),)


_EFFECTS: dict[str, Callable[[Options], tuple[Effect, ...]]] = {
    "MARK": _mark(Field.MARK), "CONNMARK": _mark(Field.CT_MARK), "CT": _ct, "NOTRACK": _notrack,
    "SET": _set,
}  # fmt: skip


def _ports(word: str) -> tuple[int, int]:
    first, _, last = word.partition("/")[0].partition("-")
    return number(first), number(last or first)


def _destination(options: Options) -> Translate:
    address, ports = _where(options["--to-destination"])
    return Translate(
        kind=NatKind.DESTINATION,
        address=address[0] if address else None,
        ports=ports,
        is_exact=address is None or address[0] == address[1],
    )


def _where(words: Sequence[str]) -> tuple[tuple[int, int] | None, tuple[int, int] | None]:
    """Read ``address[-address][:port[-port]]``, addresses of IPv6 in brackets where a port follows."""
    word = words[0]
    if word.startswith("["):
        addresses, _, ports = word[1:].partition("]")
        ports = ports.removeprefix(":")
    elif word.count(":") == 1:
        addresses, _, ports = word.partition(":")
    else:
        addresses, ports = word, ""
    first, _, last = addresses.partition("-")
    found = (int(ipaddress.ip_address(first)), int(ipaddress.ip_address(last or first))) if first else None
    return found, _ports(ports) if ports else None


def _redirect(options: Options) -> Translate:
    ports = _ports(options["--to-ports"][0]) if "--to-ports" in options else None
    return Translate(kind=NatKind.REDIRECT, ports=ports)


def _source(_: Options) -> Translate:
    return Translate(kind=NatKind.SOURCE, is_exact=False)


def _netmap(_: Options) -> Translate:
    return Translate(kind=NatKind.DESTINATION, is_exact=False)


_NAT: dict[str, Callable[[Options], Translate]] = {
    "DNAT": _destination, "REDIRECT": _redirect, "SNAT": _source, "MASQUERADE": _source, "NETMAP": _netmap,
}  # fmt: skip
