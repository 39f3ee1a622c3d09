r"""Settings of products in the registry of Windows: the other part of the table, beside ``product_files.py``."""

from auditor.collect.remote_config.product_agents import TEAMVIEWER, TEAMVIEWER_SECRETS
from auditor.collect.remote_config.product_form import ProductKey

KEYS: tuple[ProductKey, ...] = (
    ProductKey(
        product="teamviewer", keys=("TeamViewer",), told=TEAMVIEWER, secret=TEAMVIEWER_SECRETS,
        source="public scripts that read OwningManagerAccountName; Metasploit's module for names of passwords; "
        "Security_PasswordStrength is general knowledge",
    ),
    ProductKey(
        product="tactical-rmm", keys=("TacticalRMM",), told=("BaseURL", "ApiURL", "AgentID", "Insecure"),
        secret=("Token",),
        source="amidaware/rmmagent, what creates the key of the registry",
    ),
    ProductKey(
        product="atera", keys=(r"ATERA Networks\AlphaAgent",), told=("AccountId", "CompanyId", "IntegratorLogin"),
        source="public scripts and queries (AccountId, IntegratorLogin); CompanyId is a word of the installer",
    ),
    ProductKey(
        product="splashtop", keys=(r"Splashtop Inc.\Splashtop Remote Server",),
        told=("CloudComputerName", "ReqPassword", "ScreenLock"),
        source="public scripts of administrators that set these values",
    ),
    ProductKey(
        product="action1", keys=(r"Action1\Agent",), told=("CustomerId",), secret=("PrivateKey",),
        source="a public analysis of an incident that lists the values of the key",
    ),
    ProductKey(
        product="ninjaone", keys=(r"NinjaRMM LLC\NinjaRMMAgent\Server",), told=("DivisionUID",),
        source="public removal and deployment scripts, as the catalogue's entry says",
    ),
    ProductKey(
        product="kaseya-vsa", keys=(r"Kaseya\PC Monitor",), told=("CustomServerAddress",),
        source="public scripts, as the catalogue's entry says",
    ),
    ProductKey(
        product="pulseway", keys=(r"MMSOFT Design\PC Monitor",), told=("CustomServerAddress",),
        source="public scripts, as the catalogue's entry says",
    ),
    ProductKey(
        product="connectwise-automate", keys=(r"LabTech\Service",), told=("Server Address",),
        source="public modules for the agent, as the catalogue's entry says",
    ),
    ProductKey(
        product="syncro", keys=(r"RepairTech\Syncro",), told=("shop_subdomain",),
        source="public scripts, as the catalogue's entry says",
    ),
    ProductKey(
        product="dameware", keys=(r"DameWare Development\Mini Remote Control Service\Settings",),
        told=("Permission Required", "Allow Only Administrators To Connect"),
        source="an article of the maker's community; public scripts, as the catalogue's entry says",
    ),
    ProductKey(
        product="manageengine-endpoint-central", keys=(r"AdventNet\DesktopCentral\DCAgent\ServerInfo",),
        told=("DCServerName", "DCServerIPAddress", "DCServerSecIPAddress", "DCServerSecurePort"),
        source="a public script that moves agents to another server (the key, DCServerSecIPAddress and the port); "
        "DCServerName as the catalogue's entry says; DCServerIPAddress is general knowledge",
    ),
    ProductKey(
        product="zoom", keys=(r"Policies\Zoom\Zoom Meetings\General", r"Policies\Zoom\Zoom Meetings\Meetings"),
        told=("DisableRemoteControl", "DisableRemoteSupport", "EnableShareClipboardWhenRemoteControl", "ForceSSOURL"),
        source="public scripts of administrators that set values below both keys; that the names are those of macOS, "
        "in either, is general knowledge",
    ),
)  # fmt: skip
"""Keys of the registry, of the machine."""
