#!/bin/sh
# The auditor's probe: one bounded question to one host.
# It only reads: it changes nothing and leaves no file and no process behind.
# shellcheck disable=SC2317,SC2329 # sections and words are called by name
[ -n "${ZSH_VERSION-}" ] && emulate sh
PATH=/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin
LC_ALL=C
TZ=UTC0
# Some sudoers keep the caller's HOME, and the caller's folder is kept by all: no tool is to read its settings there.
HOME=/
export HOME PATH LC_ALL TZ
unset -v BASH_ENV CDPATH ENV GREP_OPTIONS IFS LANGUAGE POSIXLY_CORRECT SYSTEMD_COLORS
umask 077
cd /

# ---- the words of a section (documented in auditor/collect/collector.py)

outcome() { printf '\n%s outcome %s %s\n' "$token" "$1" "$2" >&3; }
settled() { outcome "$@"; [ -z "$forked" ] || exit 0; }
absent() { settled absent "$*"; }
denied() { settled denied "$*"; }
failed() { settled failed "$*"; }
partial() { outcome partial "$*"; }
tell() { exit $((32 + $1)); }
have() { command -v "$1" >/dev/null 2>&1; }
need() { for tool; do have "$tool" || failed "$tool is not installed"; done; }
# What is read goes through the probe's one awk: it is there anyway, and a command for each file is what costs a host.
show() { printf '\n%s read plain\t%s\n' "$token" "$1"; }
show_named() { printf '\n%s read named' "$token"; printf '\t%s' "$@"; printf '\n'; }
scan() { printf '\n%s read %s' "$token" "$section"; printf '\t%s' "$@"; printf '\n'; }
scan_listed() { printf '\n%s read %s%s\n' "$token" "$section" "$1"; }

# ---- the sections
