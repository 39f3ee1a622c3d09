"""The rows that each section of the probe has on a host as it is described."""

from collections.abc import Callable, Iterable, Iterator

from auditor.collect.registry import collectors
from auditor.model.host import OsFamily
from tests.winrm.host import DOMAIN_SID, PROGRAMS, Program, Row, WindowsHost
from tests.winrm.host_firewall import firewall_rows

_STARTED = "2026-11-26T08:05:11.1234567Z"
_SYSTEM32 = "C:\\Windows\\System32"
_SVCHOST = f"{_SYSTEM32}\\svchost.exe"
_OF_WINDOWS = "Microsoft® Windows® Operating System"
_RPC, _TERMINALS, _FIRST = 900, 1200, 4000
_MACHINE = "HKEY_LOCAL_MACHINE\\SOFTWARE"
_CONTROL = "HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Control"
_SESSIONS = "Microsoft-Windows-TerminalServices-LocalSessionManager/Operational"
_SYSMON = "Microsoft-Windows-Sysmon/Operational"
_WORDS = {
    "en": {
        "SYSTEM": "NT AUTHORITY\\SYSTEM", "Administrators": "Administrators", "Administrator": "Administrator",
        "RpcSs": "Remote Procedure Call (RPC)", "TermService": "Remote Desktop Services", "Ethernet": "Ethernet",
        "LOCAL": "LOCAL", "user": "jane", "Spooler": "Print Spooler",
    },
    "de": {
        "SYSTEM": "NT-AUTORITÄT\\SYSTEM", "Administrators": "Administratoren", "Administrator": "Administrator",
        "RpcSs": "Remoteprozeduraufruf (RPC)", "TermService": "Remotedesktopdienste", "Ethernet": "Ethernet",
        "LOCAL": "LOKAL", "user": "jörg", "Spooler": "Druckwarteschlange",
    },
    "ja": {
        "SYSTEM": "NT AUTHORITY\\SYSTEM", "Administrators": "Administrators", "Administrator": "Administrator",
        "RpcSs": "リモート プロシージャ コール (RPC)", "TermService": "リモート デスクトップ サービス",
        "Ethernet": "イーサネット", "LOCAL": "ローカル", "user": "花子", "Spooler": "印刷スプーラー",
    },
}  # fmt: skip


def _asked(section: str, variable: str) -> list[str]:
    """Return which properties of a variable a fragment prints, in their order: the host answers what it is asked."""
    script = collectors()[section].scripts[OsFamily.WINDOWS].replace("`\n", " ")
    (row,) = [line for line in script.splitlines() if line.lstrip().startswith("Row ") and f"${variable}." in line]
    return [word.partition(".")[2] for word in row.split() if word.startswith(f"${variable}.")]


def _running(host: WindowsHost) -> list[tuple[int, Program]]:
    """Return the products that run, each with its process."""
    return [(_FIRST + 4 * at, PROGRAMS[name]) for at, name in enumerate(host.running)]


def _listening(host: WindowsHost) -> list[tuple[int, str]]:
    """Return the programs of the other sockets, each with its process."""
    first = _FIRST + 4 * len(host.running)
    return [(first + 4 * at, one.path) for at, one in enumerate(host.listeners)]


def _sid(host: WindowsHost, number: int) -> str:
    del host
    return f"{DOMAIN_SID}-{number}"


def _version(host: WindowsHost) -> Iterator[Row]:
    one = host.release
    yield "version", one.product, one.kind, 10, 0, one.build, one.revision, one.display, "6.3"


def _process(
    pid: int, owner: str, path: str, maker: str = "", original: str = "", product: str = "", arguments: str = ""
) -> Row:
    name = path.rpartition("\\")[2]
    return pid, 612, _STARTED, owner, name, path, maker, original, product, f'"{path}" {arguments}'.strip()


def _processes(host: WindowsHost) -> Iterator[Row]:
    owner = _WORDS[host.language]["SYSTEM"]
    is_seen = host.is_administrator
    yield 0, 0, "", "", "System Idle Process", "", "", "", "", ""
    yield 4, 0, _STARTED, "", "System", "", "", "", "", ""
    if is_seen and host.release.build > 17000:
        yield 124, 4, _STARTED, "", "Registry", "", "", "", "", ""
    for pid, name in ((612, "services.exe"), (640, "lsass.exe"), (_RPC, "svchost.exe"), (_TERMINALS, "svchost.exe")):
        row = _process(pid, owner, f"{_SYSTEM32}\\{name}", "Microsoft Corporation", name, _OF_WINDOWS)
        # Programs and command lines of other accounts are shown to administrators only.
        yield row if is_seen else (pid, 612, _STARTED, "", name, "", "", "", "", "")
    for pid, one in _running(host):
        row = _process(pid, owner, one.path, one.publisher, one.original, one.made_as, one.arguments)
        yield row if is_seen else (pid, 612, _STARTED, "", one.path.rpartition("\\")[2], "", "", "", "", "")
    for pid, path in _listening(host):
        yield _process(pid, f"{host.name}\\{_WORDS[host.language]['user']}", path)


def _signers(host: WindowsHost) -> Iterator[Row]:
    for _, one in _running(host):
        yield one.path, "Valid", f"CN={one.publisher}, O={one.publisher}"
    for path in dict.fromkeys(path for _, path in _listening(host)):
        yield path, "NotSigned", ""


def _sockets(host: WindowsHost) -> Iterator[Row]:
    every, every6 = "0.0.0.0", "::"
    for port, pid in ((135, _RPC), (445, 4), (5985, 4)):
        yield "tcp", every6, port, every6, 0, 2, pid
    if host.has_remote_desktop:
        for address in (every, every6):
            yield "tcp", address, host.remote_desktop_port, address, 0, 2, _TERMINALS
            yield "udp", address, host.remote_desktop_port, _TERMINALS
    for pid, one in _running(host):
        for port in one.ports:
            yield "tcp", every, port, every, 0, 2, pid
    for (pid, _), other in zip(_listening(host), host.listeners, strict=True):
        if other.protocol == "tcp":
            yield "tcp", other.address, other.port, every6 if ":" in other.address else every, 0, 2, pid
        else:
            yield "udp", other.address, other.port, pid
    yield "tcp", host.address, 5985, "192.0.2.2", 51515, 5, 4


def _uninstall(host: WindowsHost) -> Iterator[Row]:
    properties = _asked("software.uninstall", "entry")
    known = [PROGRAMS[name] for name in (*host.running, *host.installed)]
    entries = [(one.key, one.title, one.version, one.publisher, f'"{one.path}" --uninstall') for one in known]
    zipped = ("{23170F69-40C1-2702-2408-000001000000}", "7-Zip 24.08 (x64 edition)", "24.08.00.0", "Igor Pavlov", "")
    for key, title, version, publisher, removal in (zipped, *entries):
        values = {
            "DisplayName": title, "DisplayVersion": version, "Publisher": publisher, "InstallDate": "20260314",
            "UninstallString": removal,
        }  # fmt: skip
        yield "", key, *(values.get(name, "") for name in properties)


def _services(host: WindowsHost) -> Iterator[Row]:
    words = _WORDS[host.language]
    shared = [
        ("RpcSs", "Auto", "NT AUTHORITY\\NetworkService", words["RpcSs"], f"{_SVCHOST} -k RPCSS -p", _RPC),
        ("TermService", "Manual", "NT Authority\\NetworkService", words["TermService"], f"{_SVCHOST} -k termsvcs",
         _TERMINALS),
        ("Spooler", "Auto", "LocalSystem", words["Spooler"], f"{_SYSTEM32}\\spoolsv.exe", 0),
    ]  # fmt: skip
    shared += [
        (one.service, "Auto", "LocalSystem", one.title, f'"{one.path}" {one.arguments}'.strip(), pid)
        for pid, one in _running(host) if one.service is not None
    ]  # fmt: skip
    shared += [
        (one.service, "Disabled", "LocalSystem", one.title, f'"{one.path}" {one.arguments}'.strip(), 0)
        for one in (PROGRAMS[name] for name in host.installed) if one.service is not None
    ]  # fmt: skip
    shared += [
        (one.name, one.start, one.account, one.display or one.name, one.command, 3000 if one.is_running else 0)
        for one in host.services
    ]
    for name, start, account, display, command, pid in shared:
        values = {
            "Name": name, "StartMode": start, "State": "Running" if pid else "Stopped", "StartName": account,
            "DisplayName": display, "PathName": command, "ProcessId": pid,
        }  # fmt: skip
        yield tuple(values[asked] for asked in _asked("services.windows", "service"))


def _administrators(host: WindowsHost) -> Iterator[Row]:
    words = _WORDS[host.language]
    yield "group", "S-1-5-32-544", words["Administrators"]
    yield "member", _sid(host, 500), f"{host.name}\\{words['Administrator']}"
    yield "member", _sid(host, 512), "EXAMPLE\\Domain Admins"


def _network(host: WindowsHost) -> Iterator[Row]:
    alias, loopback = _WORDS[host.language]["Ethernet"], "Loopback Pseudo-Interface 1"
    network = host.address.rpartition(".")[0]
    for index, name in ((12, alias), (1, loopback)):
        for family in ("IPv4", "IPv6"):
            yield "interface", index, family, "Connected", "Disabled", "Disabled", name
    yield "adapter", 12, 6, "{8BD0E0F4-9E44-4B7C-8C6B-000000000012}", "Intel(R) Ethernet Connection I219-LM"
    yield "address", 12, host.address, 24, "Preferred"
    yield "address", 12, "fe80::1c2d:3e4f:5a6b:7c8d%12", 64, "Preferred"
    yield "address", 1, "127.0.0.1", 8, "Preferred"
    yield "address", 1, "::1", 128, "Preferred"
    yield "route", 12, "0.0.0.0/0", f"{network}.1"
    yield "route", 12, f"{network}.0/24", "0.0.0.0"
    yield "route", 12, "ff00::/8", "::"
    yield "route", 1, "127.0.0.0/8", "0.0.0.0"
    yield ("asked",)


def _names(host: WindowsHost) -> Iterator[Row]:
    del host
    yield "name", "dc1.example.org", "dc1.example.org", 1, "192.0.2.2"
    yield ("asked",)


def _remote_desktop(host: WindowsHost) -> Iterator[Row]:
    terminals = f"{_CONTROL}\\Terminal Server"
    listener = f"{terminals}\\WinStations\\RDP-Tcp"
    parameters = "HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services\\TermService\\Parameters"
    yield "value", "host", terminals, "fDenyTSConnections", int(not host.has_remote_desktop)
    if not host.release.is_server:
        yield "value", "help", f"{_CONTROL}\\Remote Assistance", "fAllowToGetHelp", 0
    yield "value", "service", parameters, "ServiceDll", "C:\\Windows\\System32\\termsrv.dll"
    for name, value in (
        ("PortNumber", host.remote_desktop_port), ("fEnableWinStation", 1),
        ("UserAuthentication", int(host.needs_authentication)), ("SecurityLayer", 2), ("MinEncryptionLevel", 2),
    ):  # fmt: skip
        yield "value", "listener", listener, name, value
    if not host.release.is_server:
        yield "program", "msra.exe", f"{_SYSTEM32}\\msra.exe"
    yield ("asked",)


def _vnc(host: WindowsHost) -> Iterator[Row]:
    for name in (*host.running, *host.installed):
        yield from PROGRAMS[name].settings
    yield ("asked",)


def _products(host: WindowsHost) -> Iterator[Row]:
    if "anydesk" in (*host.running, *host.installed):
        file = "C:\\ProgramData\\AnyDesk\\system.conf"
        yield "set", "", file, 3, "anydesk", "ad.security.interactive_access", 1
        if host.is_administrator:
            yield "set", "", file.replace("system", "service"), 2, "anydesk", "ad.anynet.pwd_hash", "(set)"
    yield ("asked",)


def _appcontrol(host: WindowsHost) -> Iterator[Row]:
    yield "build", host.release.build
    yield "service", "Stopped" if host.applocker is None else "Running"
    yield "applocker", host.applocker or '<AppLockerPolicy Version="1" />'
    yield "wdac", 2, 0
    if not host.release.is_server:
        yield "policy", "{d2bda982-ccf6-4344-ac5b-0b44427b6816}.cip"
    yield ("asked",)


def _install_policy(host: WindowsHost) -> Iterator[Row]:
    installer, store = "Policies\\Microsoft\\Windows\\Installer", "Policies\\Microsoft\\WindowsStore"
    user = f"HKEY_USERS\\{_sid(host, 1001)}\\SOFTWARE"
    yield "unset", f"{_MACHINE}\\{installer}", "DisableMSI"
    for key in (f"{_MACHINE}\\{installer}", f"{user}\\{installer}"):
        if host.elevates_installers:
            yield "set", key, "AlwaysInstallElevated", 1
        else:
            yield "unset", key, "AlwaysInstallElevated"
    for name in ("DisableUserInstalls", "EnableUserControl"):
        yield "unset", f"{_MACHINE}\\{installer}", name
    for name in ("RemoveWindowsStore", "RequirePrivateStoreOnly", "DisableStoreApps"):
        yield "unset", f"{_MACHINE}\\{store}", name
    system = f"{_MACHINE}\\Microsoft\\Windows\\CurrentVersion\\Policies\\System"
    for name, value in (("EnableLUA", 1), ("ConsentPromptBehaviorUser", 3), ("ConsentPromptBehaviorAdmin", 5)):
        yield "set", system, name, value
    yield "unset", system, "LocalAccountTokenFilterPolicy"
    yield ("asked",)


def _packages(host: WindowsHost) -> Iterator[Row]:
    if not host.release.is_server:
        folder = "C:\\Program Files\\WindowsApps\\Microsoft.WindowsNotepad_11.2409.9.0_x64__8wekyb3d8bbwe"
        maker = "CN=Microsoft Corporation, O=Microsoft Corporation, L=Redmond, S=Washington, C=US"
        family = "Microsoft.WindowsNotepad_8wekyb3d8bbwe"
        users = f"{_sid(host, 1001)}=Installed"
        yield "package", "Microsoft.WindowsNotepad", "11.2409.9.0", "X64", family, maker, "Store", folder, users
    yield ("asked",)


def _profiles(host: WindowsHost) -> Iterator[Row]:
    yield "profile", _sid(host, 1001), "loaded", f"C:\\Users\\{_WORDS[host.language]['user']}"
    for number in range(host.logged_off):
        yield "profile", _sid(host, 1002 + number), "off", f"C:\\Users\\user{number}"
    yield ("asked",)


def _traces(host: WindowsHost) -> Iterator[Row]:
    yield (
        "run",
        "",
        f"{_MACHINE}\\Microsoft\\Windows\\CurrentVersion\\Run",
        "SecurityHealth",
        ("C:\\Windows\\system32\\SecurityHealthSystray.exe"),
    )
    yield "asked", "run"
    folder = "\\Microsoft\\Windows\\Defrag\\"
    yield "task", folder, "ScheduledDefrag", 3, "SYSTEM", "program", "%windir%\\system32\\defrag.exe", "-c -h -o"
    yield "asked", "tasks"
    if host.release.build > 17000:
        for one in (PROGRAMS[name] for name in host.running):
            yield "ran", _sid(host, 1001), "01dd5ad8f1a18000", "\\Device\\HarddiskVolume3" + one.path[2:]
    yield "asked", "bam"


def _sysmon(host: WindowsHost) -> Iterator[Row]:
    if not host.has_sysmon:
        return
    time = "2026-11-20T08:00:01.1234567Z"
    yield "read", "programs"
    yield "read", "connections"
    system = _WORDS[host.language]["SYSTEM"]
    yield "program", time, 40, system, "svchost.exe", "Microsoft Corporation", _OF_WINDOWS, _SVCHOST
    for one in (PROGRAMS[name] for name in host.running):
        yield "program", time, 2, system, one.original or "-", one.publisher, one.made_as or "-", one.path
    yield "peer", time, 9, system, "true", "192.0.2.2", "dc1.example.org", 389, _SVCHOST
    yield ("asked",)


def _logons(host: WindowsHost) -> Iterator[Row]:
    for log in ("Security", "System", _SESSIONS):
        yield "log", log, "on", 31000, "2026-01-02T03:04:05.1234567Z"
    if host.has_sysmon:
        yield "log", _SYSMON, "on", 31000, "2026-01-02T03:04:05.1234567Z"
    else:
        yield "missing", _SYSMON
    for time, user, address in host.logons:
        yield "logon", time, 10, user, address
    yield "read", "Security"
    for one in (PROGRAMS[name] for name in host.running):
        if one.service is not None:
            yield "install", "System", "2026-11-19T09:00:00.0000000Z", one.service, "LocalSystem", f'"{one.path}"'
    yield "read", "System"
    yield "session", "2026-11-26T08:06:00.0000000Z", 21, f"{host.name}\\user", _WORDS[host.language]["LOCAL"]
    for time, user, address in host.logons:
        yield "session", time, 21, user, address
    yield "read", _SESSIONS
    yield ("asked",)


SECTIONS: dict[str, Callable[[WindowsHost], Iterable[Row]]] = {
    "system.windows": _version,
    "processes.windows": _processes,
    "processes.signers": _signers,
    "processes.sysmon": _sysmon,
    "sockets.windows": _sockets,
    "software.uninstall": _uninstall,
    "software.appx": _packages,
    "software.logged_off": _profiles,
    "services.windows": _services,
    "services.traces": _traces,
    "accounts.administrators": _administrators,
    "accounts.install_policy": _install_policy,
    "firewall.windows": firewall_rows,
    "network.windows": _network,
    "network.dns_cache": _names,
    "appcontrol.windows": _appcontrol,
    "remote_config.products": _products,
    "remote_config.rdp": _remote_desktop,
    "remote_config.vnc": _vnc,
    "logons.windows": _logons,
}
"""What is said by section. One that is not here is answered with ``failed``."""
