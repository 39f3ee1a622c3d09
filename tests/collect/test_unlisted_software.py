"""Software that no distribution lists is found where the real tools put it, and walks keep to their bounds."""

import hashlib
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from auditor.model.facts.remote_config import BrowserExtension
from auditor.model.facts.software import ProgramFile, Software

Run = Callable[..., Any]
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, for a mount namespace")

_NOBODY = 65534
_PASSWD = "root:x:0:0::/root:/bin/sh\nada:x:1000:1000::/home/ada:/bin/sh\nbob:x:1001:1001::/home/bob:/bin/sh\n"
_BOUND = ("home", "root", "opt", "usr/local", "srv", "var/tmp", "dev/shm")
_ENTER = """
tree=$1
shift
mount --bind "$tree/passwd" /etc/passwd
for folder in home root opt usr/local srv var/tmp dev/shm; do mount --bind "$tree/$folder" "/$folder"; done
[ ! -d "$tree/var/lib/flatpak" ] || mount --bind "$tree/var/lib/flatpak" /var/lib/flatpak
mount -t tmpfs none /tmp
exec "$@"
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Make the home folders and the other roots of a host with two users."""
    for folder in (*_BOUND, "home/ada", "home/bob"):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    (tmp_path / "passwd").write_text(_PASSWD, "utf-8")
    # An ordinary user must be able to come this far; pytest closes its folders to others.
    for above in (tmp_path, *tmp_path.parents):
        if above.name.startswith("pytest-"):
            above.chmod(0o755)
    return tmp_path


def _inside(tree: Path, enter: str = _ENTER) -> tuple[str, ...]:
    return ("unshare", "-m", "--propagation", "private", "sh", "-c", enter, "sh", str(tree))


@pytest.fixture
def ask(tree: Path, run_fragment: Run) -> Run:
    """Return what runs a fragment on that host."""
    done = subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("no mount namespace can be made here")

    def run(name: str, **more: Any) -> Any:
        return run_fragment(name, inside=_inside(tree), **more)

    return run


def _facts(answer: Any, kind: type) -> list[Any]:
    return [fact for _, fact in answer.parsed.facts if isinstance(fact, kind)]


def _program(path: Path, size: int = 70_000, mode: int = 0o755) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\x7fELF" + b"x" * (size - 4))
    path.chmod(mode)


def _command(*words: str, **settings: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False, env={**os.environ, **settings})
    if done.returncode:
        pytest.skip(f"{words[0]} does not work here: {done.stderr.strip()[-200:]}")


@pytest.mark.parametrize(
    "shell", ["dash", "busybox", *(pytest.param(s, marks=pytest.mark.slow) for s in ("bash", "mksh", "zsh"))]
)
def test_programs_in_folders_of_people_are_found_with_owner_and_size(tree: Path, ask: Run, shell: str) -> None:
    _program(tree / "home/ada/Downloads/anydesk")
    os.chown(tree / "home/ada/Downloads/anydesk", 1000, 1000)
    _program(tree / "home/bob/rustdesk-1.3.9-x86_64.AppImage", mode=0o644)
    _program(tree / "opt/tool/run", size=10, mode=0o755)
    _program(tree / "opt/tool/lib/libx.so.1")
    _program(tree / "opt/tool/notes.txt", mode=0o644)
    _program(tree / "opt/app/node_modules/.bin/anydesk")
    answer = ask("software.portable", interpreter=shell)
    found = {one.path: (one.uid, one.size, one.mode) for one in _facts(answer, ProgramFile)}
    assert found == {
        "/home/ada/Downloads/anydesk": (1000, 70_000, 0o755),
        "/home/bob/rustdesk-1.3.9-x86_64.AppImage": (0, 70_000, 0o644),
        "/opt/tool/run": (0, 10, 0o755),
    }
    assert (answer.words, answer.parsed.unread, answer.parsed.limits) == (set(), (), ())


def test_a_find_that_prints_names_alone_tells_small_from_large(tree: Path, ask: Run) -> None:
    if shutil.which("busybox") is None:
        pytest.skip("busybox is not installed")
    tools = tree / "srv/tools"
    tools.mkdir()
    for name in ("cat", "date", "sleep", "awk"):
        (tools / name).symlink_to(shutil.which(name) or "/nowhere")
    # Debian's busybox knows -printf no more than POSIX does.
    (tools / "find").symlink_to(shutil.which("busybox") or "/nowhere")
    _program(tree / "home/ada/anydesk")
    _program(tree / "home/ada/small", size=20)
    _program(tree / "home/ada/sub/x11vnc", size=200_000)
    _program(tree / "home/bob/line\nend/tab\there")
    answer = ask("software.portable", path="/srv/tools")
    assert {one.path: (one.size, one.is_large) for one in _facts(answer, ProgramFile)} == {
        "/home/ada/anydesk": (65_536, True),
        "/home/ada/small": (None, False),
        "/home/ada/sub/x11vnc": (65_536, True),
        "/home/bob/line\nend/tab\there": (65_536, True),
    }
    assert answer.parsed.unread == ()


def test_a_name_cannot_forge_another_file_nor_hide_one(tree: Path, ask: Run) -> None:
    forged = tree / "home/bob" / "a\n" / "." / "b\n/.\t755\t0\t99999\t1\t".replace("/", "-") / "anydesk"
    _program(forged)
    _program(tree / "home/bob" / "%0A%" / "x11vnc")
    _program(tree / "home/bob" / "x\n" / "opt" / "rustdesk")
    paths = {one.path for one in _facts(ask("software.portable"), ProgramFile)}
    assert paths == {
        str(forged).removeprefix(str(tree)),
        "/home/bob/%0A%/x11vnc",
        "/home/bob/x\n/opt/rustdesk",
    }


def test_links_and_pipes_are_neither_followed_nor_opened(tree: Path, ask: Run) -> None:
    _program(tree / "srv/real")
    (tree / "home/ada/anydesk").symlink_to("/srv/real")
    (tree / "home/ada/loop").symlink_to("/home/ada")
    os.mkfifo(tree / "home/ada/x11vnc", 0o777)
    (tree / "home/bob").rmdir()
    (tree / "home/bob").symlink_to("/home/ada")
    assert [one.path for one in _facts(ask("software.portable"), ProgramFile)] == ["/srv/real"]


def test_a_walk_beyond_its_budget_says_how_far_it_came(tree: Path, ask: Run) -> None:
    many = tree / "home/ada/many"
    many.mkdir()
    for number in range(5100):
        (many / f"run{number}").touch(0o755)
    _program(tree / "opt/anydesk")
    answer = ask("software.portable")
    assert [limit.id for limit in answer.parsed.limits] == ["walk-budget"]
    assert "5000 program files in /home/ada" in answer.parsed.limits[0].text
    # Another walk has a budget of its own.
    assert "/opt/anydesk" in {one.path for one in _facts(answer, ProgramFile)}


def test_folders_that_a_user_closed_are_open_to_root_and_a_gap_for_others(tree: Path, ask: Run) -> None:
    _program(tree / "home/ada/private/anydesk")
    (tree / "home/ada/private").chmod(0o700)
    (tree / "home/ada").chmod(0o700)
    assert [one.name for one in _facts(ask("software.portable"), ProgramFile)] == ["anydesk"]
    for name in (
        "software.portable",
        "software.flatpak",
        "software.pypi",
        "software.npm",
        "remote_config.extensions",
    ):
        assert "partial" in ask(name, uid=_NOBODY).words


@pytest.mark.parametrize(
    ("mounts", "shell"),
    [
        (0, "dash"),
        # More than a shell reads itself, as on a host of containers.
        (220, "dash"),
        *(pytest.param(220, name, marks=pytest.mark.slow) for name in ("bash", "busybox", "mksh", "zsh")),
    ],
)
def test_homes_on_file_systems_of_the_network_are_not_touched(
    tree: Path, run_fragment: Run, mounts: int, shell: str
) -> None:
    # A FUSE mount of nobody's daemon stands for a server that does not answer: whoever looks at it waits for ever.
    enter = _ENTER.replace(
        'exec "$@"',
        f"for one in $(seq {mounts}); do mount -t tmpfs none /mnt; done\n"
        'exec 9<>/dev/fuse && mount -i -t fuse -o fd=9,rootmode=40000,user_id=0,group_id=0 none /home/bob\nexec "$@"',
    )
    _program(tree / "home/ada/anydesk")
    if not Path("/dev/fuse").exists():
        pytest.skip("this kernel has no FUSE")
    answer = run_fragment("software.portable", inside=_inside(tree, enter), interpreter=shell)
    assert [one.path for one in _facts(answer, ProgramFile)] == ["/home/ada/anydesk"]
    assert [(limit.id, limit.text) for limit in answer.parsed.limits] == [
        ("remote-homes", "1 home folders on network file systems were left out, /home/bob among them")
    ]


_SNAPS = """
mount -t tmpfs none /var/lib
mkdir -p /var/lib/snapd/snaps
for snap in novnc/8/1.4.0 novnc/9/1.5.0 core22/1748/20241001; do
    place=/var/lib/snapd/snap/${snap%/*}
    mkdir -p "$place/meta"
    name=${snap%%/*} revision=${snap#*/}
    printf 'name: %s\\nversion: %s\\napps:\\n  x:\\n    version: 0\\n' "$name" "${snap##*/}" >"$place/meta/snap.yaml"
    ln -sfn "${revision%/*}" "/var/lib/snapd/snap/$name/current"
    : >"/var/lib/snapd/snaps/${name}_${revision%/*}.snap"
done
ln -sfn 8 /var/lib/snapd/snap/novnc/current
: >/var/lib/snapd/snaps/off_x2.snap
exec "$@"
"""


@pytest.mark.parametrize("shell", ["dash", "busybox"])
def test_snaps_are_those_in_use(run_fragment: Run, shell: str) -> None:
    # snapd does not run here: its folders are laid out as snapd 2.66 does on Fedora, without the mounted images.
    if Path("/snap").exists():
        pytest.skip("this machine has snaps of its own")
    inside = ("unshare", "-m", "--propagation", "private", "sh", "-c", _SNAPS, "sh")
    found = _facts(run_fragment("software.snap", inside=inside, interpreter=shell), Software)
    assert {(one.name, one.version, one.identifier, one.origin) for one in found} == {
        ("core22", "20241001", "core22_1748", "store"),
        ("novnc", "1.4.0", "novnc_8", "store"),
        ("off", "", "off_x2", "local file"),
    }


def test_flatpak_installs_for_all_and_for_one_user(tree: Path, ask: Run, tmp_path: Path) -> None:
    if shutil.which("flatpak") is None:
        pytest.skip("flatpak is not installed")
    app = tmp_path / "app"
    (app / "files/bin").mkdir(parents=True)
    (app / "export").mkdir()
    name = "com.anydesk.Anydesk"
    (app / "metadata").write_text(f"[Application]\nname={name}\nruntime=org.example.Platform/x86_64/1\n", "utf-8")
    system = str(tree / "var/lib/flatpak")
    _command("flatpak", "build-export", str(tmp_path / "repo"), str(app))
    for where, home in (("--system", "root"), ("--user", "home/ada")):
        place = {
            "HOME": str(tree / home),
            "FLATPAK_SYSTEM_DIR": system,
            "XDG_DATA_HOME": str(tree / home / ".local/share"),
        }
        _command("flatpak", where, "remote-add", "--no-gpg-verify", "lab", f"file://{tmp_path}/repo", **place)
        _command("flatpak", where, "install", "-y", "--noninteractive", "--no-deps", "lab", name, **place)
    found = _facts(ask("software.flatpak"), Software)
    assert [(one.name, one.scope.value, one.user, one.origin) for one in found] == [
        (name, "system", None, "lab"),
        (name, "user", "ada", None),
    ]
    _command("flatpak", "--user", "uninstall", "-y", "--noninteractive", name, **place)
    assert [one.user for one in _facts(ask("software.flatpak"), Software)] == [None]


def test_pip_installs_for_all_and_for_one_user(tree: Path, ask: Run, tmp_path: Path) -> None:
    wheel = tmp_path / "some_tool-1.2.post3-py3-none-any.whl"
    with ZipFile(wheel, "w") as archive:
        folder = "some_tool-1.2.post3.dist-info"
        archive.writestr(f"{folder}/METADATA", "Metadata-Version: 2.1\nName: Some.Tool\nVersion: 1.2.post3\n")
        archive.writestr(f"{folder}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{folder}/RECORD", f"{folder}/METADATA,,\n{folder}/WHEEL,,\n{folder}/RECORD,,\n")
    pip = ("pip", "install", "-q", "--no-deps", "--no-index", str(wheel))
    if shutil.which("pip") is None:
        pytest.skip("pip is not installed")
    _command(*pip, "--target", str(tree / "usr/local/lib/python3.11/dist-packages"))
    _command(*pip, "--target", str(tree / "home/ada/.local/share/pipx/venvs/some-tool/lib/python3.11/site-packages"))
    found = _facts(ask("software.pypi"), Software)
    assert [(one.name, one.version, one.user) for one in found] == [
        ("some-tool", "1.2.post3", None),
        ("some-tool", "1.2.post3", "ada"),
    ]


def test_npm_installs_for_all_and_for_one_user(tree: Path, ask: Run, tmp_path: Path) -> None:
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    for name in ("plain", "@scope/tool"):
        folder = tmp_path / name.rpartition("/")[2]
        folder.mkdir()
        (folder / "package.json").write_text(f'{{\n  "name": "{name}",\n  "version": "2.5.0"\n}}\n', "utf-8")
        _command("npm", "pack", "--silent", f"--pack-destination={tmp_path}", str(folder))
    for prefix in ("usr/local", "home/ada/.npm-global"):
        packed = [str(file) for file in sorted(tmp_path.glob("*.tgz"))]
        _command("npm", "install", "-g", "--silent", "--offline", "--prefix", str(tree / prefix), *packed)
    _command("npm", "install", "--silent", "--offline", "--prefix", str(tree / "opt/server"), packed[-1])
    found = {(one.name, one.version, one.user) for one in _facts(ask("software.npm"), Software)}
    assert {one for one in found if one[2] or one[0] in ("plain", "@scope/tool")} == {
        ("plain", "2.5.0", None),
        ("@scope/tool", "2.5.0", None),
        # Without a look into files that others than root may own there is no version.
        ("@scope/tool", "", None),
        ("plain", "", "ada"),
        ("@scope/tool", "", "ada"),
    }


def test_extensions_of_every_profile_are_found(tree: Path, ask: Run) -> None:
    ada, bob = tree / "home/ada", tree / "home/bob"
    remote = "inomeogfingihgjfjlpeplalcfajhgai"
    (ada / f".config/google-chrome/Default/Extensions/{remote}/2.1_0").mkdir(parents=True)
    (ada / f".config/google-chrome/Profile 1/Extensions/{remote}/2.2_1").mkdir(parents=True)
    (bob / ".var/app/com.brave.Browser/config/BraveSoftware/Brave-Browser/NativeMessagingHosts").mkdir(parents=True)
    host = bob / ".var/app/com.brave.Browser/config/BraveSoftware/Brave-Browser/NativeMessagingHosts"
    (host / "com.google.chrome.remote_desktop.json").symlink_to("/dev/full")
    profile = bob / "snap/firefox/common/.mozilla/firefox/ab12.default/extensions"
    profile.mkdir(parents=True)
    os.mkfifo(profile / "uBlock0@raymondhill.net.xpi")
    answer = ask("remote_config.extensions")
    assert {(one.browser, one.identifier, one.version, one.user) for one in _facts(answer, BrowserExtension)} >= {
        ("chrome", remote, "2.1", "ada"),
        ("chrome", remote, "2.2", "ada"),
        ("brave", "com.google.chrome.remote_desktop", "", "bob"),
        ("firefox", "uBlock0@raymondhill.net", "", "bob"),
    }
    assert (answer.words, answer.parsed.unread) == (set(), ())


_CHROMIUM = """
mount -t tmpfs none /usr/share/chromium
mkdir /usr/share/chromium/extensions
printf '{"external_crx": "/srv/probe.crx", "external_version": "1.2"}' >"/usr/share/chromium/extensions/$1.json"
HOME=/home/ada exec timeout 60 chromium --headless=new --no-sandbox --disable-gpu --no-first-run \
    --disable-background-networking --remote-debugging-port=0 --user-data-dir=/home/ada/.config/chromium about:blank
"""


@pytest.mark.browser
def test_an_extension_that_chromium_installed_is_found(tree: Path, ask: Run, tmp_path: Path) -> None:
    if shutil.which("chromium") is None or not Path("/usr/share/chromium").is_dir():
        pytest.skip("chromium is not installed")
    source = tmp_path / "probe"
    source.mkdir()
    (source / "manifest.json").write_text('{"manifest_version": 3, "name": "Probe", "version": "1.2"}', "utf-8")
    pack = ("chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}/packing")
    subprocess.run([*pack, f"--pack-extension={source}"], capture_output=True, check=False, timeout=60)
    key = load_pem_private_key((tmp_path / "probe.pem").read_bytes(), None).public_key()
    public = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    # An extension is named by the digest of its key, in letters from a to p.
    name = "".join(chr(ord("a") + int(digit, 16)) for digit in hashlib.sha256(public).hexdigest()[:32])
    shutil.copy(tmp_path / "probe.crx", tree / "srv/probe.crx")
    browser = subprocess.Popen(
        [*_inside(tree), "sh", "-c", _CHROMIUM, "sh", name], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        installed = tree / f"home/ada/.config/chromium/Default/Extensions/{name}/1.2_0"
        deadline = time.monotonic() + 45
        while not installed.exists() and time.monotonic() < deadline:
            time.sleep(0.2)
        answer = ask("remote_config.extensions")
    finally:
        browser.terminate()
        browser.wait()
    assert [(one.browser, one.identifier, one.version, one.user) for one in _facts(answer, BrowserExtension)] == [
        ("chromium", name, "1.2", "ada")
    ]
