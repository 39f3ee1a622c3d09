"""Accounts of a Linux host: ``/etc/passwd``, and a word where the host knows accounts from elsewhere too."""

from auditor.collect.accounts.sources import FOREIGN, NSSWITCH, foreign_sources
from auditor.collect.collector import Collector, fields, lines_of, unread
from auditor.model.evidence import Proof, Unread
from auditor.model.facts.accounts import Account
from auditor.model.host import OsFamily
from auditor.model.reading import Parsed

_LINUX = r"""
tell_sources "$passwd_sources"
[ -e /etc/passwd ] || failed "/etc/passwd is not there"
[ -r /etc/passwd ] || denied "/etc/passwd cannot be read"
need cat
exec cat /etc/passwd
"""

_NO_LOGIN = ("/nologin", "/false")


def _read(line: str) -> Account:
    """Read one line of passwd(5)."""
    name, password, uid, gid, _, home, shell = fields(line, 7, ":")
    if not name or not uid.isdigit() or not gid.isdigit():
        message = "no name, or a number that is none"
        raise ValueError(message)
    is_locked = password.startswith(("!", "*")) or shell.endswith(_NO_LOGIN)
    return Account(
        name=name, uid=int(uid), gid=int(gid), home=home, shell=shell, is_disabled=True if is_locked else None
    )


def _parse(text: str) -> Parsed:
    """Read one account a line; accounts that only a directory knows make the answer partial."""
    facts: list[tuple[int, Account]] = []
    strange: list[Unread] = []
    foreign: list[str] = []
    for number, line in enumerate(lines_of(text), 1):
        if number == 1 and line.startswith(FOREIGN):
            foreign.extend(foreign_sources(line))
        elif line.startswith(("+", "-")):
            # passwd(5), compat: names of NIS are taken in or left out here.
            foreign.append("nis")
        elif line:
            try:
                facts.append((number, _read(line)))
            except ValueError as error:
                strange.append(unread(number, line, error))
    partial = None
    if foreign:
        partial = f"accounts of {' and '.join(dict.fromkeys(foreign))} are not in /etc/passwd"
    elif not facts:
        partial = "no account is listed, not even root"
    return Parsed(facts=tuple(facts), unread=tuple(strange), partial=partial)


PLUGIN = Collector(
    id="accounts.users",
    facts=(Account,),
    scripts={OsFamily.LINUX: _LINUX},
    shared=NSSWITCH,
    parse=_parse,
    proof={OsFamily.LINUX: Proof.LAB},
    advice="Review the accounts of the directory service (SSSD, LDAP, AD) there: a host cannot list them.",
    holds_secrets=False,
)
