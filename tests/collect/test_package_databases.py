"""Databases of packages that the real rpm and pacman made, and text written after the others', read where they lie."""

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from auditor.model.facts.software import Software

Run = Callable[..., Any]
Inside = Callable[[], tuple[str, ...]]

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, for a view of the disk of its own")
_OVER = """
tree=$1
shift
for top in $(ls "$tree"); do
    mount -t overlay overlay -o "lowerdir=$tree/$top:/$top" "/$top" || exit 99
done
exec "$@"
"""
_SPEC = """
Name: {name}
Version: {version}
Release: {release}
Summary: A package of the tests
License: Apache-2.0
BuildArch: noarch
{more}
%description
Nothing is in it.
%files
"""


def _need(*tools: str) -> None:
    for tool in tools:
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")


@pytest.fixture
def tree() -> Iterator[Path]:
    """Return the folder whose tops lie over those of this machine for whoever is run `inside`."""
    # Not below pytest's own folder, which may lie in /var: an overlay cannot hold itself.
    folder = Path(f"/tmp/auditor-tree-{os.getpid()}")  # noqa: S108 — a folder of our own
    folder.mkdir(mode=0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def inside(tree: Path) -> Inside:
    """Return what makes the words that run a probe over the tree, or skips where no overlay can be had."""

    def words() -> tuple[str, ...]:
        made = ("unshare", "--mount", "sh", "-c", _OVER, "sh", str(tree))
        tried = subprocess.run([*made, "true"], capture_output=True, text=True, check=False)
        if tried.returncode:
            pytest.skip(f"no overlay can be mounted here: {tried.stderr.strip()}")
        return made

    return words


def _software(answer: Any) -> dict[str, Software]:
    return {fact.name: fact for _, fact in answer.parsed.facts}


def _sums(folder: Path) -> dict[str, bytes]:
    return {str(file): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


# ---- rpm


@pytest.fixture(scope="module")
def rpms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build three packages with the real rpmbuild."""
    _need("rpm", "rpmbuild")
    folder = tmp_path_factory.mktemp("rpms")
    for name, version, release, more in (
        ("tigervnc-server", "1.13.1", "13.el9", "Vendor: Example Linux"),
        ("bash", "5.1.8", "9.el9", "Epoch: 2\nPackager: Packagers <packages@example.com>"),
        ("plain", "1", "1", ""),
    ):
        spec = folder / f"{name}.spec"
        spec.write_text(_SPEC.format(name=name, version=version, release=release, more=more))
        defined = ("--define", f"_rpmdir {folder}", "--define", f"_topdir {folder}/top")
        subprocess.run(
            ["rpmbuild", "--quiet", "-bb", *defined, str(spec)],
            check=True,
            capture_output=True,
            env={**os.environ, "HOME": str(folder)},
        )
    return folder / "noarch"


def _install(rpms: Path, database: Path) -> None:
    database.mkdir(parents=True)
    packages = sorted(str(file) for file in rpms.glob("*.rpm"))
    command = ["rpm", "--dbpath", str(database), "-i", "--justdb", "--nodeps", *packages]
    subprocess.run(command, check=True, capture_output=True)


@pytest.mark.parametrize("place", ["var/lib/rpm", "usr/lib/sysimage/rpm"])
def test_packages_are_those_that_rpm_knows(
    place: str, rpms: Path, tree: Path, inside: Inside, run_fragment: Run
) -> None:
    _install(rpms, tree / place)
    before = _sums(tree)
    answer = run_fragment("software.rpm", inside=inside())
    assert (answer.outcomes, answer.parsed.unread, answer.status) == ((), (), 0)
    found = _software(answer)
    assert {name: (one.version, one.architecture, one.publisher) for name, one in found.items()} == {
        "tigervnc-server": ("1.13.1-13.el9", "noarch", "Example Linux"),
        "bash": ("2:5.1.8-9.el9", "noarch", "Packagers <packages@example.com>"),
        "plain": ("1-1", "noarch", None),
    }
    assert {one.origin for one in found.values()} == {None}
    # Reading a database as root changes nothing of it and beside it.
    assert _sums(tree) == before


def test_packages_of_rpm_are_seen_in_every_shell(rpms: Path, tree: Path, inside: Inside, run_fragment: Run) -> None:
    _install(rpms, tree / "var/lib/rpm")
    _yum(tree)
    texts = {
        run_fragment("software.rpm", inside=inside(), interpreter=shell).text
        for shell in ("dash", "busybox", "bash", "mksh", "zsh")
        if shutil.which(shell)
    }
    assert len(texts) == 1


def _yum(tree: Path) -> None:
    """Write what yum of Red Hat Enterprise Linux 7 notes of a package."""
    folder = tree / "var/lib/yum/yumdb/b" / f"{'0a' * 20}-bash-5.1.8-9.el9-noarch"
    folder.mkdir(parents=True)
    (folder / "from_repo").write_text("base")


def _dnf5(tree: Path) -> None:
    folder = tree / "usr/lib/sysimage/libdnf5"
    folder.mkdir(parents=True)
    rows = ['"bash-2:5.1.8-9.el9.noarch" = {from_repo="base"}', '"plain-1-1.noarch" = {from_repo=""}']
    (folder / "nevras.toml").write_text("\n".join(('version = "1.0"', "[nevras]", *rows, "")))


def _zypper(tree: Path) -> None:
    folder = tree / "var/log/zypp"
    folder.mkdir(parents=True)
    (folder / "history").write_text(
        "# 2026-01-01 bash installed ok\n"
        "2026-01-01 10:00:00|install|bash|2:5.1.8-9.el9|noarch||other|d41d|\n"
        "2026-02-01 10:00:00|remove |bash|2:5.1.8-9.el9|noarch|root@suse|\n"
        "2026-02-02 10:00:00|install|bash|2:5.1.8-9.el9|noarch|root@suse|base|d41d|\n"
    )


def _dnf4(tree: Path) -> None:
    """Write what dnf 4 notes: bash was installed, then again from another repository; plain was upgraded away."""
    folder = tree / "var/lib/dnf"
    folder.mkdir(parents=True)
    base = sqlite3.connect(folder / "history.sqlite")
    base.executescript(
        "create table repo (id integer primary key, repoid text not null);"
        "create table rpm (item_id integer, name, epoch, version, release, arch);"
        "create table trans_item (id integer primary key, trans_id, item_id, repo_id, action, reason, state);"
        "insert into repo values (1, 'other'), (2, 'base'), (3, '@System');"
        "insert into rpm values (1, 'bash', 2, '5.1.8', '9.el9', 'noarch'), (2, 'plain', 0, '1', '1', 'noarch');"
        "insert into trans_item values (1,1,1,1,1,2,1), (2,1,2,1,1,2,1), (3,2,1,2,9,2,1), (4,2,1,3,10,2,1),"
        "(5,3,2,3,8,2,1), (6,4,1,1,11,2,1);"
    )
    base.commit()
    base.close()


@pytest.mark.parametrize("notes", [_yum, _dnf5, _zypper, _dnf4])
def test_repository_is_told_by_what_installed_the_package(
    notes: Callable[[Path], None], rpms: Path, tree: Path, inside: Inside, run_fragment: Run
) -> None:
    _install(rpms, tree / "var/lib/rpm")
    notes(tree)
    answer = run_fragment("software.rpm", inside=inside())
    assert (answer.outcomes, answer.parsed.unread) == ((), ())
    assert {name: one.origin for name, one in _software(answer).items()} == {
        "bash": "base",
        "tigervnc-server": None,
        "plain": None,
    }


def test_repository_of_dnf_4_is_told_without_sqlite3(
    rpms: Path, tree: Path, inside: Inside, run_fragment: Run, tmp_path: Path
) -> None:
    _install(rpms, tree / "var/lib/rpm")
    _dnf4(tree)
    for name in ("awk", "cat", "date", "id", "rpm", "sleep"):
        (tmp_path / name).symlink_to(shutil.which(name) or "/nowhere")
    (tmp_path / "python3").symlink_to(Path(sys.executable).resolve())
    before = _sums(tree)
    answer = run_fragment("software.rpm", inside=inside(), path=str(tmp_path))
    assert _software(answer)["bash"].origin == "base"
    assert _sums(tree) == before
    (tmp_path / "python3").unlink()
    answer = run_fragment("software.rpm", inside=inside(), path=str(tmp_path))
    assert (answer.words, _software(answer)["bash"].origin) == (set(), None)


def test_a_damaged_header_is_no_package_that_is_not_there(
    rpms: Path, tree: Path, inside: Inside, run_fragment: Run
) -> None:
    """Hold what rpm says on its other stream: it leaves the package out and exits with 0."""
    _install(rpms, tree / "var/lib/rpm")
    file = tree / "var/lib/rpm/rpmdb.sqlite"
    content = bytearray(file.read_bytes())
    at = content.find(b"tigervnc-server\0")
    assert at > 0
    content[at] ^= 1
    file.write_bytes(content)
    answer = run_fragment("software.rpm", inside=inside())
    assert set(_software(answer)) == {"bash", "plain"}
    assert any("skipping" in one.text for one in answer.parsed.unread)


def test_a_database_that_rpm_cannot_open_is_a_failure(
    rpms: Path, tree: Path, inside: Inside, run_fragment: Run
) -> None:
    _install(rpms, tree / "var/lib/rpm")
    (tree / "var/lib/rpm/rpmdb.sqlite").write_bytes(b"no database at all" * 400)
    answer = run_fragment("software.rpm", inside=inside())
    assert [(word, reason.partition(":")[0]) for word, reason in answer.outcomes] == [
        ("failed", "rpm does not read the database in /var/lib/rpm")
    ]


def test_a_database_without_rpm_is_a_failure(
    rpms: Path, tree: Path, inside: Inside, run_fragment: Run, tmp_path: Path
) -> None:
    _install(rpms, tree / "var/lib/rpm")
    for name in ("awk", "cat", "date", "id", "sleep"):
        (tmp_path / name).symlink_to(shutil.which(name) or "/nowhere")
    answer = run_fragment("software.rpm", inside=inside(), path=str(tmp_path))
    assert answer.outcomes == (("failed", "rpm is not installed"),)


def test_rpm_without_a_database_makes_none(tree: Path, inside: Inside, run_fragment: Run) -> None:
    """A Debian host may have rpm: asked for a database that is not there, it would make one."""
    (tree / "var/lib/rpm").mkdir(parents=True)
    answer = run_fragment("software.rpm", inside=inside())
    if "absent" not in answer.words:
        pytest.skip("this machine has an rpm database")
    assert _sums(tree) == {}


# ---- pacman


def _pacman(tree: Path, database: str, folder: Path) -> None:
    """Build two packages and install them with the real pacman."""
    _need("pacman", "tar", "zstd")
    for name, version, packager in (
        ("tigervnc", "1.14.1-1", "Example Packager <packager@example.org>"),
        ("handmade", "1:2.0-3", "Unknown Packager"),
    ):
        inner = folder / name
        inner.mkdir()
        (inner / ".PKGINFO").write_text(
            f"pkgname = {name}\npkgver = {version}\npkgdesc = Test\nbuilddate = 1700000000\n"
            f"packager = {packager}\nsize = 1\narch = x86_64\n"
        )
        (inner / "usr").mkdir()
        archive = str(folder / f"{name}.pkg.tar.zst")
        subprocess.run(["tar", "--zstd", "-C", str(inner), "-cf", archive, ".PKGINFO", "usr"], check=True)
    (folder / "conf").write_text("[options]\nArchitecture = x86_64\nSigLevel = Never\nLocalFileSigLevel = Never\n")
    (folder / "root").mkdir()
    (tree / database).mkdir(parents=True)
    places = ("--config", str(folder / "conf"), "--root", str(folder / "root"), "--dbpath", str(tree / database))
    packages = (str(file) for file in folder.glob("*.zst"))
    subprocess.run(["pacman", *places, "--noconfirm", "-U", *packages], check=True, capture_output=True)


@pytest.mark.parametrize(
    ("database", "conf"),
    [
        ("var/lib/pacman", "[options]\n#DBPath = /nowhere\n"),
        ("var/elsewhere", "[options]\nHoldPkg = pacman\nDBPath\t=  /var/elsewhere/\n[core]\n"),
        ("var/image/var/lib/pacman", "RootDir=/var/image\n"),
    ],
)
@pytest.mark.parametrize("shell", ["dash", "busybox", "zsh"])
def test_packages_are_those_that_pacman_installed(
    database: str, conf: str, shell: str, tree: Path, inside: Inside, run_fragment: Run, tmp_path: Path
) -> None:
    _pacman(tree, database, tmp_path)
    (tree / "etc").mkdir()
    (tree / "etc/pacman.conf").write_text(conf)
    answer = run_fragment("software.pacman", inside=inside(), interpreter=shell)
    assert (answer.outcomes, answer.parsed.unread, answer.status) == ((), (), 0)
    assert {name: (one.version, one.architecture, one.publisher) for name, one in _software(answer).items()} == {
        "tigervnc": ("1.14.1-1", "x86_64", "Example Packager <packager@example.org>"),
        "handmade": ("1:2.0-3", "x86_64", None),
    }


def test_a_package_of_pacman_that_a_crash_tore_is_not_lost(
    tree: Path, inside: Inside, run_fragment: Run, tmp_path: Path
) -> None:
    _pacman(tree, "var/lib/pacman", tmp_path)
    local = tree / "var/lib/pacman/local"
    (local / "tigervnc-1.14.1-1/desc").write_bytes(b"")
    (local / "gone-1-1").mkdir()
    answer = run_fragment("software.pacman", inside=inside())
    assert set(_software(answer)) == {"handmade"}
    assert sorted(one.text.strip() for one in answer.parsed.unread) == [
        "/var/lib/pacman/local/gone-1-1/",
        "/var/lib/pacman/local/tigervnc-1.14.1-1/",
    ]


def test_the_repository_is_told_by_a_pacman_that_notes_it(tree: Path, inside: Inside, run_fragment: Run) -> None:
    folder = tree / "var/lib/pacman/local/x11vnc-1-1"
    folder.mkdir(parents=True)
    (folder / "desc").write_text(
        "%NAME%\nx11vnc\n\n%VERSION%\n1-1\n\n%DESC%\n%NAME%\n\n%ARCH%\nany\n\n%DEPENDS%\na\nb\n\n%INSTALLED_DB%\nextra\n"
    )
    answer = run_fragment("software.pacman", inside=inside())
    assert {name: (one.version, one.origin) for name, one in _software(answer).items()} == {"x11vnc": ("1-1", "extra")}


# ---- databases of text


_APK = (
    "C:Q1pSfk5NKRTHe9CzVBDRE2SZpDvXE=\nP:x11vnc\nV:0.9.16-r4\nA:x86_64\nT:P:fake\nm:Some One <one@example.org>\n"
    "s:edge\nF:usr/bin\nR:x11vnc\na:0:0:755\n\nC:Q1=\nP:musl\nV:1.2.5-r8\nA:x86_64\nF:lib\nR:m:ld-musl-x86_64.so.1\n\n"
)
_OPKG = (
    "Package: x11vnc\nVersion: 0.9.16-3\nStatus: install user installed\nArchitecture: mips\n"
    "Installed-Time: 1718000000\n\n"
    "Package: musl\nVersion: 1.2.4-4\nStatus: install hold,ok installed\nArchitecture: mips\n\n"
)


@pytest.mark.parametrize(
    ("name", "places", "content"),
    [
        ("software.apk", ("usr/lib/apk/db/installed",), _APK),
        ("software.opkg", ("usr/lib/opkg/status",), _OPKG),
        ("software.opkg", ("var/lib/opkg/status",), _OPKG),
    ],
)
@pytest.mark.parametrize("awk", ["mawk", "gawk", "original-awk", "busybox"])
def test_a_database_of_text_is_read_by_every_awk(
    name: str, places: tuple[str, ...], content: str, awk: str, tree: Path, inside: Inside, run_fragment: Run,
    tmp_path: Path,
) -> None:  # fmt: skip
    _need(awk)
    for place in places:
        (tree / place).parent.mkdir(parents=True)
        (tree / place).write_text(content)
    for tool in ("cat", "date", "id", "sleep"):
        (tmp_path / tool).symlink_to(shutil.which(tool) or "/nowhere")
    (tmp_path / "awk").symlink_to(shutil.which(awk) or "/nowhere")
    answer = run_fragment(name, inside=inside(), path=str(tmp_path))
    assert (answer.outcomes, answer.parsed.unread) == ((), ())
    found = _software(answer)
    assert set(found) == {"x11vnc", "musl"}
    assert len(answer.parsed.facts) == 2
    if name == "software.apk":
        assert {one.name: (one.origin, one.publisher) for one in found.values()} == {
            "x11vnc": ("@edge", "Some One <one@example.org>"),
            "musl": (None, None),
        }


def test_opkg_of_another_disk_is_read_and_one_that_anybody_can_make_is_not(
    tree: Path, inside: Inside, run_fragment: Run
) -> None:
    forged = tree / "etc/forged"
    for root, package in ((tree, "base"), (tree / "srv/usb", "disk"), (forged, "forged")):
        (root / "usr/lib/opkg").mkdir(parents=True)
        row = f"Package: {package}\nVersion: 1\nStatus: install user installed\nArchitecture: all\n"
        (root / "usr/lib/opkg/status").write_text(row)
    (tree / "etc/opkg.conf").write_text(f"dest root /\ndest ram {forged}\ndest usb /srv/usb\nlists_dir ext /var/l\n")
    assert str(forged).startswith("/tmp/")  # noqa: S108 — where anybody may make a folder
    answer = run_fragment("software.opkg", inside=inside())
    assert set(_software(answer)) == {"base", "disk"}


def test_the_database_of_portage_is_its_folders(tree: Path, inside: Inside, run_fragment: Run) -> None:
    for folder, repository in (("net-misc/tigervnc-1.13.1-r2", "guru\n"), ("app-shells/bash-5.2_p26", "gentoo\n")):
        (tree / "var/db/pkg" / folder).mkdir(parents=True)
        (tree / "var/db/pkg" / folder / "repository").write_text(repository)
    answer = run_fragment("software.portage", inside=inside())
    assert {name: (one.version, one.origin) for name, one in _software(answer).items()} == {
        "net-misc/tigervnc": ("1.13.1-r2", "guru"),
        "app-shells/bash": ("5.2_p26", "gentoo"),
    }


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("software.apk", "usr/lib/apk/db/installed"),
        ("software.opkg", "usr/lib/opkg/status"),
        ("software.pacman", "var/lib/pacman/local"),
        ("software.portage", "var/db/pkg"),
        ("software.rpm", "var/lib/rpm"),
    ],
)
def test_a_database_that_is_closed_to_nobody_is_denied(
    name: str, place: str, tree: Path, inside: Inside, run_fragment: Run
) -> None:
    closed = tree / place
    closed.parent.mkdir(parents=True)
    if "/usr" in f"/{place}":
        closed.write_text("P:x\n")
    else:
        closed.mkdir()
    closed.chmod(0)
    assert run_fragment(name, inside=inside(), uid=65534).words == {"denied"}


def test_another_package_manager_makes_the_answer_partial(tree: Path, inside: Inside, run_fragment: Run) -> None:
    (tree / "var/db/xbps").mkdir(parents=True)
    answer = run_fragment("software.unsupported", inside=inside())
    assert "XBPS (Void Linux) (/var/db/xbps)" in (answer.parsed.partial or "")
