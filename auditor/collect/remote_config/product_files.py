r"""Which settings of remote-access products are told, and where they stand: the table of ``remote_config.products``.

A key that is told may hold ``*``. A key of ``secret`` is told as ``(set)`` where it holds anything, and its value never
leaves the host; secret goes before told. What is named nowhere is not told. Files that VNC and RDP servers read are
``remote_config.servers``'s and ``remote_config.vnc``'s.
"""

from fnmatch import fnmatchcase

from auditor.collect.remote_config.product_agents import AGENT_FILES
from auditor.collect.remote_config.product_form import ProductFile, ProductKey
from auditor.collect.remote_config.product_keys import KEYS
from auditor.collect.remote_config.product_tunnels import TUNNEL_FILES
from auditor.model.host import OsFamily

FILES: tuple[ProductFile, ...] = (*AGENT_FILES, *TUNNEL_FILES)
"""Files of every product, in the order in which they are looked for."""


def is_told(product: str, key: str, os: OsFamily) -> bool:
    """Tell whether a setting of a product is told on an operating system, wherever it stands."""
    rows: list[ProductFile | ProductKey] = [one for one in FILES if one.product == product and places(one, os)]
    rows += [one for one in KEYS if one.product == product and os is OsFamily.WINDOWS]
    return any(tells(one, key) for one in rows)


def tells(one: ProductFile | ProductKey, key: str) -> bool:
    """Tell whether a row tells a setting of this name, or that it is set."""
    worded = one.worded if isinstance(one, ProductFile) else ()
    return any(fnmatchcase(key.lower(), name.lower()) for name in (*one.told, *worded, *one.secret))


def places(one: ProductFile, os: OsFamily) -> tuple[str, ...]:
    """Return where the files of a row are on an operating system."""
    return {OsFamily.LINUX: one.linux, OsFamily.MACOS: one.macos, OsFamily.WINDOWS: one.windows}[os]
