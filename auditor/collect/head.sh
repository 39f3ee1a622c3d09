#!/bin/sh
# The auditor's probe: one bounded question to one host.
# It only reads: it changes nothing and leaves no file and no process behind.
# shellcheck disable=SC2317,SC2329 # sections and words are called by name
[ -n "${ZSH_VERSION-}" ] && emulate sh
PATH=/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin
LC_ALL=C
TZ=UTC0
export PATH LC_ALL TZ
unset -v BASH_ENV CDPATH ENV GREP_OPTIONS IFS LANGUAGE POSIXLY_CORRECT SYSTEMD_COLORS
umask 077

# ---- the words of a section (documented in auditor/collect/collector.py)

outcome() { printf '\n%s outcome %s %s\n' "$token" "$1" "$2" >&3; }
absent() { outcome absent "$*"; exit 0; }
denied() { outcome denied "$*"; exit 0; }
failed() { outcome failed "$*"; exit 0; }
partial() { outcome partial "$*"; }
have() { command -v "$1" >/dev/null 2>&1; }
need() { for tool; do have "$tool" || failed "$tool is not installed"; done; }

# ---- the sections
