r"""Read doas.conf(5): ``permit|deny [options] identity [as target] [cmd command [args ...]]``.

Words are parted by blanks; quotes stand around words with blanks, a backslash takes the meaning from what follows it,
and at the end of a line it goes on in the next one. ``#`` begins a comment.
"""

from auditor.collect.accounts.sources import is_id
from auditor.collect.collector import lines_of, unread
from auditor.model.evidence import Unread
from auditor.model.facts.accounts import DoasRule
from auditor.model.reading import Parsed

_OPTIONS = frozenset(("nopass", "nolog", "persist", "keepenv", "setenv"))


def parse_doas(text: str) -> Parsed:
    """Read one rule a line, continued lines joined; the file's name and each line's number come from the script."""
    facts: list[tuple[int, DoasRule]] = []
    strange: list[Unread] = []
    file = ""
    held: list[str] = []
    start = (0, 0)
    for number, line in enumerate(lines_of(text), 1):
        if not line:
            continue
        key, tab, rest = line.partition("\t")
        try:
            if tab and key == "file" and rest.startswith("/"):
                strange.extend(_unfinished(held, start[0]))
                file, held = rest, []
                continue
            if not tab or not file or not is_id(key):
                raise ValueError("not a line of a file that was named")  # noqa: TRY301 — treated as any other line
            if not held:
                start = (number, int(key))
            if rest.endswith("\\") and not rest.endswith("\\\\"):
                held.append(rest[:-1])
                continue
            words = _words("".join((*held, rest)))
            held = []
            if words:
                facts.append((start[0], _rule(words, file, start[1])))
        except ValueError as error:
            held = []
            strange.append(unread(number, line, error))
    strange.extend(_unfinished(held, start[0]))
    return Parsed(facts=tuple(facts), unread=tuple(strange), partial=None if file else "no doas.conf is listed")


def _unfinished(held: list[str], number: int) -> list[Unread]:
    return [unread(number, held[0], "continued, but the file ends")] if held else []


def _words(text: str) -> list[str]:
    """Split a line into words; a comment ends it, braces are words of their own."""
    words: list[str] = []
    word: list[str] | None = None
    is_quoted = is_literal = False
    for character in text:
        if is_literal or (is_quoted and character not in '"\\'):
            word = _grown(word or [], character)
            is_literal = False
        elif character in '"\\':
            is_literal = character == "\\"
            is_quoted ^= character == '"'
            word = word or []
        elif character in " \t{}#":
            words.extend(["".join(word)] if word is not None else [])
            word = None
            if character == "#":
                break
            words.extend(character.strip())
        else:
            word = _grown(word or [], character)
    if is_quoted or is_literal:
        raise ValueError("a quote that is not closed")
    return [*words, "".join(word)] if word is not None else words


def _grown(word: list[str], character: str) -> list[str]:
    word.append(character)
    return word


def _rule(words: list[str], file: str, line: int) -> DoasRule:
    action, rest = words[0], words[1:]
    if action not in ("permit", "deny"):
        raise ValueError("neither permit nor deny")
    needs_password = True
    while rest and rest[0] in _OPTIONS:
        option = rest.pop(0)
        needs_password = needs_password and option != "nopass"
        if option == "setenv":
            if rest[:1] != ["{"] or "}" not in rest:
                raise ValueError("setenv without its list")
            rest = rest[rest.index("}") + 1 :]
    if not rest:
        raise ValueError("a rule that names nobody")
    identity = rest.pop(0)
    target = _after("as", rest)
    command = _after("cmd", rest)
    arguments: tuple[str, ...] | None = None
    if command and rest[:1] == ["args"]:
        arguments, rest = tuple(rest[1:]), []
    if rest or identity in ("", ":"):
        raise ValueError("not 'permit|deny [options] identity [as target] [cmd command [args ...]]'")
    return DoasRule(
        permits=action == "permit",
        principal=f"%{identity[1:]}" if identity.startswith(":") else identity,
        target=target,
        command=command,
        arguments=arguments,
        needs_password=needs_password,
        file=file,
        line=line,
    )


def _after(word: str, rest: list[str]) -> str:
    """Take a word and the one after it off the front; empty where it is not there."""
    if rest[:1] != [word]:
        return ""
    if len(rest) == 1:
        raise ValueError(f"nothing stands after {word!r}")
    rest.pop(0)
    return rest.pop(0)
