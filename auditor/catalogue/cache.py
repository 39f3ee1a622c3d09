"""Where the compiled catalogue is kept between runs, so that its files are parsed once."""

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from auditor import __version__
from auditor.catalogue.entry import read_catalogue, write_catalogue
from auditor.catalogue.product import Catalogue

_LAYOUT = 3


def user_cache(environ: Mapping[str, str]) -> Path | None:
    """Return the user's cache folder for the auditor, None where no home is known."""
    given = environ.get("XDG_CACHE_HOME", "")
    if given.startswith("/"):
        return Path(given) / "auditor"
    home = environ.get("HOME", "")
    return Path(home) / ".cache" / "auditor" if home.startswith("/") else None


def cache_file(folder: Path, texts: Iterable[tuple[str, str]]) -> Path:
    """Name the cache of these file names and texts under this version of the tool."""
    digest = hashlib.sha256(f"{_LAYOUT}\n{__version__}\n".encode())
    for name, text in texts:
        digest.update(f"{len(name)} {len(text)}\n{name}\n{text}\n".encode(errors="surrogateescape"))
    return folder / f"catalogue-{digest.hexdigest()[:32]}.json"


def recall(file: Path) -> Catalogue | None:
    """Return the catalogue that was kept, None when there is none or it is not what was written."""
    try:
        return read_catalogue(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return None


def keep(file: Path, catalogue: Catalogue) -> None:
    """Write the catalogue in one step; a folder that cannot be written costs time at the next start, no more."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=file.parent, prefix=".catalogue-")
    except OSError:
        return
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            # As one text: written piece by piece, it would be encoded by Python, in ten times the time.
            stream.write(json.dumps(write_catalogue(catalogue), ensure_ascii=True, separators=(",", ":")))
        Path(name).replace(file)
    except OSError:
        with suppress(OSError):
            Path(name).unlink()
