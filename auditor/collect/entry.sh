#!/bin/sh
# What a pinned key runs on a host, whatever its holder asks for: the installed probe, with the five
# words of a call, or nothing. Of standard input only these words are used, and only in their form.
PATH=/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
export PATH LC_ALL
unset -v BASH_ENV CDPATH ENV IFS
probe=/usr/local/libexec/auditor-probe
refuse() { printf 'auditor-probe %s\n' "$1"; exit 65; }

[ -r "$probe" ] || refuse missing
# A line with a password, which is left out of everything, one with the words, one with the command that the script is
# read by, and the script: as for the launcher.
newline='
'
unset -v words how
IFS= read -r _
IFS= read -r words
IFS= read -r how
case $how in
cat) script=$(head -c 1000000) ;;
'gzip -dc')
    command -v gzip >/dev/null || refuse 'cannot unpack'
    script=$(gzip -dc 2>/dev/null | head -c 1000000) ;;
*) refuse 'got no call' ;;
esac
[ -n "$script" ] || refuse 'got no call'
set -f
# shellcheck disable=SC2086 # five words
set -- $words
[ $# = 5 ] || refuse 'got no call'
case $1 in *[!0-9a-f]* | '') refuse 'got no call' ;; esac
case $2$3$4 in *[!0-9]*) refuse 'got no call' ;; esac
case $5 in sudo | doas | none) ;; *) refuse 'got no call' ;; esac
[ "$(cat "$probe" && echo x)" = "$script${newline}x" ] || refuse outdated
if [ "$5" != none ] && [ "$(id -u)" != 0 ]; then
    have() { command -v "$1" >/dev/null 2>&1; }
    if [ "$5" = sudo ] && ! have sudo && have doas; then set -- "$1" "$2" "$3" "$4" doas; fi
    printf '%s\n' "$*" | "$5" -n -- "$probe"
    status=$?
    case $status in 1 | 126 | 127) ;; *) exit "$status" ;; esac
    set -- "$1" "$2" "$3" "$4" refused
fi
printf '%s\n' "$*" | "$probe"
