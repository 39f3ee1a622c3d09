"""What stands for a word, a number or an address in a proof pack: of the same shape, always the same, no way back.

Everything hangs on a random key that is thrown away. A word becomes letters for its letters and digits for its
digits. An address keeps its first bits (8 of IPv4, 16 of IPv6; a private or link-local network's own prefix), and
two addresses that begin alike still do, for as many bits: what lay in a network still lies in it (the scheme of
Crypto-PAn, Xu and others, 2002). Two things never become one, as far as their shape leaves room.
"""

import hashlib
import ipaddress
from collections.abc import Collection, Iterator

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_LOWER = "abcdefghijklmnopqrstuvwxyz"
_HEX_LETTERS = "abcdef"
_DIGITS = "0123456789"
_HEX = frozenset("0123456789abcdefABCDEF")
_TURNS = 50
_LONGEST_NUMBER = 20
# What is private stays private, and link-local link-local.
_NEIGHBOURS = tuple(
    map(
        ipaddress.ip_network,
        ("172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "100.64.0.0/10", "fe80::/64"),
    )
)
_KEPT_BITS = {4: 8, 6: 16}
_MAC_BYTES = 5


class Pseudonyms:
    """Words, numbers and addresses, and what stands for each."""

    def __init__(self, key: bytes, avoid: Collection[str], parts: Collection[str] = ()) -> None:
        """Take the key, and the words (in lower case) that no pseudonym may look like, and those none may hold."""
        self._key = key
        self._avoid = avoid
        self._parts = tuple(parts)
        self._words: dict[str, str] = {}
        self._numbers: dict[str, str] = {}
        self._taken: dict[str, str] = {}
        self._addresses: dict[tuple[Address, int], Address] = {}
        self._macs: dict[str, str] = {}

    @property
    def counts(self) -> dict[str, int]:
        """Return how many different things of each kind were replaced."""
        changed = {before for (before, _), after in self._addresses.items() if before != after}
        return {
            "words": len(self._words),
            "numbers": len(self._numbers),
            "addresses": len(changed),
            "macs": len(self._macs),
        }

    def word(self, word: str) -> str:
        """Return what stands for a word; upper and lower case of it go together."""
        known = self._words.get(word)
        if known is None:
            # A few letters become two in lower case: the first of them is enough to tell words apart.
            low = "".join(char.lower()[0] for char in word)
            letters = _HEX_LETTERS if is_hex(word) and not word.isalpha() else _LOWER
            made = ""
            for made in self._shapes(low, letters):
                if made != low and self._is_free(made, low):
                    break
            known = "".join(new.upper() if old.isupper() else new for old, new in zip(word, made, strict=True))
            self._words[word] = known
        return known

    def number(self, digits: str) -> str:
        """Return what stands for a decimal number: as many digits, and never more than it was."""
        if len(digits) > _LONGEST_NUMBER:
            return self.word(digits)
        known = self._numbers.get(digits)
        if known is None:
            value, least = int(digits), 10 ** (len(digits) - 1)
            known = digits
            for turn in range(_TURNS):
                made = str(least + int.from_bytes(self._stream(f"number {turn} {digits}", 16)) % (value - least + 1))
                if made != digits and self._is_free(made, digits):
                    known = made
                    break
            self._numbers[digits] = known
        return known

    def address(self, address: Address, length: int | None = None) -> Address:
        """Return what stands for an address; with ``length`` the address of a network of such a prefix stays one."""
        bits = address.max_prefixlen
        length = bits if length is None or length > bits else length
        known = self._addresses.get((address, length))
        if known is None:
            known = self._address(address, bits - length)
            self._addresses[address, length] = known
        return known

    def mac(self, text: str) -> str:
        """Return what stands for a MAC address, as it is written; broadcast and nothing stand for themselves."""
        low = ":".join(byte.zfill(2) for byte in text.lower().replace("-", ":").split(":"))
        if set(low) <= {"0", ":"} or set(low) <= {"f", ":"}:
            return text
        sign = "-" if "-" in text else ":"
        # Bit 2 of the first byte says that nobody's manufacturer gave it out.
        made = sign.join(["02", *(f"{byte:02x}" for byte in self._stream(f"mac {low}", _MAC_BYTES))])
        self._macs[low] = made
        return made.upper() if text.upper() == text else made

    def _address(self, address: Address, host_bits: int) -> Address:
        mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
        if mapped is not None:
            return ipaddress.IPv6Address(f"::ffff:{self.address(mapped)}")
        if address.is_loopback or address.is_unspecified or address.is_multicast or _is_mask(address):
            return address
        bits, value = address.max_prefixlen, int(address)
        kept = next((net.prefixlen for net in _NEIGHBOURS if address in net), _KEPT_BITS[address.version])
        made = value >> (bits - kept)
        for place in range(bits - kept - 1, -1, -1):
            # Whether a bit is turned depends on all bits above it, and on them alone.
            turned = self._stream(f"bit {bits} {place} {value >> (place + 1)}", 1)[0] & 1
            made = made << 1 | ((value >> place & 1) ^ turned)
        if not value & ((1 << host_bits) - 1):
            # The address of a network ends in zeros, and has to.
            made = made >> host_bits << host_bits
        return type(address)(made)

    def _shapes(self, low: str, letters: str) -> Iterator[str]:
        """Yield words of the same shape, each another one."""
        for turn in range(_TURNS):
            stream = self._stream(f"word {turn} {low}", len(low))
            yield "".join(
                _DIGITS[byte % len(_DIGITS)] if char in _DIGITS else letters[byte % len(letters)]
                for char, byte in zip(low, stream, strict=True)
            )

    def _is_free(self, made: str, what: str) -> bool:
        """Take a pseudonym, unless it stands for something else or is a word that means something."""
        if made in self._avoid or any(part in made for part in self._parts):
            return False
        return self._taken.setdefault(made, what) == what

    def _stream(self, what: str, length: int) -> bytes:
        return hashlib.shake_256(self._key + what.encode("utf-8", "surrogatepass")).digest(length)


def is_hex(text: str) -> bool:
    """Tell whether there are hexadecimal digits only."""
    return _HEX.issuperset(text)


def _is_mask(address: Address) -> bool:
    """Tell whether an address of IPv4 is a netmask: ones, then zeros."""
    rest = ~int(address) & 0xFFFFFFFF
    return address.version == 4 and rest & (rest + 1) == 0  # noqa: PLR2004 — the version of IP
