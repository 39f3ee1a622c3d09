r"""How VNC and RDP servers let people in: what their configuration files say, and who may read passwords.

Settings are told by name, one by one, from a list: a password's line is never printed, and of a file of passwords only
its mode and owner are. Files in homes are read with the rights of their account. Sources: xrdp.ini(5) of xrdp 0.9;
tigervnc.conf(5x) and vncserver(1) of TigerVNC 1.12 to 1.15; x11vnc(1), ``-rc`` and ``-norc``; wayvnc(1), FILES;
krfb.kcfg of KRfb; RealVNC Connect, "Server parameter reference".

What stands in databases of dconf (vino, gnome-remote-desktop) is not read: they are no text.
"""

from dataclasses import dataclass, field

from auditor.collect.collector import ENDS_EARLY, Collector, fields, number_of, take_lines
from auditor.collect.homes import HOMES, READ_AS, Origin, origin_of, with_limits
from auditor.model.evidence import Proof, Unread
from auditor.model.facts.remote_config import RemoteAccessSetting
from auditor.model.host import OsFamily
from auditor.model.reading import Parsed

# The file's name tells whose it is and which of its keys are told. An option of x11vnc has no value here.
_SCRIPT = r"""
servers_awk='
function told(names, name) { return index(names, " " tolower(name) " ") }
function of(file) {
    if (file ~ /xrdp[.]ini$/) return "xrdp"
    if (file ~ /x11vncrc$/) return "x11vnc"
    if (file ~ /wayvnc\/config$/) return "wayvnc"
    if (file ~ /krfbrc$/) return "krfb"
    if (file ~ /config[.]d\/|policy[.]d\//) return "realvnc"
    return "tigervnc"
}
function clean(text) {
    gsub(/\t/, " ", text)
    sub(/^ +/, "", text)
    sub(/[ \r]+$/, "", text)
    return text
}
function option(file, number, line,    words, name) {
    split(line, words, /[ \t]+/)
    name = words[1]
    sub(/^-+/, "", name)
    if (told(keys["x11vnc"], name)) print "set\t" file "\t" number "\tx11vnc\t" name "\t"
}
function settings(file,    product, line, number, inside, at, key, value, got) {
    product = of(file)
    inside = (product != "xrdp")
    while ((got = (getline line < file)) > 0) {
        if (++number > 3000) { print "many\t" file; break }
        line = clean(line)
        if (line == "" || line ~ /^[#;]/) continue
        if (product == "x11vnc") { option(file, number, line); continue }
        if (line ~ /^\[/) {
            if (product == "xrdp") inside = (tolower(line) ~ /^\[globals\]/)
            continue
        }
        at = index(line, "=")
        if (!inside || !at) continue
        key = clean(substr(line, 1, at - 1))
        value = clean(substr(line, at + 1))
        sub(/^[$-]+/, "", key)
        if (!told(keys[product], key)) continue
        if (product == "tigervnc") { sub(/;.*/, "", value); gsub(/["\047]/, "", value); value = clean(value) }
        print "set\t" file "\t" number "\t" product "\t" key "\t" substr(value, 1, 200)
    }
    close(file)
    # A file that cannot be opened or read to its end does not count.
    if (got >= 0) files++
}
BEGIN {
    keys["xrdp"] = " port security_layer crypt_level ssl_protocols "
    keys["x11vnc"] = " passwd viewpasswd passwdfile rfbauth usepw unixpw unixpw_nis unixpw_cmd unixpw_unsafe nopw " \
        "ssl stunnel sslverify localhost listen accept svc xdmsvc "
    keys["wayvnc"] = " address port enable_auth enable_pam relax_encryption allow_broken_crypto "
    keys["krfb"] = " port usedefaultport allowunattendedaccess "
    keys["realvnc"] = " authentication encryption rfbport iplistenaddresses allowiplistenrfb allowcloudrfb "
    keys["tigervnc"] = " securitytypes localhost rfbport "
    for (at = 1; at < ARGC; at++) settings(ARGV[at])
    print "read\t" (files + 0)
    exit
}'
# shellcheck disable=SC2016 # for a shell of the account
servers_home='
    reader=$1
    shift
    set -- "$@" .vnc/config.d/*
    for file; do
        shift
        [ ! -f "$file" ] || set -- "$@" "$file"
    done
    for file in .vnc/passwd .config/tigervnc/passwd; do
        [ -f "$file" ] || continue
        set -f
        mode=$(ls -ldnL "$file") folder=$(ls -ldnL "${file%/*}") home=$(ls -ldnL .)
        mode=${mode%%[!a-zA-Z-]*}-${folder%%[!a-zA-Z-]*}-${home%%[!a-zA-Z-]*}
        owner=$(ls -ldnL "$file")
        IFS=" "
        set_words() { number=$3; }
        set_words $owner
        printf "secret\t%s\t%s\t%s\n" "$file" "$mode" "$number"
    done
    [ $# != 0 ] || exit 0
    printf "files\t%s\n" "$#"
    exec awk "$reader" "$@"
'
servers_system=''
set --
for file in /etc/xrdp/xrdp.ini /etc/tigervnc/vncserver-config-defaults /etc/tigervnc/vncserver-config-mandatory \
    /etc/vnc/config.d/* /etc/vnc/policy.d/*; do
    [ -f "$file" ] || continue
    servers_system=1
    if [ -r "$file" ]; then set -- "$@" "$file"; else partial "$file cannot be read"; fi
done
if [ $# != 0 ]; then
    need awk
    printf 'files\t%s\n' "$#"
    awk "$servers_awk" "$@" || partial "the files in /etc could not be read"
fi
servers_look() {
    home_has "$4" .vnc .x11vncrc .config/tigervnc .config/wayvnc .config/krfbrc || return 0
    need awk
    read_as "$@" "$servers_home" "$servers_awk" .vnc/config .vnc/tigervnc.conf .config/tigervnc/config \
        .config/tigervnc/config.pl .config/tigervnc/tigervnc.conf .x11vncrc .config/wayvnc/config .config/krfbrc
}
each_home servers_look
[ -n "$servers_system$home_read$left" ] || absent "there is no configuration file of a VNC or RDP server"
printf 'end\n'
"""

_PRODUCTS = ("xrdp", "x11vnc", "wayvnc", "krfb", "realvnc", "tigervnc")


def _setting(rest: str, origin: Origin | None) -> RemoteAccessSetting:
    """Read file, line, product, key and value."""
    file, line, product, key, value = fields(rest, 5)
    if product not in _PRODUCTS or not key:
        message = f"unknown product {product[:20]!r}"
        raise ValueError(message)
    return RemoteAccessSetting(
        product=product,
        key=key,
        value=value,
        file=file if origin is None else origin.path(file),
        line=number_of(line, "line"),
        user=None if origin is None else origin.account,
    )


def _secret(rest: str, origin: Origin | None) -> RemoteAccessSetting:
    """Read file, modes of file, folder and home, and owner of a file of passwords."""
    file, modes, owner = fields(rest, 3)
    number_of(owner, "owner")
    return RemoteAccessSetting(
        product="generic-vnc",
        key="password file",
        value=f"{modes} {owner}",
        file=file if origin is None else origin.path(file),
        user=None if origin is None else origin.account,
    )


@dataclass(slots=True)
class _Reader:
    """The answer while it is read."""

    facts: list[tuple[int, RemoteAccessSetting]] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    has_end: bool = False
    waiting: int = 0
    """Files that were named to awk less those that it read: an awk that says nothing has read none."""

    def take(self, number: int, line: str) -> None:
        """Read one row; ValueError for what is none."""
        origin, said = origin_of(line)
        word, _, rest = said.partition("\t")
        if origin is None and said == "end":
            self.has_end = True
        elif word in ("files", "read"):
            count = number_of(rest, "files")
            self.waiting += count if word == "files" else -count
        elif word in _ROWS:
            self.facts.append((number, _ROWS[word](rest, origin)))
        elif word == "many":
            (file,) = fields(rest, 1)
            self.doubts.append(f"{(file if origin is None else origin.path(file))[:200]} is read in part")
        else:
            message = "neither a setting nor a file of passwords"
            raise ValueError(message)


_ROWS = {"set": _setting, "secret": _secret}


def _parse(text: str) -> Parsed:
    """Read one setting a row; a row out of a home is the setting of its account."""
    reader = _Reader()
    strange: list[Unread] = []
    take_lines(text, reader.take, strange)
    doubts = reader.doubts
    if reader.waiting:
        doubts.append("not all files could be read")
    if not reader.has_end:
        doubts.append(ENDS_EARLY)
    return Parsed(facts=tuple(reader.facts), unread=tuple(strange), partial="; ".join(doubts) or None)


PLUGIN = Collector(
    id="remote_config.servers",
    facts=(RemoteAccessSetting,),
    scripts={OsFamily.LINUX: _SCRIPT, OsFamily.MACOS: _SCRIPT},
    shared=(HOMES, READ_AS),
    parse=with_limits(_parse),
    proof={OsFamily.LINUX: Proof.LAB},
    advice="Run the audit as root or with sudo: settings in the homes of others are closed to an ordinary account.",
    apart=True,
    seconds=15,
)
