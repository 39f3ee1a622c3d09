r"""Settings of agents for support and management, and where they stand: a part of ``product_files.py``."""

from auditor.collect.remote_config.product_form import Grammar, ProductFile

_RUSTDESK_HOMES = (
    "~/.config/rustdesk",
    "~/Library/Preferences/com.carriez.RustDesk",
    r"~\AppData\Roaming\RustDesk\config",
)
_RUSTDESK_SERVICE = r"%SystemRoot%\ServiceProfiles\LocalService\AppData\Roaming\RustDesk\config"
_CHROMOTING = ("host_owner", "host_owner_email", "service_account", "xmpp_login", "host_name", "require_session_authz")
TEAMVIEWER = ("OwningManagerAccountName", "OwningManagerCompanyName", "Security_PasswordStrength")
"""Settings of TeamViewer that are told, of whatever system."""
TEAMVIEWER_SECRETS = (
    "PermanentPassword", "SecurityPasswordAES", "SecurityPasswordExported", "OptionsPasswordAES", "ServerPasswordAES",
)  # fmt: skip
"""Settings of TeamViewer that are secrets."""
_MESH = (
    "MeshServer", "MeshName", "MeshType", "MeshID", "ServerID", "disableUpdate", "jsDebugPort",
    "enableILibRemoteLogging",
)  # fmt: skip
_ORBIT = (
    "ORBIT_FLEET_URL", "ORBIT_ENABLE_SCRIPTS", "ORBIT_INSECURE", "ORBIT_DISABLE_UPDATES", "ORBIT_FLEET_DESKTOP",
)  # fmt: skip
_ZOOM = ("DisableRemoteControl", "DisableRemoteSupport", "EnableShareClipboardWhenRemoteControl", "ForceSSOURL")
_JWRAPPER = "JWrapper-Remote Access/JWAppsSharedConfig"

AGENT_FILES: tuple[ProductFile, ...] = (
    ProductFile(
        product="rustdesk", grammar=Grammar.EQUALS,
        secret=("password",),
        linux=(f"{_RUSTDESK_HOMES[0]}/RustDesk.toml",),
        macos=(f"{_RUSTDESK_HOMES[1]}/RustDesk.toml",),
        windows=(f"{_RUSTDESK_HOMES[2]}\\RustDesk.toml", f"{_RUSTDESK_SERVICE}\\RustDesk.toml"),
        source="public scripts that set the password of RustDesk there",
    ),
    ProductFile(
        product="rustdesk", grammar=Grammar.EQUALS,
        told=(
            "rendezvous_server", "custom-rendezvous-server", "relay-server", "api-server", "key", "direct-server",
            "direct-access-port", "whitelist", "id-whitelist", "verification-method", "approve-mode", "access-mode",
            "allow-auto-update", "enable-keyboard", "enable-tunnel", "enable-file-transfer", "enable-terminal",
            "enable-lan-discovery", "enable-remote-restart", "allow-remote-config-modification",
            "allow-only-conn-window-open", "allow-hide-cm", "allow-linux-headless", "stop-service",
        ),
        secret=("unlock_pin",),
        linux=(f"{_RUSTDESK_HOMES[0]}/RustDesk2.toml",),
        macos=(f"{_RUSTDESK_HOMES[1]}/RustDesk2.toml",),
        windows=(f"{_RUSTDESK_HOMES[2]}\\RustDesk2.toml", f"{_RUSTDESK_SERVICE}\\RustDesk2.toml"),
        source="names of options (OPTION_*) in public copies of RustDesk's config.rs; places as public scripts have; "
        "stop-service and unlock_pin are general knowledge",
    ),
    ProductFile(
        product="anydesk", grammar=Grammar.EQUALS,
        told=(
            "ad.anynet.id", "ad.anynet.alias", "ad.security.interactive_access", "ad.security.acl_enabled",
            "ad.security.acl_list", "ad.security.allow_logon_token", "ad.features.unattended", "ad.discovery.hidden",
            "ad.security.permission_profiles.*.permissions.*",
        ),
        secret=(
            "ad.anynet.pwd_hash", "ad.anynet.pwd_salt", "ad.anynet.token_salt", "ad.security.pwd", "*.pwd", "*.salt",
            "ad.security.unattended_access_password_hash",
        ),
        linux=(
            "/etc/anydesk/system.conf", "/etc/anydesk/service.conf",
            "/etc/anydesk_ad_*/system.conf", "/etc/anydesk_ad_*/service.conf",
            "~/.anydesk/system.conf", "~/.anydesk/service.conf", "~/.anydesk/user.conf",
        ),
        macos=(
            "/etc/anydesk/system.conf", "/etc/anydesk/service.conf",
            "~/.anydesk/system.conf", "~/.anydesk/service.conf", "~/.anydesk/user.conf",
        ),
        windows=(
            r"%ProgramData%\AnyDesk\system.conf", r"%ProgramData%\AnyDesk\service.conf",
            r"%ProgramData%\AnyDesk\ad_*\system.conf", r"%ProgramData%\AnyDesk\ad_*\service.conf",
            r"~\AppData\Roaming\AnyDesk\system.conf", r"~\AppData\Roaming\AnyDesk\service.conf",
            r"~\AppData\Roaming\AnyDesk\user.conf",
        ),
        source="public scripts and forensic notes agree on names and places; /etc/anydesk_ad_* and "
        "/etc/anydesk of macOS are general knowledge",
    ),
    ProductFile(
        product="teamviewer", grammar=Grammar.TYPED, told=TEAMVIEWER, secret=TEAMVIEWER_SECRETS,
        linux=("/opt/teamviewer/config/global.conf",),
        source="a public PowerShell function that reads the file (its form and place); that names are as on Windows is "
        "general knowledge",
    ),
    ProductFile(
        product="teamviewer", grammar=Grammar.PLIST, told=TEAMVIEWER, secret=TEAMVIEWER_SECRETS,
        macos=("/Library/Preferences/com.teamviewer.teamviewer.preferences.plist",),
        source="public scripts of administrators (extension attributes) that read OwningManagerAccountName there",
    ),
    ProductFile(
        product="meshcentral", grammar=Grammar.EQUALS, told=_MESH,
        linux=(
            "/usr/local/mesh_services/*/*.msh", "/usr/local/mesh/*.msh", "/opt/tacticalmesh/*.msh",
        ),
        macos=("/usr/local/mesh_services/*/*.msh", "/opt/tacticalmesh/*.msh"),
        windows=(r"%ProgramFiles%\Mesh Agent\*.msh",),
        source="MeshAgent, readme.md (keys); MeshCentral 1.1.55 and Tactical RMM, scripts that install the agent; "
        "/usr/local/mesh_services is general knowledge",
    ),
    ProductFile(
        product="chrome-remote-desktop", grammar=Grammar.JSON,
        told=_CHROMOTING, secret=("private_key", "host_secret_hash", "oauth_refresh_token"),
        linux=("~/.config/chrome-remote-desktop/host#*.json",),
        macos=("/Library/PrivilegedHelperTools/org.chromium.chromoting.json",),
        windows=(r"%ProgramData%\Google\Chrome Remote Desktop\host.json",),
        source="Chromium, remoting/host/host_config.cc",
    ),
    ProductFile(
        product="screenconnect", grammar=Grammar.PARAMETERS, told=("h", "p", "e"),
        linux=(
            "/opt/connectwisecontrol-*/ClientLaunchParameters.txt", "/opt/screenconnect-*/ClientLaunchParameters.txt",
        ),
        source="public modules for ConnectWise Control's interface, which name the file and where it lies",
    ),
    ProductFile(
        product="tactical-rmm", grammar=Grammar.JSON, told=("baseurl", "apiurl", "agentid", "meshdir", "insecure"),
        secret=("token",),
        linux=("/etc/tacticalagent",),
        macos=("/etc/tacticalagent",),
        source="amidaware/rmmagent, agent/install_linux.go; that a Mac has the same file is general knowledge",
    ),
    ProductFile(
        product="nomachine", grammar=Grammar.BLANK,
        told=(
            "AcceptedAuthenticationMethods", "EnablePasswordDB", "NXPort", "PhysicalDesktopAuthorization",
            "VirtualDesktopAuthorization", "EnableNetworkBroadcast",
        ),
        linux=("/usr/NX/etc/server.cfg", "/usr/NX/etc/node.cfg"),
        windows=(r"%ProgramFiles%\NoMachine\etc\server.cfg", r"%ProgramFiles%\NoMachine\etc\node.cfg"),
        source="public scripts that write server.cfg on Linux and Windows; EnableNetworkBroadcast is general knowledge",
    ),
    ProductFile(
        product="netsupport", grammar=Grammar.EQUALS, told=("GatewayAddress", "silent", "SysTray", "DisableDisconnect"),
        windows=(r"%ProgramFiles%\NetSupport\NetSupport Manager\client32.ini",),
        source="public analyses of incidents that show the file",
    ),
    ProductFile(
        product="ehorus", grammar=Grammar.BLANK,
        told=("eh_user", "eh_address", "prov_address", "session_timeout"), secret=("password", "*_password"),
        linux=("/etc/ehorus/ehorus_agent.conf",),
        macos=("/usr/local/ehorus_agent/ehorus_agent.conf",),
        windows=(r"%ProgramFiles%\ehorus_agent\ehorus_agent.conf",),
        source="vendor's manual (Pandora RC, advanced settings and on-premise): places, password, session_timeout, "
        "eh_address; the others as the catalogue's entry says",
    ),
    ProductFile(
        product="fleetd", grammar=Grammar.EQUALS, told=_ORBIT, secret=("ORBIT_ENROLL_SECRET",),
        linux=("/etc/default/orbit",),
        source="fleetdm/fleet, orbit/pkg/packaging/linux_shared.go",
    ),
    ProductFile(
        product="fleetd", grammar=Grammar.PLIST,
        told=tuple(f"EnvironmentVariables/{name}" for name in _ORBIT),
        secret=("EnvironmentVariables/ORBIT_ENROLL_SECRET",),
        macos=("/Library/LaunchDaemons/com.fleetdm.orbit.plist",),
        source="fleetdm/fleet, orbit/pkg/packaging: the job of macOS sets the same variables",
    ),
    ProductFile(
        product="zoom", grammar=Grammar.PLIST,
        told=_ZOOM,
        macos=(
            "/Library/Managed Preferences/us.zoom.config.plist", "/Library/Preferences/us.zoom.config.plist",
        ),
        source="vendor's mass deployment of preconfigured settings for Mac, in a public copy of its table",
    ),
    ProductFile(
        product="kaseya-vsa", grammar=Grammar.BLANK, told=("Server_Name", "ServerAddr", "User_Name"),
        secret=("Password", "Agent_Password"),
        macos=("/Library/Preferences/kaseyad.ini",),
        windows=(r"%ProgramFiles%\Kaseya\*\KaseyaD.ini",),
        source="public scripts that read Server_Name and User_Name there, and a module of MunkiReport for macOS; "
        "ServerAddr as the catalogue's entry says",
    ),
    ProductFile(
        product="datto-rmm", grammar=Grammar.JSON, told=("accountUID", "siteUID", "deviceUID"),
        linux=("/opt/CentraStage/AEMAgent/Settings.json", "/usr/local/share/CentraStage/AEMAgent/Settings.json"),
        macos=("/usr/local/share/CentraStage/AEMAgent/Settings.json",),
        windows=(r"%ProgramData%\CentraStage\AEMAgent\Settings.json",),
        source="public programs that read deviceUID and siteUID there; accountUID as the catalogue's entry says; that "
        "Linux has the same file is general knowledge",
    ),
    ProductFile(
        product="n-able-n-central", grammar=Grammar.XML,
        told=("ServerIP", "BackupServerIP", "Protocol", "Port", "ApplianceID"),
        windows=(
            r"%ProgramFiles%\N-able Technologies\Windows Agent\config\ServerConfig.xml",
            r"%ProgramFiles%\N-able Technologies\Windows Agent\config\ApplianceConfig.xml",
        ),
        source="public scripts that read ServerConfig and ApplianceConfig there",
    ),
    ProductFile(
        product="simplehelp", grammar=Grammar.XML, told=("ConnectTo",),
        linux=(f"/opt/{_JWRAPPER}/serviceconfig.xml",),
        macos=(f"/Library/Application Support/{_JWRAPPER}/serviceconfig.xml",),
        windows=(r"%ProgramData%\JWrapper-Remote Access\JWAppsSharedConfig\serviceconfig.xml",),
        source="two public reports of incidents (Windows), one of which names the element; the folders of Linux and "
        "macOS as public lists have them, the file in them is general knowledge",
    ),
    ProductFile(
        product="dwservice", grammar=Grammar.JSON, told=("url_primary",),
        secret=("key", "password", "proxy_password"),
        linux=("/usr/share/dwagent/config.json",),
        macos=("/Library/DWAgent/config.json",),
        windows=(r"%ProgramFiles%\DWAgent\config.json",),
        source="dwservice/agent, core/agent.py (keys) and ui/installer.py (folders)",
    ),
    ProductFile(
        product="sunshine", grammar=Grammar.EQUALS,
        told=("origin_web_ui_allowed", "upnp", "wan_encryption_mode", "lan_encryption_mode", "address_family", "port"),
        linux=("~/.config/sunshine/sunshine.conf",),
        macos=("~/.config/sunshine/sunshine.conf",),
        windows=(r"%ProgramFiles%\Sunshine\config\sunshine.conf",),
        source="LizardByte/Sunshine, docs/configuration.md; packaging/sunshine.rb; cmake/packaging/windows.cmake",
    ),
    ProductFile(
        product="rport", grammar=Grammar.SECTIONED,
        told=(
            "client.server", "client.fingerprint", "client.allow_root", "remote-commands.enabled",
            "remote-scripts.enabled", "file-reception.enabled",
        ),
        secret=("client.auth",),
        linux=("/etc/rport/rport.conf",),
        macos=("/etc/rport/rport.conf",),
        windows=(r"%ProgramFiles%\rport\rport.conf",),
        source="openrport/openrport, rport.example.conf and opt/resource/Product.wxs; the place on a Mac is general "
        "knowledge",
    ),
)  # fmt: skip
"""Files of agents that let a helper or a manager in."""
