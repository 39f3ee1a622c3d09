"""What stands between a host and a complete audit of it: each rung of the way, each section, and what to do."""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any

from auditor.errors import Reason
from auditor.model.host import ConnectionKind, Host
from auditor.model.record import Record
from auditor.model.rung import Rung
from auditor.report.words import reason_words, rights_words

Row = dict[str, Any]

_SKEW = 120
"""Seconds by which a host's clock may differ from ours before it is worth a word."""
_ASKING = 10
"""Seconds between the two readings that say nothing of the clocks."""
_GAPS = frozenset({"partial", "denied", "failed", "truncated"})
_NOT_INSTALLED = " is not installed"
_SUDO = {
    "a password is required": "Put a reference to the account's sudo password into the inventory "
    "(ansible_become_password), or give it NOPASSWD on the host.",
    "incorrect password": "Correct the sudo password that the inventory refers to; it was tried once.",
    "another version's": "Install this version's probe on the host, and renew its digest in sudoers: "
    "docs/least-privilege.md, A new version.",
    "sudo was not asked": "Correct the sudo password: it was refused so often elsewhere that it was not tried here.",
    "not in the sudoers file": "Give the account a rule in sudoers on the host: docs/least-privilege.md has three.",
    "may not run sudo": "Give the account a rule in sudoers on the host: docs/least-privilege.md has three.",
    "not allowed to execute": "Let the account's sudo rule cover the probe: docs/least-privilege.md has three ways.",
    "must have a tty": "Switch requiretty off for the account: Defaults:ACCOUNT !requiretty.",
    "you must have a tty": "Switch requiretty off for the account: Defaults:ACCOUNT !requiretty.",
    "authentication required": "Let the account's rule in doas.conf say nopass: doas takes a password from a terminal "
    "only (docs/least-privilege.md).",
    "operation not permitted": "Give the account a rule in doas.conf on the host: docs/least-privilege.md has two.",
    "doas is not enabled": "Write a doas.conf on the host: docs/least-privilege.md has two rules for it.",
    "not found": "Install sudo or doas on the host, or log in as root.",
}
"""What sudo says, and what to do about it; the first that fits."""
_FULL_DISK = "Full Disk Access"
_FULL_DISK_ADVICE = (
    "On the Mac: System Settings > General > Sharing > Remote Login > Allow full disk access for remote users; or let "
    "device management grant it to the SSH server (docs/macos.md, Full Disk Access)."
)
_WINDOWS_RIGHTS = (
    "Log in with a domain account that is an administrator here, or set LocalAccountTokenFilterPolicy on the host "
    "(docs/windows.md, Rights)."
)
_BEFORE_LOGIN = {
    ConnectionKind.SSH: (
        Rung.NAME, Rung.CONNECT, Rung.BANNER, Rung.ENCRYPTION, Rung.HOST_KEY, Rung.LOGIN, Rung.SESSION,
    ),
    # What lies below WinRM's log-in is pywinrm's: the ledger's reason tells how far it got.
    ConnectionKind.WINRM: (Rung.LOGIN, Rung.SESSION),
}  # fmt: skip


class State(StrEnum):
    """What a check came to."""

    OK = "ok"
    """As an audit needs it."""
    NOTE = "note"
    """Worth knowing; an audit is complete without it."""
    MISSING = "missing"
    """An audit cannot be done, or not in full, before something is done about it."""
    NOT_TRIED = "not tried"
    """Nobody knows: a check before it found something missing."""


class Check(Record, kw_only=True):
    """One thing that was looked at."""

    host: str
    """Inventory name, or ``here`` for the machine that audits."""
    check: str
    """What was looked at."""
    state: State
    """What it came to."""
    detail: str
    """What was met: untrusted text where a host said it."""
    reason: str | None = None
    """Ledger's reason, or the section's outcome; None where neither says anything."""
    advice: str = ""
    """What to do; empty where nothing is to be done."""
    section: bool = False
    """Whether it is a section of the probe."""

    def row(self) -> Row:
        """Return it as the flat row that is printed."""
        return {
            "host": self.host,
            "check": self.check,
            "state": str(self.state),
            "reason": self.reason,
            "detail": self.detail,
            "advice": self.advice or None,
        }


def checks_of(host: Host, row: Row, climbed: Mapping[Rung, str], inventory: str | None) -> Iterator[Check]:
    """Say what a host's row of ``hosts.jsonl`` and the rungs that were reached on the way to it come to."""
    yield from _ladder(host, row, climbed, inventory)
    if row["evidence"] is None:
        return
    yield _rights(host, row)
    if host.connection is not ConnectionKind.REPLAY:
        yield _clock(host, row["clock_skew"] or 0)
    yield _tools(host, row)
    if row["os"]["family"] == "macos":
        yield _full_disk(host, row)
    yield from (_section(host, section) for section in row["sections"])
    yield from _verdicts(host, row)


# ---- the ladder


def _ladder(host: Host, row: Row, climbed: Mapping[Rung, str], inventory: str | None) -> Iterator[Check]:
    reason, detail = row["reason"], row["detail"] or ""
    if reason in (Reason.VARIABLES, Reason.UNSUPPORTED) and Rung.ANSWER not in climbed:
        yield _missing(host, "inventory", row, inventory)
        return
    rungs = _BEFORE_LOGIN.get(host.connection)
    if rungs is None:
        yield Check(host=host.name, check="connection", state=State.OK, detail=f"{host.connection}: no network")
    else:
        failing = None if reason is None else _failing(row, climbed, rungs)
        if detail.startswith("jump host "):
            yield _missing(host, "jump host", row, inventory)
        for rung in rungs:
            if rung in climbed or (rung is Rung.NAME and failing is not Rung.NAME):
                met = climbed.get(rung) or f"{host.address} is what is connected to"
                yield Check(host=host.name, check=rung, state=State.OK, detail=met)
            elif rung is failing and not detail.startswith("jump host "):
                yield _missing(host, rung, row, inventory)
            elif reason is not None:
                yield Check(host=host.name, check=rung, state=State.NOT_TRIED, detail="")
        if failing not in (None, Rung.ANSWER):
            return
    if reason is None:
        yield Check(host=host.name, check="shell", state=State.OK, detail=_answered(climbed))
    else:
        yield _missing(host, "shell", row, inventory)


def _failing(row: Row, climbed: Mapping[Rung, str], rungs: tuple[Rung, ...]) -> Rung:
    """Return the first rung that was not reached."""
    if row["reason"] == Reason.DNS and Rung.NAME in rungs:
        return Rung.NAME
    return next((rung for rung in rungs if rung not in climbed and rung is not Rung.NAME), Rung.ANSWER)


def _missing(host: Host, check: str, row: Row, inventory: str | None) -> Check:
    title, step = reason_words(row["reason"])
    if row["reason"] == Reason.HOST_KEY_UNKNOWN and inventory is not None:
        step = f"Compare the fingerprint with the host's owner, then: auditor enroll -i {inventory} {host.name}"
    return Check(
        host=host.name,
        check=check,
        state=State.MISSING,
        detail=f"{title}: {row['detail']}",
        reason=row["reason"],
        advice=step,
    )


def _answered(climbed: Mapping[Rung, str]) -> str:
    met = climbed.get(Rung.ANSWER)
    return "the probe ran and answered" + ("" if met is None else f" in {met}")


# ---- what the answer tells


def _rights(host: Host, row: Row) -> Check:
    def check(state: State, detail: str, advice: str = "") -> Check:
        return Check(host=host.name, check="rights", state=state, detail=detail, advice=advice)

    rights, note = row["rights"], row["privilege_note"]
    said = rights_words(rights, row["os"]["family"])
    if rights != "user":
        return check(State.OK, said)
    lost = [one["id"] for one in row["sections"] if one["outcome"] in ("denied", "partial")]
    if not lost:
        return check(State.NOTE, f"{said}, and nothing was kept from it")
    if row["os"]["family"] == "windows":
        return check(State.MISSING, said, _WINDOWS_RIGHTS)
    if not host.credentials.become:
        return check(
            State.MISSING,
            f"{said}; the inventory asks for no sudo",
            "Let the account run the probe through sudo or doas (docs/least-privilege.md), and say so in the "
            "inventory: ansible_become: true.",
        )
    why = note or "sudo did not say why"
    step = next((step for words, step in _SUDO.items() if words in why.lower()), reason_words(Reason.PRIVILEGE)[1])
    return check(State.MISSING, f"{said}; {why}", step)


def _clock(host: Host, skew: int) -> Check:
    is_off = abs(skew) > _SKEW
    return Check(
        host=host.name,
        check="clock",
        state=State.NOTE if is_off else State.OK,
        # It was read when the probe began, ours when its answer was whole.
        detail="as ours" if abs(skew) <= _ASKING else f"{skew:+d} s from ours",
        advice="Let the host keep its time by NTP: evidence is dated by our clock." if is_off else "",
    )


def _full_disk(host: Host, row: Row) -> Check:
    """Say what macOS kept even from root: what only those read who have Full Disk Access."""
    # To root little else is closed; what others do not see, they may lack rights for.
    keys = ("reason",) if row["rights"] == "user" else ("reason", "advice")
    gaps = [one for one in row["sections"] if one["outcome"] in _GAPS]
    lost = [one["id"] for one in gaps if any(_FULL_DISK in (one[key] or "") for key in keys)]
    if not lost:
        said = "nothing was kept from the probe for want of it"
        return Check(host=host.name, check="full disk access", state=State.OK, detail=said)
    detail = f"not read in full, and such that it opens them: {', '.join(lost)}"
    return Check(host=host.name, check="full disk access", state=State.MISSING, detail=detail, advice=_FULL_DISK_ADVICE)


def _tools(host: Host, row: Row) -> Check:
    lacking: dict[str, list[str]] = {}
    for section in row["sections"]:
        for said in (section["reason"] or "").split("; "):
            if _NOT_INSTALLED in said:
                lacking.setdefault(said.partition(_NOT_INSTALLED)[0].rpartition(" ")[2], []).append(section["id"])
    if not lacking:
        return Check(host=host.name, check="tools", state=State.OK, detail="none that the probe wanted is missing")
    named = "; ".join(f"{tool} is not installed ({', '.join(sections)})" for tool, sections in lacking.items())
    gaps = {section["id"] for section in row["sections"] if section["outcome"] in _GAPS}
    is_needed = any(gaps.intersection(sections) for sections in lacking.values())
    return Check(host=host.name, check="tools", state=State.MISSING if is_needed else State.NOTE, detail=named)


def _section(host: Host, section: Row) -> Check:
    is_gap = section["outcome"] in _GAPS
    said = f"{section['items']} items"
    if section["reason"]:
        said = f"{section['reason']} ({said})" if section["items"] else section["reason"]
    return Check(
        host=host.name,
        check=section["id"],
        state=State.MISSING if is_gap else State.OK,
        detail=said,
        reason=section["outcome"],
        advice=(section["advice"] or "") if is_gap else "",
        section=True,
    )


def _verdicts(host: Host, row: Row) -> Iterator[Check]:
    """Say which verdicts an audit could not give for want of evidence, and which for want of certainty."""
    blind = [one["control"] for one in row["verdicts"] if one["verdict"] == "unknown" and one["gaps"]]
    unsure = [one["control"] for one in row["verdicts"] if one["verdict"] == "unknown" and not one["gaps"]]
    count = len(row["verdicts"])
    if blind:
        detail = f"{len(blind)} of {count} cannot be given: {', '.join(blind)}"
        yield Check(host=host.name, check="verdicts", state=State.MISSING, detail=detail)
    else:
        detail = f"all {count} can be given" if not unsure else f"{count - len(unsure)} of {count} can be given"
        yield Check(host=host.name, check="verdicts", state=State.OK, detail=detail)
    if unsure:
        detail = f"unknown for another reason than missing evidence: {', '.join(unsure)}"
        yield Check(host=host.name, check="suspicions", state=State.NOTE, detail=detail)
