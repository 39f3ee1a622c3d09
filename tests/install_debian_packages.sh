#!/bin/sh
# Install the Debian packages that tests use; where that cannot be done, say which tests are left out.
#
# A package that cannot be had stops nothing: its tests skip, each with its reason, and pytest lists them.
set -eu
cd "$(dirname "$0")/.."

rows=$(cat tests/debian-packages.txt tests/lab/debian-packages.txt | sed -e '/^[[:space:]]*#/d' -e '/^[[:space:]]*$/d')

if ! command -v dpkg-query >/dev/null; then
    printf 'No Debian here: tests whose tools are missing are left out, each with its reason.\n'
    exit 0
fi

# Print the rows whose package is not installed.
missing_rows() {
    # shellcheck disable=SC2046 # a package is one word
    installed=$(dpkg-query -W -f='${db:Status-Abbrev} ${Package}\n' \
        $(printf '%s\n' "$rows" | cut -d' ' -f1) 2>/dev/null || :)
    printf '%s\n' "$rows" | while read -r package purpose; do
        case "
$installed
" in
            *"
ii  $package
"*) ;;
            *) printf '%s %s\n' "$package" "$purpose" ;;
        esac
    done
}

# The list of the archive's files comes with an update that runs when apt-file is there.
archive_files() {
    command -v apt-file >/dev/null && [ "$(id -u)" = 0 ] || return 0
    # shellcheck disable=SC2016 # a field that apt fills in
    [ -n "$(apt-get indextargets --format '$(FILENAME)' 'Created-By: Contents-deb')" ] ||
        apt-file update >/dev/null 2>&1 </dev/null || :
}

missing=$(missing_rows)
if [ -z "$missing" ]; then
    archive_files
    exit 0
fi

if [ "$(id -u)" != 0 ]; then
    printf 'Not root: tests of the lab fleet are left out, and those that need a missing package:\n%s\n' "$missing"
    exit 0
fi

export DEBIAN_FRONTEND=noninteractive
said=$(mktemp)
trap 'rm -f "$said"' EXIT
packages=$(printf '%s\n' "$missing" | cut -d' ' -f1)
printf 'Installing Debian packages: %s\n' "$(printf '%s' "$packages" | tr '\n' ' ')"
get() { apt-get -qq -o Dpkg::Use-Pty=0 "$@" >>"$said" 2>&1 </dev/null; }
get update || :
# shellcheck disable=SC2086 # each package is one word
get install -y --no-install-recommends $packages || for package in $packages; do
    get install -y --no-install-recommends "$package" || :
done

missing=$(missing_rows)
archive_files
[ -n "$missing" ] || exit 0
printf 'Could not install these; tests that need them are left out:\n%s\n' "$missing"
tail -n 5 "$said"
