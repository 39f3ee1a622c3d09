"""What VNC servers of Windows are told, where that lets anybody in: settings in the registry and in ultravnc.ini.

Sources: TightVNC 2 for Windows, "Installation from command line"; UltraVNC documentation, ultravnc.ini; RealVNC
Connect, "Server parameter reference"; TigerVNC's WinVNC, ``-showparams``.
"""

from collections.abc import Iterator

from auditor.controls.server_doors import lets_anyone_in, types_of
from auditor.model.case import Case
from auditor.model.facts.remote_config import RemoteAccessSetting
from auditor.model.reading import Found
from auditor.model.verdict import Severity, Violation

SECTION = "remote_config.vnc"
"""Where these settings are read."""
_SWITCHES = {"tightvnc": "usevncauthentication", "ultravnc": "authrequired"}
_LISTS = {"realvnc": "authentication", "tigervnc": "securitytypes"}
_LOOPBACK = {"tightvnc": "loopbackonly", "ultravnc": "loopbackonly", "tigervnc": "localhost", "realvnc": ""}
_Rows = dict[str, Found[RemoteAccessSetting]]


def windows_vnc(case: Case) -> Iterator[Violation]:
    """Yield each place whose settings tell a VNC server to ask for nothing."""
    places: dict[tuple[str, str], _Rows] = {}
    for found in case.reading.found(RemoteAccessSetting):
        if found.section == SECTION:
            places.setdefault((found.fact.product, found.fact.file), {})[found.fact.key.lower()] = found
    for (product, file), rows in places.items():
        key = _SWITCHES.get(product) or _LISTS.get(product)
        found_key = rows.get(key or "")
        if found_key is None or not _is_open(product, found_key.fact.value):
            continue
        if _is(rows, "acceptrfbconnections", "0"):
            continue
        is_local = _is(rows, _LOOPBACK[product], "1")
        yield Violation(
            subject=f"setting:{file}:{found_key.fact.key}",
            reason=f"{found_key.fact.key} lets in whoever reaches the VNC server ({file}).",
            proof=(case.reading.quote(found_key),),
            remediation=("Switch the server's authentication on and give it a password, or remove the server.",),
            severity=Severity.MEDIUM if is_local else Severity.HIGH,
            product=product,
        )


def _is(rows: _Rows, key: str, value: str) -> bool:
    return key in rows and rows[key].fact.value.strip() == value


def _is_open(product: str, value: str) -> bool:
    if product in _SWITCHES:
        return value.strip() == "0"
    return lets_anyone_in(types_of(value.replace("+", ",")))
