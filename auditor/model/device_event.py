"""What a tool on a device, or beside it, wrote down of one process, connection, question or service."""

from datetime import datetime
from enum import StrEnum

from auditor.model.host import OsFamily
from auditor.model.outside import Side
from auditor.model.record import Record


class EventKind(StrEnum):
    """What an event is of."""

    PROCESS = "process"
    """A program was started, or was there."""
    IMAGE = "image"
    """A program file was loaded."""
    CONNECTION = "connection"
    """A process is connected."""
    QUESTION = "question"
    """A name was asked for."""
    SERVICE = "service"
    """A service was installed."""


class DeviceEvent(Record, kw_only=True):
    """One event. All its texts are hostile; empty where the record does not say."""

    source: str
    """Format and kind of the record, such as ``sysmon_1``."""
    kind: EventKind
    """What it is of."""
    system: OsFamily | None
    """Operating system of the device; None where the record may be of any."""
    device: str
    """Whose it is."""
    at: datetime
    """When, UTC."""
    image: str = ""
    """Path of the program's file, or its name."""
    command: str = ""
    """Command line."""
    original: str = ""
    """Original file name in the version resource."""
    company: str = ""
    """Company name there."""
    product_name: str = ""
    """Product name there."""
    signer: str = ""
    """Who signed the file."""
    user: str = ""
    """Account."""
    parent: str = ""
    """Path of the program that started it, or its name."""
    parent_command: str = ""
    """Command line of that."""
    task: str = ""
    """Scheduled task that started it."""
    service: str = ""
    """Name of the service."""
    side: Side = Side.NONE
    """Which end of a connection the device was."""
    domain: str = ""
    """Name of the far end, or the name that was asked for; may hold an address with scheme and path."""
    address: str = ""
    """Address of the far end."""
    port: int | None = None
    """Port of the end that was connected to."""
    protocol: str = ""
    """``tcp`` or ``udp``, in lower case."""


class RefusedRecord(Record, kw_only=True):
    """A record that could not be read."""

    number: int
    """Its number in the file, from 1; of a file of lines, the line's."""
    reason: str
    """Why, for people; may quote hostile text."""
