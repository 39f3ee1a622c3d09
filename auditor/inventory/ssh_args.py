"""What ``ansible_ssh_common_args`` says of how to reach a host."""

import shlex
from functools import lru_cache

from auditor.model.record import Record, field

# Options of ssh(1) that take a value, and the configuration keyword each stands for.
_LETTERS = {"F": "configfile", "J": "proxyjump", "i": "identityfile", "l": "user", "p": "port"}
_OTHER_LETTERS_WITH_VALUE = frozenset("BbcDEeILmOPQRSWw")
# These lead to another machine, or to none that we could reach without them.
_UNSUPPORTED = {
    "proxycommand": "ProxyCommand (use ProxyJump)",
    "configfile": "-F, a configuration file for ssh",
    "hostname": "HostName (use ansible_host)",
    "hostkeyalias": "HostKeyAlias",
    "canonicalizehostname": "CanonicalizeHostname (write the whole name)",
    "identityagent": "IdentityAgent (set SSH_AUTH_SOCK)",
    "revokedhostkeys": "RevokedHostKeys (mark keys @revoked in known_hosts)",
}
_AS_WE_DO = {"canonicalizehostname": ("no", "none"), "identityagent": ("SSH_AUTH_SOCK", "$SSH_AUTH_SOCK")}
_USED = frozenset(
    {"userknownhostsfile", "proxyjump", "identitiesonly", "identityfile", "certificatefile", "port", "user"}
)
# How ssh itself works, or what it does beside a command: without them the same host is reached as the same user, and
# no key is trusted that ssh would not trust. What is in neither set is told as passed over.
_NO_MATTER = frozenset(
    {
        *("addkeystoagent", "batchmode", "checkhostip", "clearallforwardings", "compression", "connectionattempts"),
        *("connecttimeout", "controlmaster", "controlpath", "controlpersist", "escapechar", "exitonforwardfailure"),
        *("fingerprinthash", "forwardagent", "forwardx11", "forwardx11timeout", "forwardx11trusted"),
        *("gssapidelegatecredentials", "hashknownhosts", "ipqos", "loglevel", "nohostauthenticationforlocalhost"),
        *("numberofpasswordprompts", "permitlocalcommand", "rekeylimit", "requesttty", "sendenv"),
        *("serveralivecountmax", "serveraliveinterval", "sessiontype", "setenv", "stricthostkeychecking"),
        *("tcpkeepalive", "updatehostkeys", "verifyhostkeydns", "visualhostkey"),
    }
)
_LETTERS_THAT_MATTER = "46bBI"


class SshArguments(Record, kw_only=True):
    """What ssh's arguments say that concerns us; all else is ssh's own business."""

    known_hosts: tuple[str, ...] = ()
    """``UserKnownHostsFile``: files of trusted host keys."""
    proxy_jump: str | None = None
    """``ProxyJump`` or ``-J``: ``[user@]host[:port]``, several parted by commas."""
    identities_only: bool = False
    """``IdentitiesOnly``: leave the agent's keys alone."""
    identity_file: str | None = None
    """``IdentityFile`` or ``-i``."""
    certificate_file: str | None = None
    """``CertificateFile``."""
    port: str | None = None
    """``Port`` or ``-p``."""
    user: str | None = None
    """``User`` or ``-l``."""
    problems: tuple[str, ...] = field(default=())
    """What we cannot do as asked, a clause each."""
    ignored: tuple[str, ...] = ()
    """Options that are passed over and might make a difference in ssh, as they stand."""


# The hosts of an inventory have few different ones, and to read one takes as long as all else of a host.
@lru_cache(maxsize=1024)
def read_ssh_arguments(text: str) -> SshArguments:
    """Read ssh's arguments: ``-o Key=Value``, ``-oKey=Value``, ``-o "Key Value"`` and the letters ``-J -i -l -p -F``.

    As in ssh, the first value of a keyword wins. Switches that only change how ssh itself works are passed over;
    those that would send us to another machine, or as somebody else, are problems, never passed over; what is left
    is passed over and told.
    """
    said: dict[str, str] = {}
    problems: list[str] = []
    ignored: list[str] = []
    try:
        _read_words(shlex.split(text), said, problems, ignored)
        known_hosts = tuple(shlex.split(said.get("userknownhostsfile", "")))
    except ValueError as error:
        return SshArguments(problems=(f"the arguments of ssh cannot be read: {error}",))
    problems += [
        f"{name} is not supported"
        for key, name in _UNSUPPORTED.items()
        if said.get(key, "none") not in _AS_WE_DO.get(key, ("none",)) and (key in said)
    ]
    jump = said.get("proxyjump", "none")
    return SshArguments(
        known_hosts=known_hosts,
        proxy_jump=None if jump == "none" else jump,
        identities_only=said.get("identitiesonly", "no").lower() in ("yes", "true"),
        identity_file=said.get("identityfile"),
        certificate_file=said.get("certificatefile"),
        port=said.get("port"),
        user=said.get("user"),
        problems=tuple(problems),
        ignored=tuple(dict.fromkeys(ignored)),
    )


def _read_words(words: list[str], said: dict[str, str], problems: list[str], ignored: list[str]) -> None:
    """Note each keyword's first value, and what is passed over and might make a difference."""
    rest = iter(words)
    for word in rest:
        if not word.startswith("-") or word == "-":
            problems.append(f"{word!r} is no option of ssh")
            continue
        letter, value = word[1], word[2:]
        if letter == "o":
            name, value = _option(value or next(rest, ""))
            key = name.lower()
            said.setdefault(key, value)
            if key not in _USED and key not in _NO_MATTER and key not in _UNSUPPORTED:
                ignored.append(name)
        elif letter in _LETTERS:
            said.setdefault(_LETTERS[letter], value or next(rest, ""))
        else:
            ignored += [
                f"-{one}"
                for one in (word[1:2] if letter in _OTHER_LETTERS_WITH_VALUE else word[1:])
                if one in _LETTERS_THAT_MATTER
            ]
            if letter in _OTHER_LETTERS_WITH_VALUE and not value:
                next(rest, "")


def _option(text: str) -> tuple[str, str]:
    """Part ``Key=Value`` or ``Key Value``; keywords of ssh have no case."""
    key, equals, value = text.partition("=")
    if not equals or " " in key.strip():
        key, _, value = text.strip().partition(" ")
    key = key.strip()
    return key, value if key.lower() == "userknownhostsfile" else value.strip().strip('"')
