"""Which settings of the products on a host the catalogue calls unsafe: in files, in the registry, in arguments."""

from collections.abc import Iterable, Iterator, Sequence

from auditor.catalogue.globs import glob_matches
from auditor.catalogue.product import Catalogue, Product, SettingFormat, UnsafeSetting
from auditor.catalogue.programs import short_root
from auditor.collect.remote_config.product_files import is_told
from auditor.model.evidence import Outcome
from auditor.model.facts.processes import Process
from auditor.model.facts.remote_config import RemoteAccessSetting, SettingsFile
from auditor.model.host import OsFamily
from auditor.model.reading import Found, Reading
from auditor.model.record import Record, field, replace
from auditor.model.sighting import Confidence, Sighting, SightingState
from auditor.model.weakness import Weakness

SECTION = "remote_config.products"
"""Where settings are read that this judges; those of VNC and RDP servers and of the system have their own controls."""
_ELSEWHERE = frozenset(
    {
        "apple-remote-management",
        "apple-screen-sharing",
        "krfb",
        "microsoft-rdp",
        "realvnc",
        "tigervnc",
        "tightvnc",
        "ultravnc",
        "wayvnc",
        "x11vnc",
        "xrdp",
    }
)
"""Products whose settings other controls judge, by sections of their own."""
_PRESENT, _GIVEN = "(set)", "given"
_ABSENT, _SET, _EMPTY, _NOT = "absent", "set", "empty", "not "
_File = tuple[str, str | None]
"""A file of settings, and whose it is."""
_ALSO = {"true": ("y", "yes", "on", "1"), "false": ("n", "no", "off", "0")}


def weaknesses(reading: Reading, sightings: Iterable[Sighting], catalogue: Catalogue) -> tuple[Weakness, ...]:
    """Return the unsafe settings of every product that is on the host, remains apart, sorted by product.

    A setting counts where it stands: each account's file by itself. One that is unsafe where it is lacking counts for
    each file that may hold it, was read to its end and does not say it. Of several rules about one setting of one file
    the first that holds counts.
    """
    here: dict[str, list[Sighting]] = {}
    for sighting in sightings:
        if sighting.state is not SightingState.RESIDUAL:
            here.setdefault(sighting.product, []).append(sighting)
    found: dict[tuple[str, str, str], Weakness] = {}
    for product_id, seen in sorted(here.items()):
        product = catalogue.product(product_id)
        if product is None or not any(rule.os is reading.os for rule in product.unsafe):
            continue
        is_suspected = all(one.confidence is not Confidence.CONFIRMED for one in seen)
        for weakness in _of_product(reading, product, seen):
            found.setdefault(
                (weakness.product, weakness.place, weakness.key.casefold()),
                replace(weakness, is_suspected=is_suspected),
            )
    return tuple(found.values())


def unread_settings(reading: Reading, sightings: Iterable[Sighting], catalogue: Catalogue) -> tuple[str, ...]:
    """Return what the catalogue calls unsafe of products that are on the host, and no section reads: sorted.

    Nobody looked: neither that it is set nor that it is lacking may be said of it.
    """
    here = {sighting.product for sighting in sightings if sighting.state is not SightingState.RESIDUAL}
    products = (catalogue.product(product_id) for product_id in sorted(here - _ELSEWHERE))
    told = {
        f"{product.name}: {rule.key} ({rule.file})"
        for product in products
        if product is not None
        for rule in product.unsafe
        if rule.os is reading.os and not _is_read(product, rule)
    }
    return tuple(sorted(told))


def unfound_settings(reading: Reading, sightings: Iterable[Sighting], catalogue: Catalogue) -> tuple[str, ...]:
    """Return what is unsafe where it is lacking of products that are on the host without a file of settings: sorted.

    Files were looked for and none was there: the product keeps them elsewhere, and what they say is not known.
    """
    section = reading.sections.get(SECTION)
    if section is None or section.outcome not in (Outcome.COLLECTED, Outcome.ABSENT):
        return ()
    told = []
    for product_id in sorted({one.product for one in sightings if one.state is not SightingState.RESIDUAL}):
        product = catalogue.product(product_id)
        if product is None or product_id in _ELSEWHERE or _Settings.of(reading, product_id).files:
            continue
        keys = {
            rule.key: None
            for rule in product.unsafe
            if rule.os is reading.os and rule.when == _ABSENT and rule.format is not SettingFormat.ARGUMENTS
            if _is_read(product, rule) and not any(_ABSENT in words for words in rule.unless.values())
        }
        told += [f"{product.name}: {', '.join(keys)}"] if keys else []
    return tuple(told)


def _is_read(product: Product, rule: UnsafeSetting) -> bool:
    return rule.format is SettingFormat.ARGUMENTS or is_told(product.id, rule.key, rule.os)


class _Settings(Record):
    """What the files and keys of one product say, by file."""

    files: dict[_File, list[Found[RemoteAccessSetting]]] = field(default_factory=dict)
    """The settings of each, in the order of the facts."""
    whole: dict[_File, Found[SettingsFile]] = field(default_factory=dict)
    """Those that were read to their end."""

    @classmethod
    def of(cls, reading: Reading, product: str) -> "_Settings":
        """Sort what was read of a product."""
        made = cls()
        for file in reading.found(SettingsFile):
            if file.fact.product == product and file.section == SECTION:
                made.whole[file.fact.file, file.fact.user] = file
                made.files.setdefault((file.fact.file, file.fact.user), [])
        for one in reading.found(RemoteAccessSetting):
            if one.fact.product == product and one.section == SECTION:
                made.files.setdefault((one.fact.file, one.fact.user), []).append(one)
        return made

    def values(self, file: _File, key: str) -> list[str]:
        """Return what a file says of a key, empty texts apart."""
        said = (one.fact.value for one in self.files[file] if one.fact.key.casefold() == key.casefold())
        return [value for value in said if value.strip()]

    def is_safe(self, rule: UnsafeSetting, file: _File) -> bool:
        """Tell whether another setting of the file makes it safe; where that stands twice, both have to."""
        for key, words in rule.unless.items():
            values = self.values(file, key)
            if values and all(any(_is_said(word, value) for word in words) for value in values):
                return True
            if not values and _ABSENT in words and file in self.whole:
                return True
        return False


def _is_said(word: str, value: str) -> bool:
    if "*" in word:
        return glob_matches(tuple(word.casefold().split("*")), value.strip().casefold())
    return word != _ABSENT and _is_unsafe(word, value)


def _of_product(reading: Reading, product: Product, seen: Sequence[Sighting]) -> Iterator[Weakness]:
    pids = {pid for sighting in seen for pid in sighting.pids}
    settings = _Settings.of(reading, product.id)
    started = [one for one in reading.found(Process) if one.fact.pid in pids]
    for rule in product.unsafe:
        if rule.os is not reading.os or not _is_read(product, rule):
            continue
        if rule.format is SettingFormat.ARGUMENTS:
            yield from _of_arguments(reading, product, rule, started)
            continue
        for file, rows in settings.files.items():
            if not _is_of(rule, file[0], reading.os) or settings.is_safe(rule, file):
                continue
            if rule.when != _ABSENT:
                named = (one for one in rows if one.fact.key.casefold() == rule.key.casefold())
                unsafe = (one for one in named if _is_unsafe(rule.when, one.fact.value))
                yield from (_weakness(reading, product, rule, one) for one in unsafe)
            elif file in settings.whole and not settings.values(file, rule.key):
                yield _lacking(reading, product, rule, settings.whole[file])


def _lacking(reading: Reading, product: Product, rule: UnsafeSetting, file: Found[SettingsFile]) -> Weakness:
    return Weakness(
        product=product.id,
        name=product.name,
        key=rule.key,
        value=None,
        place=file.fact.file,
        user=file.fact.user,
        why=rule.why,
        severity=rule.severity,
        proof=(reading.quote(file),),
    )


def _weakness(reading: Reading, product: Product, rule: UnsafeSetting, one: Found[RemoteAccessSetting]) -> Weakness:
    return Weakness(
        product=product.id,
        name=product.name,
        key=one.fact.key,
        value=one.fact.value,
        place=one.fact.file,
        user=one.fact.user,
        why=rule.why,
        severity=rule.severity,
        proof=(reading.quote(one),),
    )


def _of_arguments(
    reading: Reading, product: Product, rule: UnsafeSetting, started: Sequence[Found[Process]]
) -> Iterator[Weakness]:
    for one in started:
        value = _argument(one.fact.arguments, rule.key)
        is_unsafe = value is None if rule.when == _ABSENT else value is not None and _is_unsafe(rule.when, value)
        if is_unsafe and one.fact.arguments:
            yield Weakness(
                product=product.id,
                name=product.name,
                key=rule.key,
                value=None if value is None else _PRESENT if rule.when == _SET else value or _GIVEN,
                place=one.fact.executable or one.fact.name,
                user=one.fact.user,
                why=rule.why,
                severity=rule.severity,
                proof=(reading.quote(one),),
            )


def _argument(arguments: str, option: str) -> str | None:
    """Return what an option is given, ``--auth none`` or ``--auth=none``; None where it is not given."""
    words = arguments.split(" ")
    for at, word in enumerate(words[1:], start=1):
        name, equals, value = word.partition("=")
        if name == option:
            return value if equals else (words[at + 1] if at + 1 < len(words) else "")
    return None


def _is_of(rule: UnsafeSetting, file: str, family: OsFamily) -> bool:
    pattern, file = rule.file, short_root(file) if rule.file.startswith("HK") else file
    pattern = short_root(pattern)
    if pattern.startswith("~/"):
        pattern = f"*{pattern[1:]}"
    if family is not OsFamily.LINUX:
        pattern, file = pattern.casefold(), file.casefold()
    return glob_matches(tuple(pattern.split("*")), file)


def _is_unsafe(when: str, value: str) -> bool:
    said, value = when.strip(), value.strip()
    if said == _SET:
        return bool(value)
    if said == _EMPTY:
        return not value
    if said.startswith(_NOT):
        return value != _PRESENT and not _is_same(said.removeprefix(_NOT), value)
    return _is_same(said, value)


def _is_same(said: str, value: str) -> bool:
    said, value = said.strip().casefold(), value.casefold()
    return value == said or value in _ALSO.get(said, ())
