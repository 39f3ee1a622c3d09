"""Events as other tools record them, made of the catalogue, and of programs that are none of its products."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from auditor.catalogue.product import Catalogue, IndicatorKind, Product, Strength
from auditor.model.host import OsFamily


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """One event, in no tool's words."""

    product: str
    """Product that it is of; empty for one of none."""
    system: OsFamily
    kind: str
    """``process``, ``connection`` or ``question``."""
    image: str = ""
    original: str = ""
    company: str = ""
    name: str = ""
    command: str = ""
    host: str = ""
    port: int = 0
    more: dict[str, str] = field(default_factory=dict)

    def sysmon(self) -> dict[str, str]:
        """Return it as Sysmon records it: Sigma's generic fields are the same."""
        code = {"process": "1", "connection": "3", "question": "22"}[self.kind]
        source = "sysmon:linux" if self.system is OsFamily.LINUX else "WinEventLog:Microsoft-Windows-Sysmon/Operational"
        found = {"EventCode": code, "sourcetype": source, "Image": self.image}
        if self.kind == "process":
            found |= {"OriginalFileName": self.original, "Company": self.company, "Product": self.name}
            found |= {"CommandLine": self.command}
        if self.kind == "connection":
            found |= {"DestinationHostname": self.host, "DestinationPort": str(self.port), "Protocol": "tcp"}
        if self.kind == "question":
            found |= {"QueryName": self.host}
        return found

    def defender(self) -> tuple[str, dict[str, str]]:
        """Return the table of Defender that it stands in, and its columns."""
        by = "Process" if self.kind == "process" else "InitiatingProcess"
        columns = {
            f"{by}VersionInfoOriginalFileName": self.original,
            f"{by}VersionInfoCompanyName": self.company,
            f"{by}VersionInfoProductName": self.name,
            f"{by}CommandLine": self.command,
        }
        program = self.image.replace("\\", "/").rpartition("/")[2]
        if self.kind == "process":
            return "DeviceProcessEvents", columns | {"FileName": program, "FolderPath": self.image}
        columns |= {"InitiatingProcessFileName": program, "InitiatingProcessFolderPath": self.image}
        columns |= {"RemoteUrl": self.host, "RemotePort": str(self.port), "Protocol": "Tcp"}
        return "DeviceNetworkEvents", columns

    @property
    def category(self) -> str:
        """Return Sigma's category of it."""
        return {"process": "process_creation", "connection": "network_connection", "question": "dns_query"}[self.kind]


def of_catalogue(catalogue: Catalogue) -> Iterator[Happened]:
    """Yield a process and a connection for each strong name and path of each product."""
    for product in catalogue.products:
        if not product.is_fallback and product.replaced_by is None:
            yield from _of_product(product)


def _of_product(product: Product) -> Iterator[Happened]:
    for one in product.indicators:
        if one.strength is not Strength.STRONG or one.kind not in (IndicatorKind.PROCESS, IndicatorKind.EXECUTABLE):
            continue
        text = one.value.replace("*", "x7")
        if one.kind is IndicatorKind.PROCESS:
            text = f"C:\\Users\\ada\\{text}" if one.os is OsFamily.WINDOWS else f"/home/ada/{text}"
        yield Happened(product=product.id, system=one.os, kind="process", image=text)
        yield Happened(product=product.id, system=one.os, kind="connection", image=text, host="h.example", port=443)


_WINDOWS = "C:\\Windows\\System32\\"
_MICROSOFT = ("Microsoft Corporation", "Microsoft\xae Windows\xae Operating System")
CLEAN = [
    *(
        Happened(
            product="",
            system=OsFamily.WINDOWS,
            kind="process",
            image=f"{_WINDOWS}{name}",
            original=name,
            company=_MICROSOFT[0],
            name=_MICROSOFT[1],
            command=f"{name} -k netsvcs",
        )
        for name in (
            "svchost.exe",
            "lsass.exe",
            "explorer.exe",
            "cmd.exe",
            "services.exe",
            "msiexec.exe",
            "dllhost.exe",
        )
    ),
    *(
        Happened(product="", system=OsFamily.LINUX, kind="process", image=path, command=path)
        for path in (
            "/usr/bin/bash",
            "/usr/sbin/cron",
            "/usr/bin/python3.11",
            "/usr/lib/systemd/systemd",
            "/usr/bin/vi",
        )
    ),
    *(
        Happened(product="", system=OsFamily.MACOS, kind="process", image=path, command=path)
        for path in (
            "/bin/zsh",
            "/usr/libexec/xpcproxy",
            "/System/Library/CoreServices/Finder.app/Contents/MacOS/Finder",
        )
    ),
    Happened(
        product="",
        system=OsFamily.WINDOWS,
        kind="connection",
        image="C:\\Program Files\\Mozilla Firefox\\firefox.exe",
        company="Mozilla Corporation",
        name="Firefox",
        host="www.example.org",
        port=443,
    ),
    Happened(product="", system=OsFamily.WINDOWS, kind="question", image=f"{_WINDOWS}svchost.exe", host="example.org"),
    Happened(product="", system=OsFamily.LINUX, kind="connection", image="/usr/bin/curl", host="deb.example", port=80),
]
"""What a machine without remote access does."""

SEEDS = [
    *(
        Happened(
            product=product, system=OsFamily.WINDOWS, kind="process", image=f"C:\\Users\\ada\\Downloads\\{program}"
        )
        for product, program in (
            ("teamviewer", "TeamViewer.exe"),
            ("anydesk", "AnyDesk.exe"),
            ("ammyy-admin", "Ammyy_Admin.exe"),
        )
    ),
    *(
        Happened(product=product, system=OsFamily.WINDOWS, kind="question", image=f"{_WINDOWS}svchost.exe", host=host)
        for product, host in (
            ("teamviewer", "router7.teamviewer.com"),
            ("anydesk", "relay-1.net.anydesk.com"),
            ("screenconnect", "instance-abc.screenconnect.com"),
            ("screenmeet", "edge.screenmeet.com"),
        )
    ),
    Happened(
        product="teamviewer",
        system=OsFamily.WINDOWS,
        kind="connection",
        image="C:\\Windows\\Temp\\renamed.exe",
        host="",
        port=5938,
    ),
    Happened(
        product="screenmeet",
        system=OsFamily.WINDOWS,
        kind="connection",
        image="C:\\Users\\ada\\renamed.exe",
        company="Projector Inc.",
        name="ScreenMeet Support",
        host="cloud.screenmeet.com",
        port=443,
    ),
]
"""What the analytics of T1219.002 look for (Sysmon 1, 3 and 22), and a hunt for ScreenMeet in Defender's tables."""
