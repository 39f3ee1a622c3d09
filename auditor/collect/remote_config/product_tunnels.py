r"""Settings of tunnels, meshes, gateways and editors, and where they stand: a part of ``product_files.py``."""

from auditor.collect.remote_config.product_form import Grammar, ProductFile

_FRP = (
    "serverAddr", "serverPort", "auth.method", "auth.tokenSource.type", "transport.tls.enable", "transport.tls.force",
    "bindAddr", "bindPort", "webServer.addr", "webServer.port", "proxies.type", "proxies.localIP", "proxies.localPort",
    "proxies.remotePort",
)  # fmt: skip
_FRP_SECRETS = ("auth.token", "auth.oidc.clientSecret", "webServer.password", "*.secretKey", "*.httpPassword",
                "*.password")  # fmt: skip
_FRP_LINUX = ("/etc/frp/", "/opt/frp/", "/usr/local/frp/")
_FRP_MACOS = ("/opt/homebrew/etc/frp/", "/usr/local/etc/frp/")
_FRP_WINDOWS = ("%ProgramFiles%\\frp\\",)


def _frp(*folders: str, ending: str) -> tuple[str, ...]:
    """Return where the agent's and the server's file would be, the examples beside them left out."""
    return tuple(f"{folder}{name}.{ending}" for folder in folders for name in ("frpc", "frps"))


TUNNEL_FILES: tuple[ProductFile, ...] = (
    ProductFile(
        product="zerotier", grammar=Grammar.NAME, told=("network",),
        linux=("/var/lib/zerotier-one/networks.d/*.conf",),
        macos=("/Library/Application Support/ZeroTier/One/networks.d/*.conf",),
        windows=(r"%ProgramData%\ZeroTier\One\networks.d\*.conf",),
        source="general knowledge: ZeroTier One keeps a file a network, which its id names",
    ),
    ProductFile(
        product="ngrok", grammar=Grammar.COLON,
        told=("addr", "proto", "url", "domain", "hostname", "region", "remote_management"),
        secret=("authtoken", "api_key"),
        linux=("~/.config/ngrok/ngrok.yml", "~/.ngrok2/ngrok.yml"),
        macos=("~/Library/Application Support/ngrok/ngrok.yml", "~/.ngrok2/ngrok.yml"),
        windows=(r"~\AppData\Local\ngrok\ngrok.yml",),
        source="pyngrok 9.1.0, installer.py and ngrok.py; ~/.ngrok2 and names of addresses are general knowledge",
    ),
    ProductFile(
        product="cloudflared", grammar=Grammar.COLON, told=("tunnel", "hostname", "service"), secret=("token",),
        linux=("/etc/cloudflared/config.yml", "/usr/local/etc/cloudflared/config.yml", "~/.cloudflared/config.yml"),
        macos=("/etc/cloudflared/config.yml", "/usr/local/etc/cloudflared/config.yml", "~/.cloudflared/config.yml"),
        windows=(
            r"~\.cloudflared\config.yml", r"%SystemRoot%\System32\config\systemprofile\.cloudflared\config.yml",
        ),
        source="general knowledge of the vendor's documentation of configuration files",
    ),
    ProductFile(
        product="netbird", grammar=Grammar.JSON,
        told=(
            "ManagementURL.Scheme", "ManagementURL.Host", "ServerSSHAllowed", "EnableSSHRoot", "DisableSSHAuth",
            "ServerVNCAllowed", "DisableVNCApproval", "BlockInbound", "DisableFirewall",
        ),
        secret=("PrivateKey", "PreSharedKey", "SSHKey"),
        linux=("/etc/netbird/config.json", "/var/lib/netbird/default.json", "/var/lib/netbird/*/*.json"),
        macos=("/etc/netbird/config.json", "/var/lib/netbird/default.json", "/var/lib/netbird/*/*.json"),
        windows=(
            r"%ProgramData%\Netbird\config.json", r"%ProgramData%\Netbird\default.json",
            r"%ProgramData%\Netbird\*\*.json",
        ),
        source="netbirdio/netbird, client/internal/profilemanager (config.go, service.go); VNC in later versions",
    ),
    ProductFile(
        product="pagekite", grammar=Grammar.OPTIONS,
        told=("kitename", "insecure", "defaults", "isfrontend", "frontend", "httpd"),
        secret=("kitesecret", "httppass"),
        linux=("/etc/pagekite.d/*.rc", "~/.pagekite.rc"),
        macos=("~/.pagekite.rc",),
        source="Debian 12 package pagekite, /etc/pagekite.d; pagekite.py, what it writes into ~/.pagekite.rc",
    ),
    *(
        ProductFile(
            product="frp", grammar=grammar, told=_FRP, secret=_FRP_SECRETS,
            linux=_frp(*_FRP_LINUX, ending=ending), macos=_frp(*_FRP_MACOS, ending=ending),
            windows=_frp(*windows, ending=ending),
            source="fatedier/frp, conf/frps_full_example.toml and frpc_full_example.toml; Homebrew/homebrew-core, "
            "Formula/frpc.rb; other folders are general knowledge, and so is where it would lie on Windows",
        )
        for grammar, ending, windows in (
            (Grammar.SECTIONED, "toml", _FRP_WINDOWS),
            (Grammar.INDENTED, "y*ml", ()),
            (Grammar.JSON, "json", _FRP_WINDOWS),
        )
    ),
    ProductFile(
        product="frp", grammar=Grammar.SECTIONED,
        told=(
            "common.server_addr", "common.server_port", "common.tls_enable", "common.tls_only",
            "common.authentication_method", "common.bind_addr", "common.bind_port", "common.dashboard_addr",
            "common.dashboard_port", "common.admin_addr", "common.admin_port",
        ),
        secret=(
            "common.token", "common.dashboard_pwd", "common.admin_pwd", "common.oidc_client_secret", "*.sk",
            "*.http_pwd", "*.plugin_passwd", "*.plugin_http_passwd",
        ),
        linux=_frp(*_FRP_LINUX, ending="ini"),
        macos=_frp(*_FRP_MACOS, ending="ini"),
        windows=_frp(*_FRP_WINDOWS, ending="ini"),
        source="fatedier/frp, conf/legacy (frpc_legacy_full.ini, frps_legacy_full.ini); folders as of today's files",
    ),
    ProductFile(
        product="teleport", grammar=Grammar.INDENTED,
        told=(
            "teleport.proxy_server", "teleport.auth_server", "ssh_service.enabled", "app_service.enabled",
            "windows_desktop_service.enabled",
        ),
        secret=("teleport.auth_token", "teleport.join_params.token_name"),
        linux=("/etc/teleport.yaml",),
        macos=("/etc/teleport.yaml",),
        source="gravitational/teleport, docs/pages/reference (config)",
    ),
    ProductFile(
        product="code-server", grammar=Grammar.INDENTED, told=("auth", "bind-addr", "cert"),
        secret=("password", "hashed-password", "github-auth"),
        linux=("~/.config/code-server/config.yaml",),
        macos=("~/.config/code-server/config.yaml",),
        source="coder/code-server, docs/FAQ.md and src/node/cli.ts",
    ),
    ProductFile(
        product="guacamole", grammar=Grammar.SECTIONED,
        told=("server.bind_host", "server.bind_port", "ssl.server_certificate"),
        linux=("/etc/guacamole/guacd.conf",),
        source="apache/guacamole-server, src/guacd/man/guacd.conf.5.in",
    ),
    ProductFile(
        product="guacamole", grammar=Grammar.PROPERTIES,
        told=("guacd-hostname", "guacd-port", "guacd-ssl", "http-auth-header", "extension-priority"),
        secret=("*-password", "*-secret", "*-secret-key"),
        linux=("/etc/guacamole/guacamole.properties",),
        source="general knowledge of the project's manual (configuring Guacamole)",
    ),
    ProductFile(
        product="kasmvnc", grammar=Grammar.INDENTED,
        told=(
            "network.protocol", "network.interface", "network.websocket_port", "network.ssl.require_ssl",
            "network.ssl.pem_certificate",
        ),
        linux=("/etc/kasmvnc/kasmvnc.yaml", "~/.vnc/kasmvnc.yaml"),
        source="kasmtech/KasmVNC, unix/kasmvnc_defaults.yaml and unix/vncserver",
    ),
    ProductFile(
        product="xpra", grammar=Grammar.EQUALS, worded=("TCP_AUTH",),
        linux=("/etc/default/xpra",),
        source="Debian 12 package xpra 3.1.3-0.1, /etc/default/xpra and xpra.service",
    ),
    ProductFile(
        product="xpra", grammar=Grammar.EQUALS, worded=("auth", "tcp-auth", "ws-auth", "wss-auth", "ssl-auth"),
        linux=("/etc/xpra/*.conf", "/etc/xpra/conf.d/*.conf", "~/.xpra/*.conf", "~/.config/xpra/*.conf"),
        source="Debian 12 package xpra 3.1.3-0.1, /etc/xpra/conf.d and xpra(1); folders of homes are general knowledge",
    ),
)  # fmt: skip
"""Files of what carries connections past the firewall, and of servers that a browser reaches."""
