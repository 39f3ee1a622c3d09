"""Browser extensions and native-messaging hosts: of each user's profiles, of the system, and forced by policy."""

from dataclasses import replace

from auditor.collect.collector import Collector, fields, lines_of, parse_lines, unread
from auditor.collect.homes import HOMES, with_limits
from auditor.collect.remote_config.forced import forced_in
from auditor.model.evidence import Proof
from auditor.model.facts.remote_config import BrowserExtension
from auditor.model.host import OsFamily
from auditor.model.reading import Parsed

# Names of folders and files say it all in profiles, where nothing is opened: Extensions/ID/VERSION (Chromium's
# user-data-dir documentation), extensions/ID.xpi (Firefox), NAME.json (native messaging). A profile of Firefox lists
# what is built in or temporary in a file of its own, which is not read. Policies of the system are read: root's own.
_LINUX = r"""
found=''
tell() {
    kind=$1 user=$2
    shift 2
    for path; do
        # Browsers make none with other characters.
        case ${path##*/} in *[!A-Za-z0-9._@{}+~-]*) continue ;; esac
        case $path in *"$newline"* | *"$tab"*) continue ;; esac
        [ -e "$path" ] || continue
        found=1
        printf '%s\t%s\t%s\n' "$kind" "$user" "$path"
    done
}
# Profiles and hosts of a Chromium's folder of data, and of a Firefox's.
chromium() {
    [ -d "$2" ] || return 0
    tell extension "$1" "$2"/*/Extensions/[a-p]*/*
    tell host "$1" "$2"/NativeMessagingHosts/*.json
}
firefox() {
    [ -d "$2" ] || return 0
    tell extension "$1" "$2"/firefox/*/extensions/*
    tell host "$1" "$2"/native-messaging-hosts/*.json
}
users_browsers() {
    for dir in "$home/.config" "$home"/.var/app/*/config; do
        [ -d "$dir" ] || continue
        for data in google-chrome google-chrome-beta google-chrome-unstable chromium microsoft-edge \
            microsoft-edge-beta microsoft-edge-dev BraveSoftware/Brave-Browser vivaldi; do
            chromium "$owner" "$dir/$data"
        done
    done
    chromium "$owner" "$home/snap/chromium/common/chromium"
    for dir in "$home/.mozilla" "$home/snap/firefox/common/.mozilla" "$home"/.var/app/*/.mozilla; do
        firefox "$owner" "$dir"
    done
}
tell host '' /etc/opt/chrome/native-messaging-hosts/*.json /etc/chromium/native-messaging-hosts/*.json \
    /etc/opt/edge/native-messaging-hosts/*.json /usr/lib/mozilla/native-messaging-hosts/*.json \
    /usr/lib64/mozilla/native-messaging-hosts/*.json /usr/share/mozilla/native-messaging-hosts/*.json
tell extension '' /usr/share/google-chrome/extensions/*.json /opt/google/chrome/extensions/*.json \
    /usr/share/chromium/extensions/*.json /usr/share/microsoft-edge/extensions/*.json \
    /usr/lib/mozilla/extensions/*/* /usr/lib64/mozilla/extensions/*/* /usr/share/mozilla/extensions/*/* \
    /usr/lib/firefox/distribution/extensions/* /usr/lib/firefox-esr/distribution/extensions/*
find_homes
in_homes users_browsers
set --
for file in /etc/opt/chrome/policies/managed/*.json /etc/chromium/policies/managed/*.json \
    /etc/opt/edge/policies/managed/*.json /etc/brave/policies/managed/*.json /etc/firefox/policies/policies.json \
    /usr/lib/firefox/distribution/policies.json /usr/lib/firefox-esr/distribution/policies.json; do
    [ -f "$file" ] && [ ! -L "$file" ] || continue
    case $file in *"$newline"* | *"$tab"*) continue ;; esac
    if [ -r "$file" ]; then set -- "$@" "$file"; else left=1; partial "$file cannot be read"; fi
done
if [ $# != 0 ]; then
    found=1
    printf 'policies\n'
    show_named "$@"
fi
[ -n "$found$left" ] || absent "there is no browser extension, native-messaging host or policy that forces one"
"""

_BROWSERS = {
    "google-chrome": "chrome",
    "/chrome/": "chrome",
    "chromium": "chromium",
    "edge": "edge",
    "brave": "brave",
    "vivaldi": "vivaldi",
    "mozilla": "firefox",
    "firefox": "firefox",
}
_SUFFIXES = (".json", ".xpi")
_POLICIES = "\npolicies\n"


def _parse(text: str) -> Parsed:
    """Read one extension or host a line, and after the word ``policies`` what the policies force."""
    rows, _, policies = text.partition(_POLICIES)
    if text.startswith(_POLICIES[1:]):
        rows, policies = "", text.removeprefix(_POLICIES[1:])
    parsed = parse_lines(rows, _read)
    files: dict[str, list[tuple[int, str]]] = {}
    strange = list(parsed.unread)
    before = text.count("\n", 0, len(text) - len(policies))
    for number, line in enumerate(lines_of(policies), before + 1):
        file, separator, content = line.partition(":")
        if separator and file.startswith("/"):
            files.setdefault(file, []).append((number, content))
        elif line:
            strange.append(unread(number, line, "a line of no policy file"))
    forced = [
        (number, BrowserExtension(browser=_browser(file), identifier=identifier, version="", path=file))
        for file, lines in files.items()
        for number, identifier in forced_in(lines)
    ]
    return replace(parsed, facts=(*parsed.facts, *forced), unread=tuple(strange))


def _read(line: str) -> BrowserExtension:
    kind, user, path = fields(line, 3)
    folder, _slash, name = path.rpartition("/")
    version = ""
    if kind == "extension" and folder.rpartition("/")[0].endswith("/Extensions"):
        # The folder of a version ends in the number of its installation: 1.2.3_0.
        version, name = name.rpartition("_")[0] or name, folder.rpartition("/")[2]
    elif kind not in ("extension", "host"):
        message = f"unknown kind {kind[:20]!r}"
        raise ValueError(message)
    for suffix in _SUFFIXES:
        name = name.removesuffix(suffix)
    if not name or not path.startswith("/"):
        message = "no path of an extension or a host"
        raise ValueError(message)
    return BrowserExtension(browser=_browser(path), identifier=name, version=version, user=user or None, path=path)


def _browser(path: str) -> str:
    lowered = path.lower()
    return next((browser for part, browser in _BROWSERS.items() if part in lowered), "unknown")


PLUGIN = Collector(
    id="remote_config.extensions",
    facts=(BrowserExtension,),
    scripts={OsFamily.LINUX: _LINUX},
    shared=(HOMES,),
    parse=with_limits(_parse),
    proof={OsFamily.LINUX: Proof.LAB},
    advice="Run the audit as root: browsers keep extensions in home folders.",
    apart=True,
)
