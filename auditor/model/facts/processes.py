"""What is running on a host."""

from datetime import datetime

from auditor.model.record import Record


class Process(Record, kw_only=True):
    """One running process."""

    pid: int
    """Process id in the namespace of the probe."""
    parent: int
    """Process id of its parent; 0 for none."""
    user: str
    """Name of the effective user, or the number where it has no name."""
    uid: int | None = None
    """Number of the effective user (Linux, macOS); None on Windows."""
    name: str
    """Short name the kernel keeps: 15 bytes on Linux, the image's file name on Windows."""
    executable: str | None = None
    """Path of the program; None when it could not be read or there is none (a kernel thread)."""
    deleted: bool = False
    """Whether the program's file is gone from the disk while it runs."""
    is_kernel: bool = False
    """Whether it is a thread of the kernel, which has no program."""
    arguments: str = ""
    """Command line, redacted, arguments parted by a space."""
    started: str = ""
    """When it began, UTC, as ``2026-11-25T08:05:11Z``; empty when not known."""
    cgroup: str | None = None
    """Control group path (Linux): tells unit and container; None when not read."""
    namespace: str | None = None
    """Network namespace as ``net:[number]`` (Linux); None when not read."""
    signer: str | None = None
    """Who signed the program (macOS, Windows); None when not asked."""
    company: str | None = None
    """Company name in the program's version resource (Windows)."""
    original_name: str | None = None
    """Original file name in the program's version resource (Windows): tells a renamed tool."""
    product_name: str | None = None
    """Product name in the program's version resource (Windows)."""


class ProgramSignature(Record, kw_only=True):
    """What Windows says of the signature of a program that runs."""

    path: str
    """Path of the program."""
    status: str
    """``Valid``, ``NotSigned``, ``HashMismatch``, ``NotTrusted``, …; empty where it could not be read."""
    signer: str | None = None
    """Subject of the certificate that signed it; None where there is none."""

    @property
    def is_valid(self) -> bool:
        """Tell whether the file is unchanged, and its signer one whom the host trusts."""
        return self.status == "Valid" and bool(self.signer)


class ProgramTrace(Record, kw_only=True):
    """A record of the host that a program ran, whether or not it still runs or lies on the disk."""

    path: str
    """The program as the record names it: a path that may begin with a device, or the family of a package."""
    when: datetime
    """When it was last seen to run, UTC."""
    user: str
    """Who ran it: a security identifier (``bam``) or a name (``sysmon``)."""
    record: str
    """What keeps the record, such as ``bam``."""
    original_name: str | None = None
    """Original file name in its version resource when it ran; None where the record has none."""
    company: str | None = None
    """Company name there; None where the record has none."""
    product_name: str | None = None
    """Product name there; None where the record has none."""
    times: int = 1
    """Records of it that were read, of which this is the newest."""
