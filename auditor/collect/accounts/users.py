"""Accounts of a Linux host: ``/etc/passwd``, and a word where the host knows accounts from elsewhere too."""

from auditor.collect.accounts.sources import NSSWITCH, is_id, parse_database
from auditor.collect.collector import Collector, fields
from auditor.model.evidence import Proof
from auditor.model.facts.accounts import Account
from auditor.model.host import OsFamily

_QUICK = r"""
tell_sources "$passwd_sources"
[ -e /etc/passwd ] || { failed "/etc/passwd is not there"; return; }
[ -r /etc/passwd ] || { denied "/etc/passwd cannot be read"; return; }
show /etc/passwd
"""

_NO_LOGIN = ("/nologin", "/false")


def _read(line: str) -> Account:
    """Read one line of passwd(5)."""
    name, password, uid, gid, _, home, shell = fields(line, 7, ":")
    if not name or not is_id(uid) or not is_id(gid):
        message = "no name, or a number that is none"
        raise ValueError(message)
    is_locked = password.startswith(("!", "*")) or shell.endswith(_NO_LOGIN)
    return Account(
        name=name, uid=int(uid), gid=int(gid), home=home, shell=shell, is_disabled=True if is_locked else None
    )


PLUGIN = Collector(
    id="accounts.users",
    facts=(Account,),
    quick={OsFamily.LINUX: _QUICK},
    shared=(NSSWITCH,),
    parse=lambda text: parse_database(text, _read, file="/etc/passwd", kind="account"),
    proof={OsFamily.LINUX: Proof.LAB},
    advice="Review the accounts of the directory service (SSSD, LDAP, AD) there: a host cannot list them.",
    holds_secrets=False,
)
