"""Find every command that a POSIX script may run: words where a command stands, also in the scripts and awk in it.

Not a whole shell: functions, loops, cases, quotes and expansions are understood as far as ``sh -n`` and shellcheck let
a script through. A word with an expansion in it (``"$2-save"``) is told as it stands: whoever reads the answer has to
say what it may be.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_RESERVED = frozenset(("if", "then", "elif", "else", "while", "until", "do", "{", "!"))
_ENDS = frozenset(("fi", "done", "}", "esac"))
_SEPARATORS = frozenset((";", "&", "&&", "||", "|", "\n", "(", ")", ";;"))
_OPERATORS = (";;", "&&", "||", "<<", ">>", "<&", ">&", "<>", ">|", ";", "&", "|", "(", ")", "<", ">", "\n")
_BLANK = " \t"
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
_COMMAND = re.compile(r"[a-z_][a-z0-9_.+-]*|/bin/[a-z]+")
_DESCRIPTOR = re.compile(r"[0-9]+(?=[<>])")
_EXPANDED = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[0-9@*#?$!-]")
_AWK_STRING = r'"(?:[^"\\\n]|\\.)*"'
# Words after which another command stands, behind options and what is no command's name: seconds, a folder.
_BEFORE_ANOTHER = frozenset((
    "chroot", "command", "env", "exec", "nice", "nsenter", "setpriv", "setsid", "timeout", "xargs",
))  # fmt: skip
_ASKS = frozenset(("have", "need"))
_SHELLS = frozenset(("sh", "/bin/sh"))
_AWKS = frozenset(("awk",))


@dataclass(frozen=True, slots=True)
class _Word:
    """A word as it stands, and what it is where nothing in it expands."""

    raw: str
    literal: str | None


@dataclass(slots=True)
class _Scanner:
    """Reads a script from left to right; scripts in expansions are put aside in ``inner``."""

    text: str
    at: int = 0
    inner: list[str] = field(default_factory=list)

    def tokens(self) -> Iterator[_Word | str]:
        """Return words, and operators as plain text."""
        while self.at < len(self.text):
            here = self.text[self.at]
            if here in _BLANK:
                self.at += 1
            elif self.text.startswith("\\\n", self.at):
                self.at += 2
            elif here == "#":
                end = self.text.find("\n", self.at)
                self.at = len(self.text) if end < 0 else end
            else:
                operator = next((one for one in _OPERATORS if self.text.startswith(one, self.at)), None)
                descriptor = _DESCRIPTOR.match(self.text, self.at)
                if descriptor:
                    self.at = descriptor.end()
                elif operator is None:
                    yield self._word()
                else:
                    self.at += len(operator)
                    yield operator

    def _word(self) -> _Word:
        start, literal, expands = self.at, "", False
        while self.at < len(self.text):
            here = self.text[self.at]
            if here in _BLANK or any(self.text.startswith(one, self.at) for one in _OPERATORS):
                break
            if here == "'":
                end = self.text.index("'", self.at + 1)
                literal += self.text[self.at + 1 : end]
                self.at = end + 1
            elif here == '"':
                piece, has = self._double()
                literal, expands = literal + piece, expands or has
            elif here == "\\":
                literal += self.text[self.at + 1 : self.at + 2]
                self.at += 2
            elif here == "$":
                expands = self._dollar() or expands
            else:
                # A pattern names no file for sure.
                expands = expands or here in "*?["
                literal += here
                self.at += 1
        return _Word(self.text[start : self.at], None if expands else literal)

    def _double(self) -> tuple[str, bool]:
        piece, expands = "", False
        self.at += 1
        while self.text[self.at] != '"':
            if self.text[self.at] == "\\":
                escaped = self.text[self.at + 1]
                piece += escaped if escaped in '$`"\\\n' else "\\" + escaped
                self.at += 2
            elif self.text[self.at] == "$":
                expands = self._dollar() or expands
            else:
                piece += self.text[self.at]
                self.at += 1
        self.at += 1
        return piece, expands

    def _dollar(self) -> bool:
        """Step over one expansion, and keep the script in it; a bare ``$`` is none."""
        if self.text.startswith("$((", self.at):
            self.at = self.text.index("))", self.at) + 2
        elif self.text.startswith("$(", self.at):
            self._substitution()
        elif self.text.startswith("${", self.at):
            self._braces()
        else:
            name = _EXPANDED.match(self.text, self.at + 1)
            self.at = name.end() if name else self.at + 1
            return name is not None
        return True

    def _substitution(self) -> None:
        """Find the parenthesis that closes the script: not that of a pattern or of a subshell."""
        self.at += 2
        start, depth, cases = self.at, 0, 0
        for token in self.tokens():
            if isinstance(token, _Word):
                cases += (token.raw == "case") - (token.raw == "esac")
            elif token == "(":
                depth += 1
            elif token == ")" and depth:
                depth -= 1
            elif token == ")" and not cases:
                break
        self.inner.append(self.text[start : self.at - 1])

    def _braces(self) -> None:
        self.at += 2
        while self.text[self.at] != "}":
            here = self.text[self.at]
            if here == "$":
                self._dollar()
            elif here == '"':
                self._double()
            elif here == "'":
                self.at = self.text.index("'", self.at + 1) + 1
            else:
                self.at += 2 if here == "\\" else 1
        self.at += 1


@dataclass(slots=True)
class Found:
    """What a script may run."""

    commands: set[str] = field(default_factory=set)
    """Names, or words as they stand where something in them expands; functions and builtins among them."""
    functions: set[str] = field(default_factory=set)
    """Names of functions that the script defines."""

    def add(self, script: str) -> None:
        """Read a script and the scripts in it."""
        scanner = _Scanner(script)
        command: list[_Word] = []
        reader = _Reader(self)
        for token in scanner.tokens():
            reader.take(token, command)
        reader.finish(command)
        for inner in scanner.inner:
            self.add(inner)


@dataclass(slots=True)
class _Reader:
    """Where in a command the next word stands."""

    found: Found
    cases: list[bool] = field(default_factory=list)
    """For each open ``case``, whether a pattern comes next."""
    wants_target: bool = False
    word_after: str = ""

    def take(self, token: _Word | str, command: list[_Word]) -> None:
        """Take the next token; ``command`` holds the words of the command so far."""
        if isinstance(token, _Word):
            self._word(token, command)
        elif self.cases and self.cases[-1]:
            self.cases[-1] = token != ")"
        elif token in _SEPARATORS:
            if token == "(" and len(command) == 1:
                self.found.functions.add(command.pop().raw)
            self.finish(command)
            if token == ";;" and self.cases:
                self.cases[-1] = True
        else:
            self.wants_target = True

    def _word(self, word: _Word, command: list[_Word]) -> None:
        if self.wants_target:
            self.wants_target = False
        elif self.cases and self.cases[-1] and word.raw != "esac":
            pass
        elif command:
            command.append(word)
            if command[0].raw == "case" and word.raw == "in":
                self.cases.append(True)
                command.clear()
            elif command[0].raw == "for" and word.raw == "do":
                command.clear()
        elif word.raw == "esac":
            self.cases.pop()
        elif _ASSIGNMENT.match(word.raw):
            # A text that defines functions is a script, kept to be evaluated.
            text = (word.literal or "").partition("=")[2]
            if re.search(r"^\w+\(\) \{$", text, re.MULTILINE):
                self.found.add(text)
        elif word.raw not in _RESERVED | _ENDS:
            command.append(word)

    def finish(self, command: list[_Word]) -> None:
        """Keep what a whole command runs."""
        if command and command[0].raw not in ("for", "case"):
            self._keep(command)
        command.clear()

    def _keep(self, command: list[_Word]) -> None:
        name, *rest = command
        word = name.raw if name.literal is None else name.literal
        self.found.commands.add(word)
        if word in _ASKS or (word == "command" and rest and rest[0].literal == "-v"):
            self.found.commands |= {one.literal or one.raw for one in rest if one.literal != "-v"}
        elif word in _BEFORE_ANOTHER:
            self._keep_next(rest)
        elif word in _SHELLS:
            self._keep_script(rest)
        elif (
            word == "set"
            and rest
            and rest[0].literal == "--"
            and _COMMAND.fullmatch((rest[1:] or rest)[0].literal or "")
        ):
            # A command that is put together, and run as "$@".
            self._keep(rest[1:])
        elif word == "trap" and rest and rest[0].literal not in (None, "-"):
            self.found.add(rest[0].literal or "")
        elif word in _AWKS:
            for one in rest:
                self._keep_awk(one.literal or "")

    def _keep_next(self, rest: list[_Word]) -> None:
        while rest and not _COMMAND.fullmatch(rest[0].literal or ""):
            rest = rest[1:]
        if rest:
            self._keep(rest)

    def _keep_script(self, rest: list[_Word]) -> None:
        options = [one.literal for one in rest]
        if "-c" in options:
            script = rest[options.index("-c") + 1]
            self.found.add(script.raw if script.literal is None else script.literal)

    def _keep_awk(self, program: str) -> None:
        """Find what a program in awk opens pipes to; a variable is what is put together for it, line by line."""
        for asked in re.findall(rf"({_AWK_STRING}|\w+)\)?\s*\|\s*getline", program):
            said = [asked] if asked.startswith('"') else re.findall(rf"\b{asked} = (.*)$", program, re.MULTILINE)
            texts = [text for text in map(_awk_text, said) if text]
            if not texts:
                self.found.commands.add(f"{asked} | getline")
            for text in texts:
                self.found.add(text)
        for asked in re.findall(r"system\s*\(|print[^\n]*[^|]\|[^|]", re.sub(_AWK_STRING, '""', program)):
            self.found.commands.add(asked)


def _awk_text(expression: str) -> str:
    """Return what an expression of strings and variables makes, ``x`` for each variable; a string begins it."""
    parts = re.findall(rf"{_AWK_STRING}|\w+", expression)
    if not parts or not parts[0].startswith('"'):
        return ""
    whole = "".join(part[1:-1] if part.startswith('"') else "x" for part in parts)
    return re.sub(r"\\(047|.)", lambda found: "'" if found[1] == "047" else found[1], whole)


def commands_of(script: str) -> frozenset[str]:
    """Return what a script may run that is not a function of its own, builtins of shells among them."""
    found = Found()
    found.add(script)
    return frozenset(found.commands - found.functions)


def is_plain(word: str) -> bool:
    """Tell whether a word is a command's name as it stands."""
    return re.fullmatch(r"[A-Za-z0-9_./+:\[\]-]+", word) is not None
