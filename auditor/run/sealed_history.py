"""A sealed history read in part: of a large fleet it holds very many findings, and these stay the text that they are.

It is written by ``auditor.run.history`` and, where sets of evidence are merged, by ``auditor.run.merge``.
"""

import json
from collections.abc import Iterator, Mapping

import msgspec

Text = msgspec.Raw
"""A part of a text that is JSON; ``bytes`` of it gives that part."""
_NULL = Text(b"null")


class _Hosts(msgspec.Struct):
    hosts: dict[str, Text]
    pasts: dict[str, Text] = {}


def hosts_told(history: str) -> dict[str, bytes]:
    """Read what a history says of hosts; its findings are passed over.

    Returns host key to a list in JSON: the instants of the first run that had the host in scope and of the last that it
    was complete in; and what is known of its products, null where that is nothing.
    """
    try:
        told = msgspec.json.decode(history, type=_Hosts)
    except msgspec.MsgspecError:
        # Half of a character, which it does not read.
        whole = json.loads(history)
        told = _Hosts(hosts=_texts(whole["hosts"]), pasts=_texts(whole.get("pasts", {})))
    # Copied: a part of a text keeps all of it in memory.
    return {key: b"[%b,%b]" % (bytes(seen), bytes(told.pasts.get(key, _NULL))) for key, seen in told.hosts.items()}


def _texts(rows: Mapping[str, object]) -> dict[str, Text]:
    return {key: Text(json.dumps(row).encode()) for key, row in rows.items()}


class Head(msgspec.Struct):
    """What tells where a finding belongs, and the text of its row."""

    fingerprint: str
    """Its name."""
    host: str
    """Name that its host had."""
    control: str
    """Control that was broken."""
    subject: str
    """What broke it."""
    row: Text = Text()
    """The row, whole."""


class _Findings(msgspec.Struct):
    findings: list[Text]


class Heads:
    """The heads of findings in their order, read anew each time."""

    def __init__(self, rows: list[Text]) -> None:
        """Take the text of each row."""
        self._rows = rows

    def __iter__(self) -> Iterator[Head]:
        for row in self._rows:
            head = _head(row)
            head.row = row
            yield head


def findings_told(history: str) -> Heads:
    """Read what a history says of findings, as far as it takes to tell where each belongs."""
    try:
        return Heads(msgspec.json.decode(history, type=_Findings).findings)
    except msgspec.MsgspecError:
        return Heads([Text(json.dumps(row).encode()) for row in json.loads(history)["findings"]])


def _head(row: Text) -> Head:
    try:
        return _DECODE(row)
    except msgspec.MsgspecError:
        values = json.loads(bytes(row))
        return Head(*(values[name] for name in ("fingerprint", "host", "control", "subject")))


_DECODE = msgspec.json.Decoder(Head).decode
