"""Home folders of a host's accounts: which there are, how what lies in them is read, and what is left out.

Nothing in a home is opened by root: whatever lies there can be replaced while root looks, by a named pipe that never
ends, a link to a device that acts when it is opened, a link to ``/etc/shadow``. ``HOMES`` tells which there are, and
the kernel may be asked whether a path is there; ``READ_AS`` lets a shell with the account's rights read it (ADR 17).
Homes on file systems of the network are not touched: to look mounts them, or hangs (ADR 20).
"""

from collections.abc import Callable

from auditor.collect.collector import lines_of, unread
from auditor.model.evidence import Unread
from auditor.model.reading import Parsed
from auditor.model.record import Record, replace
from auditor.model.verdict import Limit

FAR_TYPES = (
    "9p", "afs", "autofs", "beegfs", "ceph", "cifs", "coda", "fuse", "fuse.*", "gfs2", "glusterfs", "gpfs", "lustre",
    "ncpfs", "nfs", "nfs4", "ocfs2", "orangefs", "panfs", "pvfs2", "smb3", "smbfs", "virtiofs",
)  # fmt: skip
"""Types of file systems that a look at can hang on, or mounts: those of the network, and what programs provide."""

HOMES = r"""
# Looking at a folder of the network can hang, and at one of autofs(5) mounts it: mount points tell before. A shell
# reads a byte at a time, and a host of containers has a long list: find_homes then asks awk.
far=$tab mounts=0
far_of() {
    while read -r _ place type _; do
        mounts=$((mounts + 1))
        [ "$mounts" -le "$1" ] || return 0
        case $type in
            @FAR@) far=$far$place$tab ;;
        esac
    done
}
[ ! -r /proc/mounts ] || far_of 200 </proc/mounts
is_far() {
    [ "$far" != "$tab" ] || return 1
    folder=$1
    while [ -n "$folder" ]; do
        case $far in *"$tab$folder$tab"*) return 0 ;; esac
        folder=${folder%/*}
    done
    return 1
}
homes='' homes_known=0
if [ -r /etc/passwd ]; then
    while IFS=: read -r name _ number group _ home _ || [ -n "$name" ]; do
        case $home in /*[!/]*) home=${home%/} ;; *) continue ;; esac
        # Accounts of the system have such for want of a home; what lies there belongs to packages.
        case $home/ in
            *"$tab"* | /bin/* | /sbin/* | /dev/* | /etc/* | /nonexistent/* | /proc/* | /run/* | /sys/* | /usr/* | \
                /var/run/*) continue ;;
        esac
        homes_known=$((homes_known + 1))
        [ "$homes_known" -le 1000 ] || break
        type=system
        case $number in 65534 | *[!0-9]*) ;; 0 | ????*) type=person ;; esac
        case $number$group in '' | *[!0-9]*) number=- group=- ;; esac
        homes=$homes$type:$name:$number:$group:$home$newline
    done </etc/passwd
fi

# People of a Mac stand in Directory Services, whose numbers the owner of the folder tells too; /etc/passwd has the
# system's accounts, of which root alone has a home. What the network holds, mount tells (mount(8), autofs): the type
# stands in the last brackets, for a volume's name may hold others.
homes_of_mac() {
    more=$(mount 2>/dev/null)
    case $more in *' on / ('*) ;; *) left=1; partial 'mount did not tell which home folders are on the network' ;; esac
    far=$tab$(printf '%s\n' "$more" | awk '
        {
            at = length($0)
            while (at && substr($0, at, 2) != " (") at--
            type = substr($0, at + 2)
            sub(/[,)].*/, "", type)
            from = index($0, " on ")
            if (at > from && type ~ /^(afpfs|autofs|cifs|fuse.*|macfuse|osxfuse|nfs|smbfs|webdav|ftp|acfs)$/)
                printf "%s\t", substr($0, from + 4, at - from - 4)
        }')
    homes=system:root:0:0:/var/root$newline homes_known=1
    more=$(dscl . -list /Users NFSHomeDirectory 2>/dev/null)
    # Every Mac has root.
    case $newline$more in *"${newline}root "*) ;; *) left=1; partial 'dscl did not list the home folders' ;; esac
    # A value that is another name of the first follows it: /var/root /private/var/root.
    set -f
    IFS=$newline
    # shellcheck disable=SC2086 # an entry a line
    set -- $more
    unset -v IFS
    set +f
    for entry; do
        case $entry in *[!/]*' /'*) ;; *) continue ;; esac
        name=${entry%% *} home=/${entry#*/}
        home=${home%% /*}
        case $name:$home in
            _*:* | root:* | daemon:* | nobody:* | *:/Users/Shared | *:/var/empty | *"$tab"* | *:/) continue ;;
        esac
        homes_known=$((homes_known + 1))
        homes=${homes}person:$name:-:-:${home%/}$newline
    done
}
# Prints what is left out ($left is set then), and leaves the others in $home_folders: lines
# "type:name:user:group:folder", the numbers - where no file tells them.
find_homes() {
    home_folders='' shut=0 left='' homes_far=0 first_far=''
    [ "$kernel" != Darwin ] || homes_of_mac
    [ -r /etc/passwd ] || { left=1; partial '/etc/passwd cannot be read: whose homes there are is not known'; }
    if [ "$mounts" -gt 200 ]; then
        need awk
        far=$(awk '$3 !~ /^(overlay|proc|tmpfs|sysfs|mqueue|cgroup2?|devpts|nsfs)$/' /proc/mounts |
            { mounts=0; far_of 100000; printf '%s' "$far"; })
    fi
    set -f
    IFS=$newline
    # shellcheck disable=SC2086 # an entry a line
    set -- $homes
    unset -v IFS
    set +f
    # Accounts of a directory service have theirs here too, and stand in no file.
    folders=/home
    [ "$kernel" != Darwin ] || folders=/Users
    is_far "$folders" || for home in "$folders"/*; do
        case $home in *"$tab"* | *"$newline"* | /Users/Shared) continue ;; esac
        case :$homes in *:"$home$newline"*) continue ;; esac
        if [ $# -lt 2000 ]; then set -- "$@" "person:${home##*/}:-:-:$home"; else homes_known=1001; fi
    done
    for entry; do
        home=${entry#*:*:*:*:}
        if is_far "$home"; then
            homes_far=$((homes_far + 1)) first_far=${first_far:-$home}
            continue
        fi
        [ -d "$home" ] || continue
        if [ -r "$home" ] && [ -x "$home" ]; then home_folders=$home_folders$entry$newline
        else shut=$((shut + 1)); fi
    done
    if [ "$uid" != 0 ]; then left=1; partial 'only root can look into the home folders of others'
    elif [ "$shut" != 0 ]; then left=1; partial "$shut home folders cannot be entered"; fi
    if [ "$homes_far" != 0 ]; then
        left=1
        printf 'limit\tremote-homes\t%s home folders on network file systems were left out, %s among them\n' \
            "$homes_far" "$first_far"
    fi
    if [ "$homes_known" -gt 1000 ]; then
        left=1
        printf 'limit\tmany-homes\tof more than 1000 home folders the first were looked into\n'
    fi
}
# Runs a function for each of them, or for those of one type, with $home, $owner, $home_uid and $home_gid set.
in_homes() {
    doing=$1 only=${2-}
    set -f
    IFS=$newline
    # shellcheck disable=SC2086 # an entry a line
    set -- $home_folders
    unset -v IFS
    set +f
    for entry; do
        case $entry in "$only"*) ;; *) continue ;; esac
        home=${entry#*:*:*:*:} owner=${entry#*:}
        home_uid=${owner#*:}
        home_gid=${home_uid#*:}
        owner=${owner%%:*} home_uid=${home_uid%%:*} home_gid=${home_gid%%:*}
        "$doing"
    done
}
""".replace("@FAR@", " | ".join(FAR_TYPES))
"""Shared by sections that look into home folders: ``find_homes``, ``in_homes``, the mount points behind ``is_far``."""

READ_AS = r"""
home_by='' home_read=''
# each_home LOOK: calls LOOK with name, user, group and path of every home that is not left out.
each_home() {
    home_look=$1
    find_homes
    in_homes look_into_home
}
look_into_home() { "$home_look" "$owner" "$home_uid" "$home_gid" "$home"; }
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
    elif [ "$kernel" = Darwin ]; then
        home_by=none
        if have chroot && chroot -u 65534 -g 65534 -G 65534 / true 2>/dev/null; then home_by=bsd; fi
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
            bsd) set -- chroot -u "$home_uid" -g "$home_gid" -G "$home_gid" / "$@" ;;
            su) set -- su -s /bin/sh -c 'exec "$@"' "$home_name" sh "$@" ;;
            none) partial "nothing is installed to read as another account: setpriv, or a chroot that can"; return ;;
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
"""Shared, behind ``HOMES``: ``each_home LOOK``, in a section's own process only. ``home_has HOME NAME...`` tells
whether something is there, and ``read_as "$@" SCRIPT ARGUMENT...`` prints ``home``, name, home and line for each line
that ``SCRIPT`` says there, with the account's rights, its home as folder and five seconds. ``$home_read`` is not empty
once something was read, ``$left`` where homes were left out."""

_LIMIT = "limit\t"
MARK = "home\t"
"""What a line begins with that comes out of a home."""

_FIELDS = 4


class Origin(Record, kw_only=True):
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


def with_limits(parse: Callable[[str], Parsed]) -> Callable[[str], Parsed]:
    """Return a reader that also reads the rows which say what a bound left out; the others keep their lines."""

    def read(text: str) -> Parsed:
        if not text.startswith(_LIMIT) and f"\n{_LIMIT}" not in text:
            return parse(text)
        lines = list(lines_of(text))
        limits: dict[Limit, None] = {}
        strange: list[Unread] = []
        for at, line in enumerate(lines):
            if line.startswith(_LIMIT):
                lines[at] = ""
                try:
                    limits[_limit(line)] = None
                except ValueError as error:
                    strange.append(unread(at + 1, line, error))
        parsed = parse("".join(f"{line}\n" for line in lines))
        return replace(
            parsed,
            unread=tuple(sorted((*parsed.unread, *strange), key=lambda one: one.line)),
            limits=(*limits, *parsed.limits),
        )

    return read


def _limit(line: str) -> Limit:
    name, separator, text = line.removeprefix(_LIMIT).partition("\t")
    if not separator or not name or not text:
        message = "a limit without a name or a text"
        raise ValueError(message)
    return Limit(id=name, text=text)
