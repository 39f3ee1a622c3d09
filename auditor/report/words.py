"""The words that reports put in place of ids: what a person reads, and what to do about a host not reached."""

from collections.abc import Mapping

from auditor.errors import Reason

OUTCOMES: Mapping[str, str] = {
    "noncompliant": "Noncompliant",
    "partial": "Partly assessed",
    "unreachable": "Not reached",
    "compliant": "Compliant",
}
"""Host outcomes, the ones to look at first at the head."""

VERDICTS: Mapping[str, str] = {
    "fail": "Fail",
    "unknown": "Unknown",
    "excepted": "Excepted",
    "pass": "Pass",
    "not_applicable": "Not applicable",
}
"""Verdicts, the ones to look at first at the head."""

SEVERITIES: Mapping[str, str] = {"critical": "Critical", "high": "High", "medium": "Medium", "low": "Low"}
"""Severities, the gravest first."""

FINDING_STATES: Mapping[str, str] = {
    "open": "Open",
    "not_observable": "Not seen, not proven gone",
    "excepted": "Excepted",
    "closed": "Closed",
}
"""States of a finding, the ones to act on first at the head."""

STANDS: Mapping[str, str] = {
    "not tried": "none",
    "skipped": "none",
    "failed": "unknown",
    "reverted": "unknown",
    "begun": "fail",
    "changed, not proved": "unknown",
    "closed": "pass",
    "not closed": "fail",
    "rolled back": "none",
    "rolled back, differs": "fail",
}
"""Where a plan leaves a host, each with the colour that it is shown in; one that is not here has none."""

PEERS: Mapping[str, str] = {
    "own": "The host itself",
    "trusted": "Trusted",
    "outside": "Outside",
    "unnamed": "Not told",
}
"""Where the other end of a connection is."""

PASSED_OVER: Mapping[str, str] = {
    "older": "its evidence is older",
    "same_instant": "its evidence is of the same instant, and says something else",
    "same_evidence": "its evidence is the same",
    "no_answer": "no answer",
}
"""Why another set of evidence was not judged."""

CHANGES: Mapping[str, str] = {
    "new": "New",
    "reopened": "Came back",
    "not_observable": "Not seen any more, and not proven to be gone",
    "changed": "Changed",
    "resolved": "Resolved",
    "came_and_went": "Came and went between the two runs",
    "out_of_scope": "Out of scope in one of the runs",
}
"""What became of findings between two runs, in the order of ``changes.Change``."""

CAUSES: Mapping[str, str] = {
    "evidence": "the host changed",
    "rules": "same evidence, other rules",
    "inventory": "same evidence, other groups or name",
    "time": "same evidence and rules: a date passed, or earlier runs knew more",
    "undecided": "the host and the rules changed",
}
"""Why a violation is there now, or no more."""

EXCEPTION_STATES: Mapping[str, str] = {
    "holds": "Holds",
    "not_yet": "Not yet",
    "ended": "Ended",
    "void": "Does not hold",
}
"""States of an exception."""

STANDINGS: Mapping[str, str] = {
    "verified": "Verified: both signed it",
    "asserted": "Asserted, not verified",
    "void": "Void",
}
"""What shows an exception."""

STATES: Mapping[str, str] = {"running": "Running", "installed": "Installed", "residual": "Residual"}
"""States of a product, the most alive first."""

CATEGORIES: Mapping[str, str] = {
    "vnc": "VNC",
    "rdp": "RDP",
    "rmm": "Remote monitoring and management",
    "remote-support": "Remote support",
    "tunnel": "Tunnel",
    "mesh-vpn": "Mesh VPN",
    "ide-tunnel": "IDE tunnel",
    "builtin": "Built into the system",
    "console": "Console",
    "client": "Viewer",
}
"""Kinds of remote access."""

REACHABILITY: Mapping[str, str] = {
    "from_anywhere": "From anywhere",
    "from_networks": "From networks",
    "undecided": "Undecided",
    "blocked": "Blocked",
    "loopback_only": "This machine only",
}
"""Who can reach a listener, the widest first."""

SECTION_OUTCOMES: Mapping[str, str] = {
    "collected": "Collected",
    "absent": "Absent",
    "partial": "Partial",
    "denied": "Denied",
    "failed": "Failed",
    "truncated": "Truncated",
}
"""What became of a section."""

RIGHTS: Mapping[str, str] = {
    "root": "root",
    "sudo": "root, gained through sudo",
    "doas": "root, gained through doas",
    "user": "an ordinary account",
}
"""Rights of the probe."""

_RIGHTS_ON_WINDOWS: Mapping[str, str] = {
    "root": "an administrator",
    "user": "an account without an administrator's rights",
}

REASONS: Mapping[str, tuple[str, str]] = {
    Reason.DNS: ("Name not found", "Correct the address in the inventory, or the name server."),
    Reason.REFUSED: ("Connection refused", "Start the service on the host, or correct the port in the inventory."),
    Reason.TIMEOUT: ("No answer", "See that the host is up and that a firewall lets this machine through."),
    Reason.NO_ROUTE: ("No route", "Audit the host from a machine that has a route to its network."),
    Reason.NO_BANNER: ("Connected, then silence", "See what listens there: it accepts connections and says nothing."),
    Reason.NOT_SSH: ("Another service answers", "Correct the port in the inventory."),
    Reason.HOST_KEY_UNKNOWN: (
        "Host key not known",
        "Compare the fingerprint with the host's owner, then run `auditor enroll`.",
    ),
    Reason.HOST_KEY_CHANGED: (
        "Host key changed",
        "Find out why before anything else: the machine was rebuilt, or another one answers in its place.",
    ),
    Reason.HOST_KEY_REVOKED: (
        "Host key revoked",
        "Give the host a new key: the one it shows is marked as revoked in known_hosts.",
    ),
    Reason.HOST_KEY_CA: (
        "Host not certified",
        "Give the host a certificate that holds, by an authority that known_hosts trusts, or enroll its key.",
    ),
    Reason.HANDSHAKE: (
        "No common encryption",
        "Bring the host's SSH server up to date: both sides share no algorithm that is safe to use.",
    ),
    Reason.AUTH: ("Login refused", "Put the right account and key into the inventory, or authorise the key there."),
    Reason.CREDENTIAL_STOPPED: (
        "Login not tried",
        "Correct the credential: it failed so often elsewhere that it was not tried here, to lock nobody out.",
    ),
    Reason.NOT_INVENTORIED: (
        "Seen from outside, not inventoried",
        "Find the machine by its address or name, put it into the inventory, and audit it.",
    ),
    Reason.VARIABLES: ("Inventory incomplete", "Correct the host's variables in the inventory."),
    Reason.PRIVILEGE: ("Rights not gained", "Allow the auditing account to run the probe through sudo."),
    Reason.NO_SESSION: ("No session", "Give the auditing account a shell that may run commands."),
    Reason.NOT_WINRM: (
        "No WinRM service answers",
        "Correct the port in the inventory, or see which proxy answers in the host's place.",
    ),
    Reason.UNENCRYPTED: (
        "Encryption refused",
        "Use NTLM or Kerberos, which seal every message, or WinRM over HTTPS: never allow unencrypted WinRM.",
    ),
    Reason.ACCESS_DENIED: (
        "Rights for WinRM refused",
        "Let the auditing account use remote shells; a local administrator needs LocalAccountTokenFilterPolicy.",
    ),
    Reason.QUOTA: (
        "WinRM's quota used up",
        "Close the shells that were left open on the host, or raise MaxShellsPerUser.",
    ),
    Reason.TLS: ("TLS failed", "Install the certificate authority, or renew the host's certificate."),
    Reason.RESET: ("Connection lost", "Audit the host again; if it happens again, look at its logs."),
    Reason.DEADLINE: ("Ran out of time", "Look at the host's load, or raise `auditor_deadline` for it."),
    Reason.STALLED: (
        "Answer stopped",
        "Look at what holds the host up (load, a disk or a network share that hangs): more time seldom helps.",
    ),
    Reason.FROZEN: (
        "Standing still",
        "Look at the host's console: its kernel still answers, and nothing that runs on it.",
    ),
    Reason.VANISHED: (
        "Gone while it answered",
        "See whether the host was switched off or left the network; `--window` waits for it to come back.",
    ),
    Reason.OUTPUT_LIMIT: (
        "Answer too large",
        "Look at the host: it sent more than a sound machine does, or its login script prints.",
    ),
    Reason.READER_LIMIT: (
        "Answer too costly to read",
        "Look at the host: its answer was built, or has grown, to exhaust a reader.",
    ),
    Reason.READER_FAILED: ("Answer not readable", "Report it with the evidence: a reader of ours failed."),
    Reason.UNSUPPORTED: ("System not supported", "Audit the host by other means: this version has no probe for it."),
    Reason.PROBE_FAILED: (
        "Probe did not run",
        "Log in as the audit account, run what `auditor probe show sh` (or `windows`) prints: its shell is in the way.",
    ),
    Reason.CUT_SHORT: (
        "Answer cut short",
        "Look at what ended the probe on the host: memory, a limit of the account's, a forced command.",
    ),
    Reason.MALFORMED: (
        "Not what the probe writes",
        "Look at the host before you believe it: its answer is damaged, or somebody made it up.",
    ),
    Reason.CANCELLED: ("Not tried", "Resume the run with `--resume`: it was interrupted before this host."),
    Reason.NO_WORKER: (
        "No worker answered",
        "Look at the workers of its site and at the broker: `auditor worker` says what keeps it from its work.",
    ),
    Reason.WORKER_REFUSED: (
        "Refused by its worker",
        "Bring the worker's inventory and version in line with ours: the detail says what it does not know.",
    ),
}
"""Why a host was not assessed, as a title and the next step."""


def word(words: Mapping[str, str], key: str) -> str:
    """Return the word for an id; a newer id stands for itself."""
    return words.get(key) or key.replace("_", " ")


def rights_words(rights: str, os: str | None) -> str:
    """Return with which rights a probe ran, in the words of its operating system."""
    return word(_RIGHTS_ON_WINDOWS if os == "windows" else RIGHTS, rights)


def reason_words(reason: str | None) -> tuple[str, str]:
    """Return title and next step for a reason of the ledger; a newer one stands for itself."""
    if reason is None:
        return ("No reason recorded", "Audit the host again with --verbose.")
    return REASONS.get(reason) or (reason.replace("_", " "), "See docs/ledger.md for this reason.")


def percent(share: float) -> str:
    """Write a share so that only all is 100 % and only nothing is 0 %."""
    if 0 < share < 1:
        return f"{min(max(100 * share, 0.1), 99.9):.1f} %"
    return f"{100 * share:.0f} %"
