"""Extensions that a browser's policy installs for everyone: Chromium's and Firefox's policy files.

Chromium's own reader takes comments and commas at the end, which JSON does not have, so the text is taken a token at a
time. Keys: ``ExtensionInstallForcelist`` (a list of ``ID`` or ``ID;URL``) and ``ExtensionSettings`` (an object of
extensions, each with its ``installation_mode``), as the lists of policies of both browsers describe them.
"""

from collections.abc import Iterable, Iterator

_LIST, _SETTINGS, _MODE = "ExtensionInstallForcelist", "ExtensionSettings", "installation_mode"
_INSTALLED = ("force_installed", "normal_installed")
_STRUCTURE = "{}[]:,"
_STRING = '"'


def forced_in(lines: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """Return the extensions that one policy file forces, each with the number of its line."""
    within: list[str] = []
    key = said = ""
    for number, piece in _tokens(lines):
        if piece == ":":
            key = said
        elif piece in ("{", "["):
            within.append(key)
            key = ""
        elif piece in ("}", "]"):
            del within[-1:]
            key = ""
        elif piece == ",":
            key = ""
        else:
            said = piece[1:]
            if within and within[-1] == _LIST:
                yield number, said.partition(";")[0]
            elif key == _MODE and within[-2:-1] == [_SETTINGS] and within[-1] != "*" and said in _INSTALLED:
                yield number, within[-1]


def _tokens(lines: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """Return what a text is made of: marks of structure, and strings behind their quote."""
    in_comment = False
    for number, text in lines:
        at = 0
        while at < len(text):
            if in_comment:
                end = text.find("*/", at)
                if end < 0:
                    break
                in_comment, at = False, end + 2
            elif text.startswith("//", at):
                break
            elif text.startswith("/*", at):
                in_comment, at = True, at + 2
            elif text[at] == _STRING:
                end = _end_of_string(text, at + 1)
                yield number, text[at:end]
                at = end + 1
            else:
                if text[at] in _STRUCTURE:
                    yield number, text[at]
                at += 1


def _end_of_string(text: str, at: int) -> int:
    """Return where a string ends that begins there: at its quote, or at the end of the line."""
    while at < len(text) and text[at] != _STRING:
        at += 2 if text[at] == "\\" else 1
    return min(at, len(text))
