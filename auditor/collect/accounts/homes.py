"""How files in the homes of accounts are read: never by root, but as the account itself (ADR 17).

Whatever lies in a home can be replaced while root looks: a named pipe that never ends, a link to a device that acts
when it is opened, a link to ``/etc/shadow``. So the probe only asks the kernel whether a path is there, and lets a
shell with the account's own rights read what is. What that shell says comes behind the account's name, put there by
the probe.
"""

from dataclasses import dataclass

HOMES = r"""
home_list='' homes_more='' home_by='' home_read=''
if [ -r /etc/passwd ]; then
    home_count=0
    while IFS=: read -r home_name _ home_uid home_gid _ home_path _ || [ -n "$home_name" ]; do
        case $home_path in
            [!/]* | '' | / | /bin | /sbin | /usr/bin | /usr/sbin | /dev | /proc | /nonexistent) continue ;;
        esac
        case $home_uid$home_gid in '' | *[!0-9]*) continue ;; esac
        home_count=$((home_count + 1))
        if [ "$home_count" -gt 2000 ]; then homes_more=1; break; fi
        home_list="$home_list$home_name$tab$home_uid$tab$home_gid$tab$home_path$newline"
    done </etc/passwd
fi
# Only in a section's own process, for a home may be on a server that does not answer.
each_home() {
    home_look=$1 homes_closed=''
    [ -r /etc/passwd ] || partial "/etc/passwd cannot be read: whose homes there are is not known"
    [ -z "$homes_more" ] || partial "there are more than 2000 accounts: the homes of the others were not looked into"
    # Accounts of a directory are in no file; the folder tells who owns it.
    for home_path in /home/*; do
        [ -d "$home_path" ] || continue
        case $home_list in *"$tab$home_path$newline"*) continue ;; esac
        home_list="$home_list-$tab-$tab-$tab$home_path$newline"
    done
    set -f
    IFS=$newline
    for home_path in $home_list; do
        IFS=$tab
        # shellcheck disable=SC2086 # four fields
        set -- $home_path
        unset -v IFS
        set +f
        if home_is_closed "$4"; then homes_closed="$homes_closed $4"; else "$home_look" "$@"; fi
        set -f
        IFS=$newline
    done
    unset -v IFS
    set +f
    [ -z "$homes_closed" ] || partial "homes that cannot be looked into:$homes_closed"
}
# Root asks with the account's rights; others have theirs only.
home_is_closed() {
    [ "$uid" != 0 ] || return 1
    home_up=$1
    while [ -n "$home_up" ]; do
        if [ -d "$home_up" ]; then
            if [ "$home_up" != "$1" ]; then [ ! -x "$home_up" ]; return; fi
            [ ! -r "$home_up" ] || [ ! -x "$home_up" ]
            return
        fi
        home_up=${home_up%/*}
    done
    return 1
}
# home_has HOME NAME...: tell whether one of these is there, or root has no right to know (a server's homes).
home_has() {
    home_up=$1
    shift
    [ -d "$home_up" ] || return 1
    [ -x "$home_up" ] || return 0
    for home_name; do
        if [ -e "$home_up/$home_name" ] || [ -L "$home_up/$home_name" ]; then return 0; fi
    done
    return 1
}
home_way() {
    [ -z "$home_by" ] || return 0
    if [ "$uid" != 0 ]; then home_by=self
    elif have setpriv && setpriv --reuid=65534 --regid=65534 --clear-groups true 2>/dev/null; then home_by=setpriv
    elif have chroot && chroot --userspec=65534:65534 --groups=65534 / true 2>/dev/null; then home_by=chroot
    elif [ /bin/su -ef /bin/busybox ] || [ /bin/su -ef /bin/bbsuid ]; then home_by=su
    else home_by=none; fi
    home_bound=''
    if have timeout && timeout -s KILL 5 true 2>/dev/null; then home_bound=1; fi
}
home_words() { home_uid=${3-} home_gid=${4-}; }
# read_as NAME UID GID HOME SCRIPT ARGUMENT...: what SCRIPT says, run in HOME with the rights of its account.
read_as() {
    home_name=$1 home_uid=$2 home_gid=$3 home_path=$4 home_script=$5
    shift 5
    home_read=1
    home_way
    set -- sh -c "cd \"\$0\" || exit; ulimit -t 5; ulimit -v 1000000; $home_script" "$home_path" "$@"
    if [ "$home_uid" = - ]; then
        home_owner=$(ls -ldn "$home_path" 2>/dev/null)
        set -f
        # shellcheck disable=SC2086 # mode, links, owner and group are words
        home_words $home_owner
        set +f
        case $home_uid in '' | *[!0-9]*) partial "who owns $home_path is not known"; return ;; esac
        [ "$home_by" != su ] || { partial "the owner of $home_path has no name here"; return; }
    fi
    if [ "$home_uid" != "$uid" ]; then
        # shellcheck disable=SC2016 # what is between quotes is for the shell that su starts
        case $home_by in
            setpriv) set -- setpriv --reuid="$home_uid" --regid="$home_gid" --clear-groups "$@" ;;
            chroot) set -- chroot --userspec="$home_uid:$home_gid" --groups="$home_gid" / "$@" ;;
            su) set -- su -s /bin/sh -c 'exec "$@"' "$home_name" sh "$@" ;;
            none) partial "nothing is installed to read as another account: setpriv, or chroot of GNU"; return ;;
        esac
    fi
    [ -z "$home_bound" ] || set -- timeout -s KILL 5 "$@"
    {
        "$@" 2>/dev/null 3>&- 4>&- 5>&- ||
            partial "what is in $home_path could not be read with the rights of its account"
    } | while IFS= read -r home_line; do
        printf 'home\t%s\t%s\t%s\n' "$home_name" "$home_path" "$home_line"
    done
}
"""
"""Shared: ``each_home LOOK`` calls the function ``LOOK`` with name (``-`` where only the folder is known), uid, gid and
path of every home, in a section's own process only. ``home_has HOME NAME...`` tells whether something is there, and
``read_as "$@" SCRIPT ARGUMENT...`` prints ``home``, name, home and line for each line that ``SCRIPT`` says there, with
the account's rights, its home as folder and five seconds. ``$home_read`` is not empty once something was read."""

MARK = "home\t"
"""What a line begins with that comes out of a home."""

_FIELDS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Whose home a line comes from."""

    name: str
    """Name of the account; ``-`` where only the folder is known."""
    home: str
    """Path of the home."""

    def path(self, name: str) -> str:
        """Return the path of what lies in the home."""
        return name if name.startswith("/") else f"{self.home.rstrip('/')}/{name}"

    @property
    def account(self) -> str:
        """Return the account's name, or what its folder is called."""
        return self.name if self.name != "-" else self.home.rpartition("/")[2]


def origin_of(line: str) -> tuple[Origin | None, str]:
    """Part a line from whose home it comes; None for what the probe itself says. ValueError when fields are missing."""
    if not line.startswith(MARK):
        return None, line
    parts = line.split("\t", _FIELDS - 1)
    if len(parts) != _FIELDS:
        message = "not a line out of a home"
        raise ValueError(message)
    return Origin(name=parts[1], home=parts[2]), parts[3]
