"""How a VNC or RDP server of Linux lets people in, worked out from its arguments and what its files say.

Sources: Xvnc(1) and x0vncserver(1) of TigerVNC (``SecurityTypes``, by default ``TLSVnc,VncAuth``; parameters may be
written ``-name value``, ``-name=value`` and ``name=value``, in any case); x11vnc(1) (no password unless an option asks
for one; ``-nopw`` silences the warning only; words of ``-passwd`` are blanked); Xvnc(1) of TightVNC 1.3 (no password
without ``-rfbauth``); wayvnc(1) (``enable_auth``, off by default); xrdp.ini(5). What each says was compared with the
security types that real servers of Debian 12 offer (RFC 6143, 7.1.2).
"""

from collections.abc import Callable, Mapping

from auditor.model.record import Record

Settings = Mapping[str, frozenset[str]]
"""What files say, by key in lower case: every value that stands there."""


class Door(Record, kw_only=True):
    """How a server lets people in."""

    asks: bool | None
    """Whether nobody comes in without proof of who he is; None where that cannot be told."""
    encrypts: bool | None
    """Whether nobody comes in over a connection in clear text; None where that cannot be told."""
    because: str
    """What says so, in words that follow "because"."""


def server_of(program: str) -> str | None:
    """Return the kind of server that a program of this name is; None for what is none that is judged here."""
    return _PROGRAMS.get(program.rpartition("/")[2])


def door_of(kind: str, words: tuple[str, ...], blanked: bool, told: Settings) -> Door:  # noqa: FBT001
    """Tell how a server of a kind lets people in; ``words`` are what follows its name, ``told`` what its files say."""
    return _KINDS[kind](words, blanked, told)


def kind_by_options(words: tuple[str, ...]) -> str | None:
    """Return which kind of server understands these options, whatever its name; None where that is not plain."""
    names = {name for name, _ in _parameters(words)}
    if names & {"securitytypes", "rfbunixpath", "plainusers"}:
        return "tigervnc"
    plain = {word.lstrip("-") for word in words if word.startswith("-")}
    if plain & _X11VNC_ONLY:
        return "x11vnc"
    return None


def words_of(arguments: str) -> tuple[tuple[str, ...], bool]:
    """Part a command line at its blanks; True where words of it were blanked, as x11vnc does with passwords."""
    return tuple(arguments.split()), _BLANKED in arguments


_BLANKED = " " * 8
"""``-passwd``, blanked, and what parts it from its neighbour."""
_PROGRAMS = {
    "Xtigervnc": "tigervnc",
    "Xvnc": "tigervnc",
    "X0tigervnc": "tigervnc",
    "x0vncserver": "tigervnc",
    "w0vncserver": "tigervnc",
    "Xtightvnc": "tightvnc",
    "x11vnc": "x11vnc",
    "wayvnc": "wayvnc",
    "krfb": "krfb",
    "vino-server": "dconf",
    "gnome-remote-desktop-daemon": "gnome",
    "xrdp": "xrdp",
    "vncserver-x11-core": "realvnc",
    "Xvnc-core": "realvnc",
}
_X11VNC_ONLY = frozenset(("nopw", "noxdamage", "passwdfile", "rawfb", "usepw", "unixpw", "xkb", "forever", "ncache"))
_GREETERS = frozenset(("-query", "-indirect", "-broadcast"))
_NO_PROOF = frozenset(("none", "tlsnone", "x509none"))
_IN_CLEAR = frozenset(("none", "vncauth", "plain", "ra2ne", "ra2ne_256"))
_TIGERVNC_DEFAULT = frozenset(("tlsvnc", "vncauth"))
_X11VNC_ASKS = frozenset((
    "passwd", "viewpasswd", "passwdfile", "rfbauth", "usepw", "unixpw", "unixpw_nis", "unixpw_cmd", "unixpw_unsafe",
    "svc", "xdmsvc", "svc_xdummy", "svc_xvnc",
))  # fmt: skip
_X11VNC_ENCRYPTS = frozenset(("ssl", "stunnel", "svc", "xdmsvc", "svc_xdummy", "svc_xvnc"))


def _parameters(words: tuple[str, ...]) -> list[tuple[str, str | None]]:
    """Return the parameters as Xvnc reads them, names in lower case."""
    found: list[tuple[str, str | None]] = []
    for at, word in enumerate(words):
        name, is_given, value = word.lstrip("-").partition("=")
        if is_given:
            found.append((name.lower(), value))
        elif word.startswith("-"):
            found.append((name.lower(), words[at + 1] if at + 1 < len(words) else None))
    return found


def types_of(value: str) -> frozenset[str]:
    """Return the security types of a list, in lower case."""
    return frozenset(part.strip().lower() for part in value.split(",") if part.strip())


def lets_anyone_in(types: frozenset[str]) -> bool:
    """Tell whether one of these security types asks for nothing."""
    return bool(types & _NO_PROOF)


def _tigervnc(words: tuple[str, ...], blanked: bool, told: Settings) -> Door:  # noqa: ARG001, FBT001
    # The scripts that start it turn files into arguments: what it runs with is what it has.
    given = [value for name, value in _parameters(words) if name == "securitytypes" and value]
    types = types_of(given[-1]) if given else _TIGERVNC_DEFAULT
    said = f"SecurityTypes is {','.join(sorted(types))}" + ("" if given else " where nothing sets it")
    has_greeter = any(word.lower() in _GREETERS for word in words)
    return Door(
        asks=not lets_anyone_in(types) or has_greeter,
        encrypts=not types & _IN_CLEAR,
        because=said + (", and a display manager asks who it is" if has_greeter else ""),
    )


def _tightvnc(words: tuple[str, ...], blanked: bool, told: Settings) -> Door:  # noqa: ARG001, FBT001
    asks = "-rfbauth" in words
    greeter = any(word.lower() in _GREETERS for word in words)
    said = "it has a file of passwords (-rfbauth)" if asks else "it was started without -rfbauth"
    return Door(asks=asks or greeter, encrypts=False, because=f"{said}, and TightVNC 1.3 encrypts nothing")


def _x11vnc(words: tuple[str, ...], blanked: bool, told: Settings) -> Door:  # noqa: FBT001
    own = {word.lstrip("-") for word in words if word.startswith("-")}
    other_file = "rc" in own
    names = own if "norc" in own or other_file else own | set(told)
    encrypts = bool(names & _X11VNC_ENCRYPTS)
    if names & _X11VNC_ASKS or blanked or ("sslverify" in names and encrypts):
        said = "it asks for a password" if encrypts else "it asks for a password and has no option -ssl"
        return Door(asks=True, encrypts=encrypts, because=said)
    if other_file or "accept" in names:
        what = "its options stand in a file that was not read (-rc)" if other_file else "another program lets people in"
        return Door(asks=None, encrypts=encrypts, because=f"{what} (-accept)" if not other_file else what)
    return Door(asks=False, encrypts=encrypts, because="no option asks for a password")


def _wayvnc(words: tuple[str, ...], blanked: bool, told: Settings) -> Door:  # noqa: ARG001, FBT001
    if any(word == "-C" or word.startswith("--config") for word in words):
        return Door(asks=None, encrypts=None, because="its settings stand in a file that was not read (-C)")
    values = told.get("enable_auth", frozenset())
    if len(values) > 1:
        return Door(asks=None, encrypts=None, because="its file says enable_auth more than once")
    if values != {"true"}:
        return Door(asks=False, encrypts=False, because="enable_auth is not switched on")
    weak = [name for name in ("relax_encryption", "allow_broken_crypto") if "true" in told.get(name, ())]
    return Door(asks=True, encrypts=not weak, because=" and ".join((*weak, "enable_auth")) + " are on")


def _krfb(words: tuple[str, ...], blanked: bool, told: Settings) -> Door:  # noqa: ARG001, FBT001
    # It always asks for a password; of LibVNCServer's security types it offers VncAuth only.
    return Door(asks=True, encrypts=False, because="KRfb asks for a password and encrypts nothing")


def _dconf(words: tuple[str, ...], blanked: bool, told: Settings) -> Door:  # noqa: ARG001, FBT001
    return Door(asks=None, encrypts=None, because="its settings stand in a database of dconf, which is not read")


def _gnome(words: tuple[str, ...], blanked: bool, told: Settings) -> Door:  # noqa: ARG001, FBT001
    # By RDP it takes Network Level Authentication over TLS only; what it does by VNC stands in dconf.
    return Door(asks=True, encrypts=True, because="it takes RDP with Network Level Authentication only")


def _xrdp(words: tuple[str, ...], blanked: bool, told: Settings) -> Door:  # noqa: ARG001, FBT001
    if any(word in ("-c", "--config") for word in words):
        return Door(asks=True, encrypts=None, because="its settings stand in a file that was not read (-c)")
    layers = {value.lower() for value in told.get("security_layer", ())} or {"negotiate"}
    levels = {value.lower() for value in told.get("crypt_level", ())} or {"high"}
    said = f"security_layer is {'/'.join(sorted(layers))} and crypt_level {'/'.join(sorted(levels))}"
    if len(layers) > 1 or len(levels) > 1:
        return Door(asks=True, encrypts=None, because=f"its file says things twice: {said}")
    (layer,), (level,) = layers, levels
    return Door(asks=True, encrypts=layer == "tls" or (layer != "rdp" and level in ("high", "fips")), because=said)


def _realvnc(words: tuple[str, ...], blanked: bool, told: Settings) -> Door:  # noqa: ARG001, FBT001
    given = dict(_parameters(words))
    ways = {given["authentication"] or ""} if "authentication" in given else told.get("authentication", frozenset())
    modes = {given["encryption"] or ""} if "encryption" in given else told.get("encryption", frozenset())
    if len(ways) > 1 or len(modes) > 1:
        return Door(asks=None, encrypts=None, because="its files say several things, and which holds is not known")
    open_ways = [way for way in ways if "none" in types_of(way.replace("+", ","))]
    clear = [mode for mode in modes if mode.lower() in ("alwaysoff", "preferoff")]
    said = f"Authentication is {next(iter(ways), 'not set')} and Encryption {next(iter(modes), 'not set')}"
    return Door(asks=not open_ways, encrypts=not clear, because=said[:200])


_KINDS: dict[str, Callable[[tuple[str, ...], bool, Settings], Door]] = {
    "tigervnc": _tigervnc,
    "tightvnc": _tightvnc,
    "x11vnc": _x11vnc,
    "wayvnc": _wayvnc,
    "krfb": _krfb,
    "dconf": _dconf,
    "gnome": _gnome,
    "xrdp": _xrdp,
    "realvnc": _realvnc,
}
