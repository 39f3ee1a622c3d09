"""Find the addresses in a line of a host's answer, in the spellings that tools and the kernel have for them."""

import ipaddress
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby

from auditor.collect.pseudonyms import Address, Pseudonyms, is_hex

Part = tuple[str, bool]
"""A piece of a line, and whether it is an address that was replaced."""

_IN, _OUT = "x", " "
_MAC_PARTS, _MAC_LENGTH, _QUAD, _BYTE = 6, 17, 4, 255
_IPV4_WORD, _IPV6_WORD = 8, 32
_AHEAD = 24
_PORT_DIGITS = 5
_BEFORE_ROUTE = ("", " ", "\t")
_LEAST_DOTS, _LEAST_COLONS = 3, 2
_JOINED = frozenset({"-", '", "', '","'})
"""What stands between the two ends of a range, as nft, iptables and nft's JSON write one."""
_ROUTE, _ROUTE6 = "/proc/net/route:", "/proc/net/ipv6_route:"
_WITHOUT_PORTS = ("/route", "/ipv6_route", "/if_inet6")
_ROUTE_COLUMNS, _MASK_COLUMN = 8, 7


class Kind(dict[int, str]):
    """A kind of characters: what each is, worked out when it is first met."""

    def __init__(self, belongs: Callable[[str], bool]) -> None:
        """Take what tells whether a character belongs."""
        super().__init__()
        self._belongs = belongs

    def __missing__(self, code: int) -> str:
        self[code] = _IN if self._belongs(chr(code)) else _OUT
        return self[code]


def runs(line: str, kind: Kind) -> Iterator[tuple[str, bool]]:
    """Part a line into the longest runs of characters that are of a kind, and of those that are not."""
    marks = line.translate(kind)
    start, length = 0, len(line)
    while start < length:
        is_run = marks[start] == _IN
        end = marks.find(_OUT if is_run else _IN, start) % (length + 1)
        yield line[start:end], is_run
        start = end


WORD = Kind(str.isalnum)
"""What words and numbers are made of."""
_ADDRESS = Kind("0123456789abcdefABCDEF:.".__contains__)
_DASHED = Kind("0123456789abcdefABCDEF-".__contains__)
_QUAD_OR_LENGTH = Kind("0123456789.".__contains__)
_COLUMN = Kind(lambda char: not char.isspace())


def without_addresses(line: str, made: Pseudonyms, *, is_kernels: bool) -> list[Part]:
    """Replace every address and MAC of a line; ``is_kernels`` for lines of /proc/net, which write them as numbers.

    What lies between two addresses is one part.
    """
    parts: list[Part] = []
    for piece, is_done in _merged(_dashed(line, made)):
        if is_done:
            parts.append((piece, True))
        elif is_kernels:
            parts += _of_kernel(piece, made)
        else:
            parts += _of_text(piece, made)
    return _merged(parts)


def _merged(parts: Iterable[Part]) -> list[Part]:
    return [("".join(text for text, _ in group), is_done) for is_done, group in groupby(parts, lambda part: part[1])]


def is_kernels(line: str) -> bool:
    """Tell whether a line is one of a file of /proc/net, behind the file's name."""
    return line.startswith("/proc/") and "/net/" in line.partition(":")[0]


def _of_text(line: str, made: Pseudonyms) -> list[Part]:
    if line.count(".") < _LEAST_DOTS and line.count(":") < _LEAST_COLONS and not _may_be_routes(line):
        return [(line, False)]
    out: list[Part] = []
    # The address before this one: where it stands in `out`, what it was, what it became, and where it ended.
    last: tuple[int, Address, Address, int] | None = None
    at = 0
    for run, is_run in runs(line, _ADDRESS):
        begin, at = at, at + len(run)
        if not is_run or (run.count(".") < _LEAST_DOTS and run.count(":") < _LEAST_COLONS):
            is_word = is_run and line[at : at + 1] == "/" and "." in run and line[begin - 1 : begin] in _BEFORE_ROUTE
            network = _short_network(run, line[at : at + _AHEAD], made) if is_word else None
            out.append((run, False) if network is None else (network, True))
            continue
        # `n` before it is no part of a longer word where lsof -F wrote the line.
        is_cut = line[begin - 1 : begin].isalnum() and not (begin == 1 and line[0] == "n")
        for text, address in _pieces(run, is_cut, line[at : at + 1].isalnum()):
            # `3000:3000::/home/x` of a passwd file is none; what has a length behind its slash is one.
            is_row = text.endswith("::") and line[at : at + 1] == "/" and not line[at + 1 : at + 2].isdigit()
            if address is None or is_row:
                out.append((made.mac(text), True) if _is_mac(text, ":") else (text, False))
                begin += len(text)
                continue
            new = made.address(address, _prefix_behind(line[begin + len(text) : begin + len(text) + _AHEAD]))
            if last is not None and line[last[3] : begin] in _JOINED and _is_turned(last[1], address, last[2], new):
                # The lower end of a range comes first, or it is none.
                out[last[0]], new = (str(new), True), last[2]
            out.append((str(new), True))
            begin += len(text)
            last = (len(out) - 1, address, new, begin)
    return out


def _may_be_routes(line: str) -> bool:
    """Tell whether a length of a network stands in a line: a slash and a digit, a digit before both."""
    at = line.find("/")
    return at > 0 and line[at - 1].isdigit() and line[at + 1 : at + 2].isdigit() and "." in line[:at]


def _pieces(run: str, cut_left: bool, cut_right: bool) -> Iterator[tuple[str, Address | None]]:  # noqa: FBT001
    """Part a run into addresses and what is none; a part of a longer word at either end is none."""
    head, core, tail = "", run, ""
    if cut_left:
        at = min((run.index(sign) for sign in ".:" if sign in run), default=len(run) - 1) + 1
        head, core = run[:at], run[at:]
    if cut_right:
        at = max(core.rfind("."), core.rfind(":"), 0)
        core, tail = core[:at], core[at:]
    stripped = core.rstrip(".") if core.endswith("::") else core.rstrip(".:")
    core, tail = stripped, core[len(stripped) :] + tail
    stripped = core.lstrip(".")
    head, core = head + core[: len(core) - len(stripped)], stripped
    yield head, None
    whole = _address(core)
    before_port, dot, port = core.rpartition(".")
    is_port = bool(dot) and port.isdigit() and len(port) <= _PORT_DIGITS
    with_port = _address(before_port) if whole is None and is_port else None
    if with_port is not None:
        # netstat of the BSDs and of macOS: `192.0.2.7.5900`.
        yield before_port, with_port
        yield dot + port, None
    elif whole is not None or "." not in core or _is_mac(core, ":"):
        yield core, whole
    else:
        for number, piece in enumerate(core.split(":")):
            yield (":" if number else ""), None
            plain = piece.strip(".")
            lead = len(piece) - len(piece.lstrip("."))
            yield piece[:lead], None
            yield plain, _address(plain)
            yield piece[lead + len(plain) :], None
    yield tail, None


def _address(text: str) -> Address | None:
    if text.count(".") < _LEAST_DOTS and text.count(":") < _LEAST_COLONS:
        return None
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _is_turned(one: Address, other: Address, new_one: Address, new_other: Address) -> bool:
    return one.version == other.version and int(one) < int(other) and int(new_one) > int(new_other)


def _is_mac(text: str, sign: str) -> bool:
    """Tell whether it is a MAC; macOS writes its bytes without a leading zero, as in ``0:1c:42:0:0:8``."""
    words = text.split(sign)
    is_short = sign == ":" and len(text) < _MAC_LENGTH and all(words)
    return (
        len(words) == _MAC_PARTS
        and (is_short or len(text) == _MAC_LENGTH)
        and all(len(word) <= 2 and is_hex(word) for word in words)  # noqa: PLR2004
        and (is_short or "" not in words)
    )


def _short_network(run: str, rest: str, made: Pseudonyms) -> str | None:
    """Replace the network of a route as the BSDs write one, its last zeros left out: ``192.0.2/24``; None for none."""
    words = run.split(".")
    length = _prefix_behind(rest)
    are_bytes = all(word.isdigit() and len(word) <= len("255") and int(word) <= _BYTE for word in words)
    if length is None or not are_bytes or len(words) != -(-length // 8):
        return None
    network = ipaddress.IPv4Address(".".join([*(str(int(word)) for word in words), *["0"] * (_QUAD - len(words))]))
    return ".".join(str(made.address(network, length)).split(".")[: len(words)])


def _prefix_behind(rest: str) -> int | None:
    """Return the length of the prefix that follows an address: ``/24``, ``/255.255.255.0``, nft's ``", "len": 24``."""
    for mark in ("/", '", "len": ', '","len":'):
        if rest.startswith(mark):
            said, is_number = next(runs(rest[len(mark) :], _QUAD_OR_LENGTH), ("", False))
            mask = _address(said)
            if mask is not None:
                return int(mask).bit_count()
            return int(said) if is_number and said.isdigit() else None
    return None


def _dashed(line: str, made: Pseudonyms) -> Iterator[Part]:
    """Find what has dashes in the place of dots and colons: MACs, and addresses in the names of cloud hosts."""
    if line.count("-") < _QUAD - 1:
        yield line, False
        return
    for run, is_run in runs(line, _DASHED):
        core = run.strip("-")
        if is_run and _is_mac(core, "-"):
            before, _, after = run.partition(core)
            yield from ((before, True), (made.mac(core), True), (after, True))
        elif is_run and run.count("-") >= _QUAD - 1:
            yield from _quads(run.split("-"), made)
        else:
            yield run, False


def _quads(words: list[str], made: Pseudonyms) -> Iterator[Part]:
    """Replace four numbers in a row that no fifth one follows or precedes."""
    is_byte = [word.isdigit() and len(word) <= len("255") and int(word) <= _BYTE for word in words]
    at = 0
    while at < len(words):
        end = at
        while end < len(words) and is_byte[end]:
            end += 1
        sign = "-" if at else ""
        if end - at == _QUAD:
            new = made.address(ipaddress.IPv4Address(".".join(str(int(word)) for word in words[at:end])))
            yield sign + str(new).replace(".", "-"), True
        else:
            end = max(end, at + 1)
            yield sign + "-".join(words[at:end]), False
        at = end


# ---- files of /proc/net (proc(5)): addresses as hexadecimal numbers, of the machine's byte order


def _of_kernel(line: str, made: Pseudonyms) -> list[Part]:
    name, colon, rest = line.partition(":")
    lengths = _prefixes(name + colon, rest.split())
    out: list[Part] = [(name + colon, True)]
    column = -1
    for word, is_word in runs(rest, _COLUMN):
        if not is_word:
            out.append((word, False))
            continue
        column += 1
        address, port_colon, port = word.partition(":")
        # A word without a port is an inode or a counter where sockets are listed.
        is_address = bool(port_colon) or name.endswith(_WITHOUT_PORTS)
        if is_address and len(address) in (_IPV4_WORD, _IPV6_WORD) and is_hex(address):
            is_words = len(address) == _IPV4_WORD or not name.endswith(("/if_inet6", "/ipv6_route"))
            out.append((_kernel_word(address, made, lengths.get(column), is_words=is_words) + port_colon + port, True))
        else:
            out += _of_text(word, made)
    return out


def _prefixes(name: str, words: list[str]) -> dict[int, int]:
    """Return the lengths of the prefixes of the addresses in a line of a routing table, by their column."""
    if name == _ROUTE and len(words) >= _ROUTE_COLUMNS and is_hex(words[_MASK_COLUMN]):
        return {1: int(words[_MASK_COLUMN][:_IPV4_WORD], 16).bit_count()}
    if name == _ROUTE6 and len(words) > _ROUTE_COLUMNS and is_hex(words[1] + words[3]):
        return {0: int(words[1][:2], 16), 2: int(words[3][:2], 16)}
    return {}


def _kernel_word(word: str, made: Pseudonyms, length: int | None, *, is_words: bool) -> str:
    """Replace an address; ``is_words`` where its words of 32 bits stand in the machine's byte order."""
    raw = bytes.fromhex(word)
    address = ipaddress.ip_address(_swapped(raw) if is_words else raw)
    new = made.address(address, length).packed
    done = (_swapped(new) if is_words else new).hex()
    return done.upper() if word.upper() == word else done


def _swapped(raw: bytes) -> bytes:
    return b"".join(raw[at : at + 4][::-1] for at in range(0, len(raw), 4))
