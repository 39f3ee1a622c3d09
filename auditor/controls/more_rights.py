"""What an operator does to get what rights kept back, in the words of the host's operating system."""

from auditor.model.case import Case
from auditor.model.host import OsFamily


def more_rights(case: Case) -> str:
    """Say with which rights the audit sees it."""
    if case.head.os is OsFamily.WINDOWS:
        return "Audit the host as an administrator whose token is whole (docs/windows.md)."
    if case.head.os is OsFamily.MACOS:
        return "Run the audit with sudo, and give the SSH server Full Disk Access (docs/macos.md)."
    return "Run the audit as root or with sudo."
