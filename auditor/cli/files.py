"""Reading the operator's files: a text, or a sentence that says why not."""

from pathlib import Path

from auditor.errors import UsageError


def read_text(path: Path) -> str:
    """Return a UTF-8 file's text."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: is not UTF-8 text (byte {error.start})") from error
