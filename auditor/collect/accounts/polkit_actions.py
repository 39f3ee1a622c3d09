"""Actions of polkit that let somebody install software or become root, and what is asked of a rule about them.

The ids are those of the policy files that PackageKit, Flatpak, snapd, rpm-ostree, aptdaemon, DNF, pamac, systemd,
libvirt, AccountsService and polkit's own pkexec ship.
"""

_ACTIONS = frozenset((
    # A program, a unit, a shell or an account of one's own choice, as root.
    "org.freedesktop.policykit.exec",
    "org.freedesktop.systemd1.manage-units",
    "org.freedesktop.systemd1.manage-unit-files",
    "org.freedesktop.machine1.host-shell",
    "org.freedesktop.portable1.attach-images",
    "org.freedesktop.accounts.user-administration",
    "org.libvirt.unix.manage",
    # Packages, and where they come from; Flatpak's modify-repo adds no source, and is open to all who sit there.
    "org.freedesktop.packagekit.package-install",
    "org.freedesktop.packagekit.package-install-untrusted",
    "org.freedesktop.packagekit.system-sources-configure",
    "org.freedesktop.Flatpak.app-install",
    "org.freedesktop.Flatpak.runtime-install",
    "org.freedesktop.Flatpak.install-bundle",
    "org.freedesktop.Flatpak.configure-remote",
    "io.snapcraft.snapd.manage",
    "org.projectatomic.rpmostree1.install-uninstall-packages",
    "org.projectatomic.rpmostree1.install-local-packages",
    "org.projectatomic.rpmostree1.rebase",
    "org.debian.apt.install-or-remove-packages",
    "org.debian.apt.install-file",
    "org.debian.apt.install-packages-from-new-repo",
    "org.debian.apt.change-repository",
    "com.ubuntu.softwareproperties.applychanges",
    "org.rpm.dnf.v0.rpm.execute_transaction",
    "org.baseurl.DnfSystem.write",
    "org.manjaro.pamac.commit",
))  # fmt: skip
# What pkexec may run as root by an action of its own: these install, or run anything.
_PROGRAMS = frozenset((
    "apt", "apt-get", "aptitude", "bash", "dash", "dnf", "dpkg", "env", "flatpak", "gdebi", "gdebi-gtk",
    "gpk-application", "pacman", "pamac", "pamac-manager", "pip", "pip3", "python3", "rpm", "sh", "snap", "su",
    "synaptic", "yast2", "yum", "zypper",
))  # fmt: skip
EXEC = "org.freedesktop.policykit.exec"
"""pkexec, for any program."""


def installs(action: str, program: str) -> bool:
    """Tell whether an action lets somebody install software or become root."""
    return action in _ACTIONS or is_installer(program)


def is_installer(program: str) -> bool:
    """Tell whether whoever may run a program as root may install anything."""
    return program.rpartition("/")[2] in _PROGRAMS


def questions(action: str, texts: tuple[str, ...]) -> list[tuple[tuple[str, str], ...]]:
    """Return the details to ask a rule about: what somebody would do who wants to install, one of his choice at least.

    A rule that lets a group restart one unit lets it start no other; one that lets it run a package manager does.
    """
    if action == "org.freedesktop.systemd1.manage-units":
        return [(("unit", "nobody-named-it.service"), ("verb", "start"))]
    if action == "org.freedesktop.systemd1.manage-unit-files":
        return [(("verb", "enable"),)]
    if action == EXEC:
        programs = ["/bin/sh", *(text for text in texts if text.startswith("/") and is_installer(text))]
        return [(("program", one), ("command_line", one), ("user", "root")) for one in programs]
    return [()]
