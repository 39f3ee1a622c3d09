"""Read the listing that the sudoers collector prints: which files were followed, then each line with its place."""

from dataclasses import dataclass, field

from auditor.collect.accounts.sources import FOREIGN, foreign_sources
from auditor.collect.accounts.sudoers_grammar import Aliases, Entry, read_alias, read_rules
from auditor.collect.collector import take_lines, unread
from auditor.model.evidence import Unread
from auditor.model.facts.accounts import SudoRule
from auditor.model.reading import Parsed
from auditor.model.record import replace

_PATH = 4096
_NUMBER = len("4294967295:")
_INCLUDES = ("@include", "#include", "@includedir", "#includedir")


@dataclass(slots=True, kw_only=True)
class _Listing:
    """The listing while it is read."""

    files: list[str] = field(default_factory=list)
    known: set[str] = field(default_factory=set)
    longest: int = 0
    folders: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    strange: list[Unread] = field(default_factory=list)
    open_entry: Entry | None = None
    """What is continued; its text is put together when it ends."""
    open_parts: list[str] = field(default_factory=list)
    opening: str = ""
    """The first words of what is continued."""
    in_lines: bool = False

    def take(self, number: int, line: str) -> None:
        """Put one line where it belongs; ValueError when it belongs nowhere."""
        if self.in_lines:
            file, at, text = self._place(line)
            self._take_text(number, file, at, text)
        elif number == 1 and line.startswith(FOREIGN):
            self.foreign = foreign_sources(line)
        elif line.startswith("file /"):
            file = line.removeprefix("file ")
            if len(file) > _PATH:
                message = "a path longer than any can be"
                raise ValueError(message)
            self.files.append(file)
            self.known.add(file)
            self.longest = max(self.longest, len(file))
        elif line.startswith("folder /"):
            self.folders.append(line.removeprefix("folder "))
        elif line == "lines":
            self.in_lines = True
        else:
            message = "not a line of the listing's head"
            raise ValueError(message)

    def _place(self, line: str) -> tuple[str, int, str]:
        """Take ``/etc/sudoers:12:text`` apart by the names of the files that were followed."""
        end = line.rfind(":", 0, self.longest + 1)
        while end > 0:
            file = line[:end]
            if file in self.known:
                at, colon, text = line[end + 1 : end + 1 + _NUMBER].partition(":")
                if colon and at.isascii() and at.isdigit():
                    return file, int(at), text + line[end + 1 + _NUMBER :]
            end = line.rfind(":", 0, end)
        message = "not a line of a file that was followed"
        raise ValueError(message)

    def _take_text(self, number: int, file: str, at: int, text: str) -> None:
        """Join continued lines into entries; a comment ends with its line, continued or not."""
        before = self.open_entry
        if before is not None and before.file == file and at == before.last + 1:
            text = text.lstrip()
            self.open_parts.append(text)
            self.open_entry = replace(before, last=at)
        else:
            self.close_entry()
            self.open_parts, self.opening = [text], ""
            self.open_entry = Entry(number=number, file=file, line=at, last=at, text=text)
        self.opening = self.opening or text.rstrip("\\").strip()
        if not text.endswith("\\") or _is_comment(self.opening):
            self.close_entry()

    def close_entry(self) -> Entry | None:
        """Join the parts of the entry that is open; return it."""
        entry, self.open_entry = self.open_entry, None
        if entry is None:
            return None
        *continued, last = self.open_parts
        entry = replace(entry, text="".join([*(part.removesuffix("\\") for part in continued), last]))
        self.entries.append(entry)
        return entry

    def check_include(self, entry: Entry) -> None:
        """Raise ValueError unless what an include names was followed."""
        word, _, path = entry.text.strip().partition(" ")
        path = path.strip().strip('"').replace("\\ ", " ")
        wanted = self.folders if word.endswith("dir") else self.files
        name = path if path.startswith("/") else f"{entry.file.rpartition('/')[0]}/{path}"
        before, percent, after = name.partition("%h")
        if not any(one == name or (percent and one.startswith(before) and one.endswith(after)) for one in wanted):
            message = "what it includes was not found or not followed"
            raise ValueError(message)


def _is_comment(text: str) -> bool:
    """Tell whether a line is a comment: ``#`` unless it begins an include or a user number."""
    text = text.lstrip()
    return text.startswith("#") and not text.startswith(_INCLUDES) and not text[1:2].isdigit()


def _rules(listing: _Listing) -> list[tuple[int, SudoRule]]:
    """Read aliases first, wherever they stand: sudo lets a rule use one that is defined below it."""
    aliases = Aliases()
    specifications: list[Entry] = []
    for entry in listing.entries:
        text = entry.text.strip()
        if not text or _is_comment(text):
            continue
        try:
            if text.startswith(_INCLUDES):
                listing.check_include(entry)
            elif text.startswith("Defaults") and text[len("Defaults") :][:1] in ("", " ", "\t", "@", ":", "!", ">"):
                # They change how sudo behaves, not who may run what.
                continue
            elif not read_alias(text, aliases):
                specifications.append(entry)
        except ValueError as error:
            listing.strange.append(unread(entry.number, text, error))
    rules: list[tuple[int, SudoRule]] = []
    for entry in specifications:
        try:
            rules.extend((entry.number, rule) for rule in read_rules(entry, aliases))
        except ValueError as error:
            listing.strange.append(unread(entry.number, entry.text.strip(), error))
    return rules


def parse_sudoers(text: str) -> Parsed:
    """Read the rules of all files, in their order; one fact for each user of a rule and each change of tags."""
    listing = _Listing()
    take_lines(text, listing.take, listing.strange)
    entry = listing.close_entry()
    if entry is not None:
        listing.strange.append(unread(entry.number, entry.text, "continued, but the file ends"))
        listing.entries.pop()
    rules = _rules(listing)
    partial = None
    if listing.foreign:
        partial = f"sudo rules of {' and '.join(listing.foreign)} are not in sudoers files"
    elif not listing.in_lines or not listing.files:
        partial = "no sudoers file is listed"
    return Parsed(facts=tuple(rules), unread=tuple(sorted(listing.strange, key=lambda one: one.line)), partial=partial)
