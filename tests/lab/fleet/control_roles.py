"""Planted hosts on which something lets people install software, or keeps programs from running."""

from tests.lab.fleet.plan import Planted, Program, Role, State
from tests.lab.fleet.vendors import RUSTDESK

_EVE = ("eve:x:3000:3000::/home/eve:/bin/bash",)
_TWO = ("trent:x:3000:3000::/home/trent:/bin/bash", "judy:x:3001:3001::/home/judy:/bin/bash")

_POLKIT = {
    "/usr/share/dbus-1/system-services/org.freedesktop.PolicyKit1.service": "[D-BUS Service]\n"
    "Name=org.freedesktop.PolicyKit1\nExec=/usr/lib/polkit-1/polkitd --no-debug\nUser=root\n",
    "/usr/share/polkit-1/actions/org.freedesktop.packagekit.policy": '<?xml version="1.0" encoding="UTF-8"?>\n'
    "<policyconfig>\n"
    '  <action id="org.freedesktop.packagekit.package-install">\n    <defaults>\n'
    "      <allow_any>auth_admin</allow_any>\n      <allow_inactive>auth_admin</allow_inactive>\n"
    "      <allow_active>auth_admin_keep</allow_active>\n    </defaults>\n  </action>\n"
    '  <action id="org.freedesktop.packagekit.system-update">\n    <defaults>\n'
    "      <allow_any>auth_admin</allow_any>\n      <allow_inactive>auth_admin</allow_inactive>\n"
    "      <allow_active>yes</allow_active>\n    </defaults>\n  </action>\n</policyconfig>\n",
    "/usr/share/polkit-1/rules.d/50-default.rules": "polkit.addAdminRule(function(action, subject) {\n"
    '    return ["unix-group:sudo"];\n});\n',
}
_HELPDESK = (
    "// The help desk installs what people ask for.\n"
    "polkit.addRule(function(action, subject) {\n"
    '    if (action.id.indexOf("org.freedesktop.packagekit.") === 0 && subject.isInGroup("operator")) {\n'
    "        return polkit.Result.YES;\n    }\n});\n"
)
_COMPUTED = (
    "polkit.addRule(function(action, subject) {\n"
    '    if (action.id.startsWith("org.freedesktop.packagekit.")) {\n'
    '        return polkit.spawn(["/usr/local/bin/may-install", subject.user]);\n    }\n});\n'
)

_ALLOWLIST = {
    "/etc/fapolicyd/fapolicyd.conf": "# The daemon is what it is on a server.\npermissive = 0\nq_size = 640\n"
    "trust = file\nintegrity = none\n",
    "/etc/fapolicyd/compiled.rules": "%languages=text/x-perl,text/x-python\n"
    "deny_audit perm=any all : path=/usr/bin/anydesk\nallow perm=execute all : trust=1\n"
    "allow perm=open all : ftype=%languages trust=1\ndeny_audit perm=any all : ftype=%languages\n"
    "deny_audit perm=execute all : all\nallow perm=open all : all\n",
}
_FAPOLICYD = Program(path="/usr/sbin/fapolicyd")
_NOEXEC = (
    "#!/bin/sh\nfor place in /tmp /var/tmp /home; do\n"
    '    mount --bind "$place" "$place" && mount -o remount,bind,nosuid,noexec "$place"\ndone\n'
    "mount -o remount,noexec /dev/shm\n"
)

CONTROLLED = (
    Role(
        id="disk-member", says="A member of the group that may write to the disks.", accounts=_EVE,
        members={"disk": ("eve",)}, installers=("eve",),
    ),
    Role(
        id="docker-member", says="A member of docker's group, and docker runs.", accounts=_EVE,
        unix_groups=("docker:x:3500:eve",), programs=(Program(path="/usr/bin/dockerd"),), installers=("eve",),
    ),
    Role(
        id="docker-left", says="A member of docker's group, of which nothing else is left.", accounts=_EVE,
        unix_groups=("docker:x:3500:eve",),
    ),
    Role(
        id="doas", says="doas permits a group, and denies one of its members again.", accounts=_TWO,
        members={"staff": ("trent", "judy")}, files={"/etc/doas.conf": "permit persist :staff\ndeny judy\n"},
        installers=("trent",),
    ),
    Role(
        id="polkit", says="polkit with its own rules, and nobody in the group of its administrators.", files=_POLKIT,
        accounts=_EVE,
    ),
    Role(
        id="polkit-rule", says="A polkit rule lets a group install packages.", accounts=_EVE,
        members={"operator": ("eve",)}, files={**_POLKIT, "/etc/polkit-1/rules.d/10-helpdesk.rules": _HELPDESK},
        installers=("eve",),
    ),
    Role(
        id="polkit-computed", says="A polkit rule asks a program who may install.", accounts=_EVE,
        files={**_POLKIT, "/etc/polkit-1/rules.d/10-helpdesk.rules": _COMPUTED}, undecided=("accounts.polkit",),
    ),
    Role(
        id="open-path", says="A group with a member may write to a folder of PATH.", accounts=_EVE,
        members={"staff": ("eve",)}, modes={"/usr/local/bin": (0o2775, 0, 50)}, open_paths=("/usr/local/bin",),
    ),
    Role(
        id="open-path-nobody", says="A group that nobody is in may write to /usr/local, as on older Debian.",
        modes={"/usr/local": (0o2775, 0, 50), "/usr/local/bin": (0o2775, 0, 50)},
    ),
    Role(
        id="allowlist", says="fapolicyd runs and refuses what nobody listed.", files=_ALLOWLIST, programs=(_FAPOLICYD,),
        execution={"allowlist": "pass", "user_places": "pass"},
    ),
    Role(
        id="allowlist-permissive", says="fapolicyd runs and only logs.", programs=(_FAPOLICYD,),
        files={**_ALLOWLIST, "/etc/fapolicyd/fapolicyd.conf": "permissive = 1\n"},
    ),
    Role(
        id="allowlist-stopped", says="fapolicyd is set up and does not run.",
        files={**_ALLOWLIST, "/usr/sbin/fapolicyd": ""},
    ),
    Role(
        id="allowlist-passed-by", says="RustDesk runs although fapolicyd refuses what nobody listed.",
        files={**_ALLOWLIST, **RUSTDESK.disk()}, links=RUSTDESK.links(), packages=(RUSTDESK.row(),),
        programs=(_FAPOLICYD, *RUSTDESK.programs),
        products=(Planted(product="rustdesk", state=State.RUNNING),), execution={"user_places": "pass"},
    ),
    Role(
        id="noexec", says="Where users write, nothing can be started.", files={"/etc/fleet/rc.d/50-noexec": _NOEXEC},
        modes={"/etc/fleet/rc.d/50-noexec": (0o755, 0, 0)}, execution={"user_places": "pass"},
    ),
)  # fmt: skip
