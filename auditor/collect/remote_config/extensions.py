"""Browser extensions and native-messaging hosts: of each user's profiles, of the system, and forced by policy."""

from auditor.collect.collector import Collector, fields, lines_of, parse_lines, unread
from auditor.collect.homes import HOMES, with_limits
from auditor.collect.property_lists import PLIST_ROWS
from auditor.collect.remote_config.forced import forced_in
from auditor.model.evidence import Proof
from auditor.model.facts.remote_config import BrowserExtension
from auditor.model.host import OsFamily
from auditor.model.reading import Parsed
from auditor.model.record import replace

_NAME_PATHS = r"""
name_paths() {
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
# Profiles and hosts of a Chromium's folder of data.
chromium() {
    [ -d "$2" ] || return 0
    name_paths extension "$1" "$2"/*/Extensions/[a-p]*/*
    name_paths host "$1" "$2"/NativeMessagingHosts/*.json
}
"""
"""Shared: ``name_paths KIND USER PATH...`` names what is there of paths, and sets ``$found``."""

# Names of folders and files say it all in profiles, where nothing is opened: Extensions/ID/VERSION (Chromium's
# user-data-dir documentation), extensions/ID.xpi (Firefox), NAME.json (native messaging). A profile of Firefox lists
# what is built in or temporary in a file of its own, which is not read. Policies of the system are read: root's own.
_LINUX = r"""
found=''
firefox() {
    [ -d "$2" ] || return 0
    name_paths extension "$1" "$2"/firefox/*/extensions/*
    name_paths host "$1" "$2"/native-messaging-hosts/*.json
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
name_paths host '' /etc/opt/chrome/native-messaging-hosts/*.json /etc/chromium/native-messaging-hosts/*.json \
    /etc/opt/edge/native-messaging-hosts/*.json /usr/lib/mozilla/native-messaging-hosts/*.json \
    /usr/lib64/mozilla/native-messaging-hosts/*.json /usr/share/mozilla/native-messaging-hosts/*.json
name_paths extension '' /usr/share/google-chrome/extensions/*.json /opt/google/chrome/extensions/*.json \
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

# The same on macOS: where browsers keep their data there (Chromium's user-data-dir documentation, Mozilla's "Native
# manifests"), and policies as a profile of a management server leaves them, which only root can.
_MACOS = r"""
found=''
users_browsers() {
    support="$home/Library/Application Support"
    if [ -d "$home/Library" ] && [ ! -x "$home/Library" ]; then
        left=1
        partial "$home/Library cannot be entered"
        return
    fi
    for data in Google/Chrome 'Google/Chrome Beta' 'Google/Chrome Dev' 'Google/Chrome Canary' Chromium \
        'Microsoft Edge' 'Microsoft Edge Beta' 'Microsoft Edge Dev' 'Microsoft Edge Canary' \
        BraveSoftware/Brave-Browser Vivaldi 'Arc/User Data' com.operasoftware.Opera; do
        chromium "$owner" "$support/$data"
    done
    name_paths extension "$owner" "$support"/Firefox/Profiles/*/extensions/*
    name_paths host "$owner" "$support"/Mozilla/NativeMessagingHosts/*.json
}
name_paths host '' /Library/Google/Chrome/NativeMessagingHosts/*.json \
    /Library/Microsoft/Edge/NativeMessagingHosts/*.json \
    '/Library/Application Support/Chromium/NativeMessagingHosts'/*.json \
    '/Library/Application Support/Mozilla/NativeMessagingHosts'/*.json
name_paths extension '' '/Library/Application Support/Google/Chrome/External Extensions'/*.json \
    '/Library/Application Support/Chromium/External Extensions'/*.json \
    '/Library/Application Support/Microsoft/Edge/External Extensions'/*.json \
    '/Library/Application Support/Mozilla/Extensions'/*/* \
    /Applications/Firefox.app/Contents/Resources/distribution/extensions/*
find_homes
in_homes users_browsers
for domain in com.google.Chrome com.microsoft.Edge com.brave.Browser org.chromium.Chromium com.vivaldi.Vivaldi \
    org.mozilla.firefox; do
    file="/Library/Managed Preferences/$domain.plist"
    [ -f "$file" ] || continue
    found=1
    if [ -r "$file" ]; then
        need plutil awk
        plutil -convert xml1 -o - "$file" 2>/dev/null |
            plist_rows '^/(ExtensionInstallForcelist/[0-9]+|ExtensionSettings/[^/]+/installation_mode)$' |
            awk -F "$tab" -v file="$file" '
                $4 == "ExtensionInstallForcelist" { print "forced\t" $3 "\t" file }
                $4 == "ExtensionSettings" && $5 != "*" && $3 ~ /^(force|normal)_installed$/ {
                    print "forced\t" $5 "\t" file
                }
                $2 == "end" { print "managed\t\t" file; ended = 1 }
                END { if (!ended) print "unended\t\t" file }'
    else left=1; partial "$file cannot be read"; fi
done
file=/Applications/Firefox.app/Contents/Resources/distribution/policies.json
if [ -f "$file" ] && [ ! -L "$file" ]; then
    found=1
    if [ -r "$file" ]; then
        printf 'policies\n'
        show_named "$file"
    else left=1; partial "$file cannot be read"; fi
fi
[ -n "$found$left" ] || absent "there is no browser extension, native-messaging host or policy that forces one"
"""

_BROWSERS = {
    "google/chrome": "chrome",
    "google.chrome": "chrome",
    "google-chrome": "chrome",
    "/chrome/": "chrome",
    "chromium": "chromium",
    "edge": "edge",
    "brave": "brave",
    "vivaldi": "vivaldi",
    "mozilla": "firefox",
    "firefox": "firefox",
}
_MANAGED = "/Library/Managed Preferences/"
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


def _read(line: str) -> BrowserExtension | None:
    kind, user, path = fields(line, 3)
    if kind in ("forced", "managed", "unended") and path.startswith(_MANAGED):
        if kind == "unended":
            message = "a managed list that was not read to its end"
            raise ValueError(message)
        # A list that forces none is one that was read; an id stands before the address of updates.
        name = user.partition(";")[0]
        return BrowserExtension(browser=_browser(path), identifier=name, version="", path=path) if name else None
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
    return BrowserExtension(browser=_browser(folder), identifier=name, version=version, user=user or None, path=path)


def _browser(path: str) -> str:
    lowered = path.lower()
    return next((browser for part, browser in _BROWSERS.items() if part in lowered), "unknown")


PLUGIN = Collector(
    id="remote_config.extensions",
    facts=(BrowserExtension,),
    scripts={OsFamily.LINUX: _LINUX, OsFamily.MACOS: _MACOS},
    shared=(HOMES, PLIST_ROWS, _NAME_PATHS),
    parse=with_limits(_parse),
    proof={OsFamily.LINUX: Proof.LAB},
    advice="Run the audit as root: browsers keep extensions in home folders.",
    apart=True,
)
