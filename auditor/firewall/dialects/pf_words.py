"""The words of a rule of pf as pfctl prints it, and the names that it prints in place of numbers."""

from auditor.firewall.dialects.values import PROTOCOLS

# Of the names in /etc/services those that rules are written for; another name may be of any port.
SERVICES = {
    "ftp-data": 20, "ftp": 21, "ssh": 22, "telnet": 23, "smtp": 25, "domain": 53, "bootps": 67, "bootpc": 68,
    "tftp": 69, "http": 80, "www": 80, "kerberos": 88, "pop3": 110, "sunrpc": 111, "auth": 113, "ident": 113,
    "ntp": 123, "epmap": 135, "netbios-ns": 137, "netbios-dgm": 138, "netbios-ssn": 139, "imap": 143, "snmp": 161,
    "snmptrap": 162, "ldap": 389, "svrloc": 427, "https": 443, "microsoft-ds": 445, "isakmp": 500, "syslog": 514,
    "printer": 515, "afpovertcp": 548, "rtsp": 554, "submission": 587, "ipp": 631, "ldaps": 636, "rsync": 873,
    "imaps": 993, "pop3s": 995, "socks": 1080, "nfsd": 2049, "nfs": 2049, "net-assistant": 3283, "mysql": 3306,
    "ms-wbt-server": 3389, "daap": 3689, "ipsec-msft": 4500, "mdns": 5353, "mdnsresponder": 5354, "postgresql": 5432,
    "vnc-server": 5900, "rfb": 5900, "http-alt": 8080,
}  # fmt: skip
NUMBERS = {**PROTOCOLS, "icmp6": 58}
"""Numbers of protocols by the names that pfctl prints."""
FLAGS = {"F": 1, "S": 2, "R": 4, "P": 8, "A": 16, "U": 32, "E": 64, "W": 128}
"""Flags of TCP by their letters (pf.conf(5), PARAMETERS, flags)."""
ICMP_TYPES = {
    "echorep": 0, "unreach": 3, "squench": 4, "redir": 5, "althost": 6, "echoreq": 8, "routeradv": 9, "routersol": 10,
    "timex": 11, "paramprob": 12, "timereq": 13, "timerep": 14, "inforeq": 15, "inforep": 16, "maskreq": 17,
    "maskrep": 18, "trace": 30, "dataconv": 31, "mobredir": 32,
}  # fmt: skip
"""Types of ICMP by the names that pfctl prints."""
ICMP6_TYPES = {
    "unreach": 1, "toobig": 2, "timex": 3, "paramprob": 4, "echoreq": 128, "echorep": 129, "groupqry": 130,
    "listqry": 130, "grouprep": 131, "listenrep": 131, "groupterm": 132, "listendone": 132, "routersol": 133,
    "routeradv": 134, "neighbrsol": 135, "neighbradv": 136, "redir": 137, "routrrenum": 138, "wrureq": 139,
    "wrurep": 140, "fqdnreq": 139, "fqdnrep": 140, "niqry": 139, "nirep": 140, "mtraceresp": 200, "mtrace": 201,
}  # fmt: skip
"""Types of ICMPv6 by the names that pfctl prints."""
_OPENING, _CLOSING = "({", ")}"


def words_of(line: str) -> list[str]:
    """Split a rule into its words: what stands in quotes, parentheses or braces is part of one.

    ValueError for what does not end.
    """
    words: list[str] = []
    word: list[str] = []
    depth, quoted = 0, False
    for letter in line:
        if quoted or letter not in " \t" or depth:
            word.append(letter)
        elif word:
            words.append("".join(word))
            word = []
        if letter == '"':
            quoted = not quoted
        elif not quoted and letter in _OPENING:
            depth += 1
        elif not quoted and letter in _CLOSING:
            depth -= 1
            if depth < 0:
                break
    if word:
        words.append("".join(word))
    if quoted or depth:
        message = "quotes or parentheses do not match"
        raise ValueError(message)
    return words


def unquoted(word: str) -> str:
    """Return a word without the quotes around it."""
    return word[1:-1] if len(word) > 1 and word[0] == word[-1] == '"' else word


def bounded(text: str, most: int) -> int:
    """Read a decimal number up to a bound; ValueError for anything else."""
    if not text.isascii() or not text.isdigit() or len(text) > len(str(most)) or int(text) > most:
        message = f"{text[:40]!r} is no number up to {most}"
        raise ValueError(message)
    return int(text)
