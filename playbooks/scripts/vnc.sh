# Harden servers of VNC and RDP: loopback only, nobody without a password, TLS; and bring their saved settings back.
#
# Usage: capture|harden|restore|dry-harden|dry-restore [server=tigervnc|tightvnc|x11vnc|xrdp ...] [unit=NAME ...] [loopback=yes|no]
# [tls=yes|no] [password-file=/path]. Restore takes the captured state on standard input. The units are those of the
# servers: they are restarted when their settings changed and they run, which ends the sessions in them.
# shellcheck shell=sh disable=SC2046,SC2086

TIGERVNC=/etc/tigervnc/vncserver-config-mandatory
XRDP=/etc/xrdp/xrdp.ini

wants() { printf '%s\n' $SERVERS | grep -Fqx "$1"; }

drop_in() { printf '/etc/systemd/system/%s.d/50-auditor-harden.conf\n' "$1"; }

# Write a text into a settings file, which keeps its mode and owner; a new one can be read by all, as its neighbours.
settle() {
    mkdir -p "${1%/*}"
    printf '%s' "$2" | write_file "$1"
    relabel "$1"
}

settle_if_other() {
    text=${2%x}
    if [ ! -f "$1" ] || [ "$(cat "$1" && printf x)" != "${text}x" ]; then
        step settle "$1" "$text"
    fi
}

# ---- TigerVNC: what stands in the mandatory file, no account and no command line can change

harden_tigervnc() {
    [ -d "${TIGERVNC%/*}" ] || refuse "${TIGERVNC%/*} is not there: this TigerVNC has no settings for all accounts"
    types=
    if [ "$TLS" = yes ]; then
        types='X509Vnc,TLSVnc'
    elif [ "$LOOPBACK" = yes ]; then
        types='VncAuth,TLSVnc,X509Vnc'
    fi
    if [ -d /usr/share/perl5/TigerVNC ]; then
        # Debian's wrapper reads Perl.
        text=$(cat "$TIGERVNC" 2>/dev/null | awk -v loopback="$LOOPBACK" -v types="$types" '
            /^[ \t]*\$(localhost|SecurityTypes)[ \t]*=/ { next }
            /^1;/ { next }
            { print }
            END {
                if (loopback == "yes") print "$localhost = \"yes\";"
                if (types != "") print "$SecurityTypes = \"" types "\";"
                print "1;"
            }' && printf x)
    else
        text=$(cat "$TIGERVNC" 2>/dev/null | awk -v loopback="$LOOPBACK" -v types="$types" '
            tolower($0) ~ /^[ \t]*(localhost|securitytypes)[ \t]*(=|$)/ { next }
            { print }
            END {
                if (loopback == "yes") print "localhost"
                if (types != "") print "securitytypes=" types
            }' && printf x)
    fi
    settle_if_other "$TIGERVNC" "$text"
}

# ---- x11vnc: it has no settings for all accounts, so the unit that starts it gets other options

# Print the command of a unit as it stands in its files, without our own drop-in; several lines when there are several.
unit_command() {
    for file in $(property system "$1" FragmentPath) $(property system "$1" DropInPaths); do
        [ "$file" = "$(drop_in "$1")" ] || cat "$file"
        printf '\n'
    done | awk '
        /\\$/ { sub(/\\$/, " "); line = line $0; next }
        { line = line $0 }
        line ~ /^[ \t]*ExecStart[ \t]*=[ \t]*$/ { found = "" }
        line ~ /^[ \t]*ExecStart[ \t]*=[ \t]*[^ \t]/ { sub(/^[^=]*=[ \t]*/, "", line); found = found line "\n" }
        { line = "" }
        END { printf "%s", found }'
}

# Take options that open it out of a command, and put those that close it in.
x11vnc_command() {
    printf '%s\n' "$1" | awk -v loopback="$LOOPBACK" -v tls="$TLS" -v file="$PASSWORD_FILE" '
        {
            out = ""; secret = 0
            for (i = 1; i <= NF; i++) {
                word = $i
                if (word == "-nopw" || word == "-localhost" || word == "-no6" || word == "-noipv6") continue
                if (loopback == "yes" && (word == "-listen" || word == "-listen6" || word == "-allow")) { i++; continue }
                if (loopback == "yes" && word == "-6") continue
                if (file != "" && (word == "-rfbauth" || word == "-passwd" || word == "-passwdfile" || word == "-viewpasswd")) { i++; continue }
                if (tls == "yes" && word == "-ssl") { if ($(i + 1) !~ /^-/) i++; continue }
                if (word == "-rfbauth" || word == "-passwd" || word == "-passwdfile" || word == "-unixpw" || word == "-usepw") secret = 1
                out = out (out == "" ? "" : " ") word
            }
            if (file != "") { out = out " -rfbauth " file; secret = 1 }
            # Over IPv6 it would listen for everybody in spite of -localhost.
            if (loopback == "yes") out = out " -localhost -no6 -noipv6"
            if (tls == "yes") out = out " -ssl TMP"
            print out
            exit !secret
        }'
}

# Print the command by which a unit starts a server, and nothing where it starts another program. What cannot be changed
# word by word is refused.
plain_command() {
    plain=$(unit_command "$1")
    case $plain in
        *$2*) ;;
        *) return 0 ;;
    esac
    [ "$(printf '%s\n' "$plain" | wc -l)" = 1 ] || refuse "$1 runs several commands: change it by hand"
    case $plain in
        *sh\ -c* | *\"* | *\'*) refuse "$1 starts its server through a shell or with quotes: change it by hand" ;;
    esac
    printf '%s\n' "$plain"
}

# Have a unit run another command.
settle_command() {
    settle_if_other "$(drop_in "$1")" "[Service]
ExecStart=
ExecStart=$2
x"
}

harden_x11vnc() {
    found=no
    for unit in $UNITS; do
        command=$(plain_command "$unit" x11vnc)
        [ -n "$command" ] || continue
        found=yes
        command=$(x11vnc_command "$command") ||
            refuse "$unit asks for no password, and no file with one was named (x11vnc_password_file)"
        [ -z "$PASSWORD_FILE" ] || [ -s "$PASSWORD_FILE" ] || refuse "$PASSWORD_FILE is not there or empty"
        settle_command "$unit" "$command"
    done
    [ "$found" = yes ] || refuse 'none of the units starts x11vnc: name the one that does'
}

# ---- TightVNC: no TLS, and no settings for all accounts that bind it, so its unit does

harden_tightvnc() {
    [ "$LOOPBACK" = yes ] && [ "$TLS" = no ] || refuse 'TightVNC knows no TLS: it can be bound to loopback, and no more'
    found=no
    for unit in $UNITS; do
        command=$(plain_command "$unit" vnc)
        case $command in
            # The wrapper names a file of passwords itself.
            *vncserver\ * | *Xtightvnc*\ -rfbauth\ *) found=yes ;;
            *Xtightvnc*) refuse "$unit asks for no password (-rfbauth): change it by hand" ;;
            *) continue ;;
        esac
        command=$(printf '%s\n' "$command" | awk '{ for (i = 1; i <= NF; i++) if ($i != "-localhost") printf "%s ", $i; print "-localhost" }')
        settle_command "$unit" "$command"
    done
    [ "$found" = yes ] || refuse 'none of the units starts TightVNC: name the one that does'
}

# ---- xrdp

# Set keys of a section of an ini file, in their place, or at the section's end: FILE SECTION KEY=VALUE...
ini_with() {
    file=$1 section=$2
    shift 2
    awk -v section="[$section]" -v pairs="$(printf '%s\n' "$@")" '
        BEGIN { count = split(pairs, pair, "\n") }
        function rest() {
            for (n = 1; n <= count; n++) if (!done[n]++) print pair[n]
        }
        /^\[/ { if (inside) rest(); inside = (tolower($0) == tolower(section)) }
        inside && /^[A-Za-z_.]+[ \t]*=/ {
            key = $0; sub(/[ \t]*=.*/, "", key)
            for (n = 1; n <= count; n++) if (index(pair[n], key "=") == 1) {
                if (!done[n]++) print pair[n]
                next
            }
        }
        { print }
        END { if (inside) rest() }' "$file"
}

# Print the ports of xrdp, each bound to loopback.
xrdp_ports() {
    awk -F= '
        /^\[/ { inside = (tolower($0) == "[globals]") }
        inside && /^port[ \t]*=/ { print $2; exit }' "$XRDP" | tr ' ' '\n' | while read -r port; do
        case $port in
            '') ;;
            unix:* | vsock:*) printf '%s\n' "$port" ;;
            tcp6:*) printf 'tcp6://.:%s\n' "${port##*:}" ;;
            tcp:*) printf 'tcp://.:%s\n' "${port##*:}" ;;
            *[!0-9]*) refuse "xrdp listens in a way that is not known: $port" ;;
            *) printf 'tcp://.:%s\n' "$port" ;;
        esac
    done | tr '\n' ' ' | sed 's/ $//'
}

xrdp_key() {
    key=$(awk -F= '/^key_file[ \t]*=/ { gsub(/[ \t]/, "", $2); print $2; exit }' "$XRDP")
    printf '%s\n' "${key:-/etc/xrdp/key.pem}"
}

xrdp_account() {
    account=$(systemctl show -p User --value xrdp.service 2>/dev/null || :)
    printf '%s\n' "${account:-root}"
}

member_state() {
    if id -nG "$1" 2>/dev/null | tr ' ' '\n' | grep -Fqx "$2"; then
        printf 'member\t%s\t%s\tyes\n' "$1" "$2"
    else
        printf 'member\t%s\t%s\tno\n' "$1" "$2"
    fi
}

# Without its key, a server that insists on TLS lets nobody in.
check_xrdp_key() {
    key=$(xrdp_key)
    account=$(xrdp_account)
    [ -e "$key" ] || refuse "xrdp has no key for TLS: $key"
    if [ "$account" != root ] && ! runuser -u "$account" -- test -r "$key"; then
        group=$(stat -Lc %G "$key")
        [ "$group" = ssl-cert ] || refuse "xrdp cannot read its key for TLS: $key"
        step usermod -aG ssl-cert "$account"
    fi
}

harden_xrdp() {
    [ -f "$XRDP" ] || refuse "$XRDP is not there"
    set --
    if [ "$LOOPBACK" = yes ]; then
        ports=$(xrdp_ports)
        [ -n "$ports" ] || refuse "$XRDP names no port"
        set -- "$@" "port=$ports"
    fi
    if [ "$TLS" = yes ]; then
        check_xrdp_key
        set -- "$@" security_layer=tls crypt_level=high 'ssl_protocols=TLSv1.2, TLSv1.3'
    fi
    [ $# -gt 0 ] || return 0
    settle_if_other "$XRDP" "$(ini_with "$XRDP" Globals "$@" && printf x)"
}

# ---- the verbs

capture() {
    ! wants tigervnc || file_state "$TIGERVNC"
    if wants xrdp; then
        file_state "$XRDP"
        member_state "$(xrdp_account)" ssl-cert
    fi
    for unit in $UNITS; do
        if wants x11vnc || wants tightvnc; then
            file_state "$(drop_in "$unit")"
        fi
        unit_state system "$unit"
    done
}

restart_units() {
    [ "$CHANGED" = yes ] && [ "$DRY" = no ] || return 0
    systemctl daemon-reload
    for unit in $UNITS; do
        systemctl reset-failed -- "$unit" 2>/dev/null || :
        step systemctl try-restart -- "$unit"
    done
}

harden() {
    for server in $SERVERS; do
        "harden_$server"
    done
    restart_units
    finish
}

restore() {
    state=$(cat)
    restore_files <<EOF
$(printf '%s\n' "$state" | grep -e "^file$TAB" -e "^absent$TAB" || :)
EOF
    for unit in $UNITS; do
        folder=$(drop_in "$unit")
        rmdir "${folder%/*}" 2>/dev/null || :
    done
    for row in $(printf '%s\n' "$state" | grep "^member$TAB.*${TAB}no\$" | cut -f2,3 | tr "$TAB" '=' || :); do
        if member_state "${row%=*}" "${row#*=}" | grep -q "yes\$"; then
            step gpasswd -d "${row%=*}" "${row#*=}"
        fi
    done
    restart_units
    restore_units "$state"
    finish
}

verb=$1
shift
SERVERS=''
UNITS=''
PASSWORD_FILE=''
LOOPBACK=yes
TLS=yes
for argument; do
    value=${argument#*=}
    case $argument in
        server=*) SERVERS="$SERVERS $value" ;;
        unit=*) UNITS="$UNITS $(full_name "$value")" ;;
        loopback=*) LOOPBACK=$value ;;
        tls=*) TLS=$value ;;
        password-file=*) PASSWORD_FILE=$value ;;
        *) refuse "unknown argument: $argument" ;;
    esac
done
case $verb in
    dry-*)
        DRY=yes
        verb=${verb#dry-}
        ;;
esac
[ -d /run/systemd/system ] || refuse 'settings of VNC and RDP servers are hardened on hosts with systemd only'
case $verb in
    capture | harden | restore) "$verb" ;;
    *) refuse "unknown verb: $verb" ;;
esac
