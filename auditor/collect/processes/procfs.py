"""Processes of a Linux host: what runs, as whom, from which file, in which control group and network namespace.

A process chooses its own name, arguments, file name and, within limits, its control group. So every process is one
row, made from what /proc holds under its pid: fields parted by tabs, what a process cannot choose before what it
can, and tabs and line ends in its own words replaced. ``ls -b`` escapes line ends in links. Whatever still comes
twice, or for a pid without a row in place of one with it, is kept as unread.

The probe's own processes are left out: they are the shell whose pid the first line names, and its descendants.

Sources: proc(5) for ``stat`` (fields 3, 4 and 22), ``status`` (Uid), ``cgroup`` and ``cmdline``; the start is counted
in ticks of USER_HZ since boot, which is 100 a second on every architecture of Linux in use but alpha.
"""

from auditor.collect.accounts.sources import NSSWITCH
from auditor.collect.collector import Collector
from auditor.collect.processes.listing import parse_listing
from auditor.collect.processes.namespaces import NAMESPACES
from auditor.model.evidence import Proof
from auditor.model.facts.processes import Process
from auditor.model.host import OsFamily

# Not ps: it costs a host three times as much, and some hosts have none, or one of another kind.
# Names of users come from /etc/passwd, and of systemd's dynamic users from where it keeps them; where accounts come
# from a directory too, ps is asked for the names that it knows.
_SCRIPT = r"""
[ -r /proc/self/stat ] || failed "/proc is not mounted"
need awk ls
printf 'self %s\n' "$$"
if [ "$uid" != 0 ]; then
    partial "not root: the programs of other users' processes cannot be read"
fi
[ -r /proc/1/stat ] || partial "/proc is mounted with hidepid: other users' processes cannot be seen"
# A process that ends between the opening and the reading of its files ends mawk too: so this awk is not the probe's
# own, says nothing before it has read all, and is asked again.
process_rows "$$" /proc/[0-9]* 2>/dev/null || process_rows "$$" /proc/[0-9]* 2>/dev/null ||
    process_rows "$$" /proc/[0-9]* 2>/dev/null || process_rows "$$" /proc/[0-9]* ||
    failed "awk could not read the processes"
printf 'links\n'
# Status 2 says that ls knows -b and that an argument is not there: /proc/- is none. busybox knows no -b.
# Only who is not known to share our network namespace is asked for it.
# shellcheck disable=SC2086 # paths in /proc, made by the script
ls -lnb /proc/- /proc/[0-9]*/exe /proc/self/ns/net $elsewhere 2>/dev/null
[ $? = 2 ] || ls -lnb /proc/self/exe >/dev/null 2>&1 || {
    printf 'links as they are\n'
    # shellcheck disable=SC2086 # as above
    ls -ln /proc/[0-9]*/exe /proc/self/ns/net $elsewhere 2>/dev/null
}
printf 'names\n'
case $passwd_sources in
    *sss* | *ldap* | *winbind* | *nis*)
        printf 'names of a directory\n'
        ps -e -o uid:10= -o user:32= 2>/dev/null || : ;;
esac
"""
# An awk that knows no NUL ends a line there: it sees no more of its own arguments than its name, and grep and tr then
# read the arguments of all processes for it.
_AWK = r"""
function processes_procfs(    at, line, text, got, words) {
    while ((getline line < "/etc/passwd") > 0) {
        words = split(line, process_words, ":")
        if (words > 2 && !(process_words[3] in process_user)) process_user[process_words[3]] = process_words[1]
    }
    close("/etc/passwd")
    while ((getline line < "/proc/stat") > 0) if (line ~ /^btime /) put("boot " substr(line, 7))
    close("/proc/stat")
    getline line < "/proc/self/cmdline"
    close("/proc/self/cmdline")
    process_whole = length(line) > 3
    # To busybox a NUL as a pattern is an empty one, and what its shell runs without exec has the name of the shell.
    gsub(/\000/, " ", line)
    if (substr(line, 1, 1) == " ") process_whole = 0
    if (!process_whole) processes_procfs_arguments()
    for (at = 2; at <= paths; at++) {
        text = ""
        while ((got = (getline line < (path[at] "/stat"))) > 0) text = text (text == "" ? "" : "?") line
        close(path[at] "/stat")
        if (text == "") continue
        processes_procfs_row(path[at], text)
    }
}
function processes_procfs_row(folder, text,    line, last, name, uid, group, named) {
    match(text, /\)[^)]*$/)
    last = RSTART
    name = substr(text, 1, last - 1)
    sub(/^[0-9]+ \(/, "", name)
    split(substr(text, last + 2), process_words, " ")
    # Programs of the probe are long, and arguments to nobody.
    if (process_words[2] in process_ours) process_ours[substr(folder, 7)]
    else if (process_whole) processes_procfs_read(folder)
    text = process_words[2] "\t" process_words[1] "\t" process_words[20]
    while ((getline line < (folder "/status")) > 0) if (line ~ /^Uid:/) {
        split(line, process_words, " ")
        uid = process_words[3]
        break
    }
    close(folder "/status")
    while ((getline line < (folder "/cgroup")) > 0) {
        if (line ~ /^[0-9]+:name=systemd:/) named = line
        else if (line ~ /^0::/) group = line
    }
    close(folder "/cgroup")
    if (named != "") group = named
    sub(/^[0-9]+:[^:]*:/, "", group)
    if (!(uid in process_user) && uid >= 61184 && uid <= 65519) {
        if ((getline line < ("/run/systemd/dynamic-uid/" uid)) > 0 && line ~ /^[A-Za-z_][A-Za-z0-9_-]*$/)
            process_user[uid] = line
        close("/run/systemd/dynamic-uid/" uid)
    }
    line = (uid in process_user) ? process_user[uid] : uid
    put(substr(folder, 7) "\t" text "\t" uid "\t" line "\t" processes_procfs_one(group) "\t" \
        processes_procfs_one(name) "\t" processes_procfs_one(process_arguments[substr(folder, 7)]))
}
function processes_procfs_one(text) {
    gsub(/[\t\n]/, "?", text)
    return text
}
function processes_procfs_read(folder,    line, text, lines) {
    while ((getline line < (folder "/cmdline")) > 0) text = text (lines++ ? "?" : "") line
    close(folder "/cmdline")
    gsub(/\000/, " ", text)
    sub(/ $/, "", text)
    process_arguments[substr(folder, 7)] = text
}
function processes_procfs_arguments(    command, line, at, pid, lines) {
    command = "grep -Hsz \"\" /proc/[0-9]*/cmdline | tr \"\\n\\000\" \"?\\n\""
    while ((command | getline line) > 0) {
        lines++
        at = index(line, "/cmdline:")
        pid = substr(line, 7, at - 7)
        if (pid in process_arguments) process_arguments[pid] = process_arguments[pid] " " substr(line, at + 9)
        else process_arguments[pid] = substr(line, at + 9)
    }
    close(command)
    if (!lines) put("the arguments of processes cannot be read without grep and tr")
}
"""
_LINUX = (
    "process_rows() {\nawk '\nfunction put(text) { process_rows[++process_rows_held] = text }\n"
    + _AWK.strip()
    + "\nBEGIN {\n    process_ours[ARGV[1]]\n    for (at = 2; at < ARGC; at++) path[at] = ARGV[at]\n"
    + "    paths = ARGC - 1\n    processes_procfs()\n"
    + "    for (at = 1; at <= process_rows_held; at++) print process_rows[at]\n}\n"
    + '\' "$@"\n}\n'
    + _SCRIPT.strip()
)

PLUGIN = Collector(
    id="processes.procfs",
    facts=(Process,),
    scripts={OsFamily.LINUX: _LINUX},
    shared=(NSSWITCH, NAMESPACES),
    parse=parse_listing,
    proof={OsFamily.LINUX: Proof.LAB},
    advice="Run the audit as root or with sudo; what even root may not read, a sandbox on the host hides.",
)
