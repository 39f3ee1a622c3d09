"""The part of JavaScript that polkit rules are written in: from text to the functions that are given to polkit.

What is not in this part is a ValueError for the function that holds it, never a guess. Nothing is run.
"""

from typing import Any, NamedTuple

from auditor.model.record import Record

Node = tuple[Any, ...]
"""A statement or an expression: its kind, then its parts."""

_PUNCTUATION = ("===", "!==", "&&", "||", "==", "!=", ">=", "<=", "=>", "++", "--", "+=")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "0": "\0"}
_DEPTH = 40
_BINARY = (("||",), ("&&",), ("==", "!=", "===", "!=="), ("<", ">", "<=", ">="), ("+", "-"))


class Token(NamedTuple):
    """One word of a script."""

    kind: str
    """``name``, ``text``, ``number``, ``regex`` or ``sign``."""
    text: str
    """What it says; a text without its quotes."""
    at: int
    """Where it begins."""


class Function(Record, kw_only=True):
    """A function that a rules file gives to polkit."""

    names_administrators: bool
    """Whether it says who counts as administrator; else it answers for actions."""
    parameters: tuple[str, ...]
    """Names of the action and of the subject in it."""
    body: tuple[Node, ...]
    """Its statements."""
    texts: tuple[str, ...]
    """Every text that stands in it."""
    words: frozenset[str]
    """Every name that stands in it, and ``/`` where a regular expression does."""
    at: int
    """Where it begins."""


def tokens_of(text: str) -> list[Token]:
    """Split a script into words; comments are none."""
    found: list[Token] = []
    at = 0
    while at < len(text):
        character = text[at]
        if character.isspace():
            at += 1
        elif text.startswith("//", at):
            at = _or_end(text.find("\n", at), text)
        elif text.startswith("/*", at):
            at = _or_end(text.find("*/", at + 2), text) + 2
        elif character in "\"'`":
            at = _take_text(text, at, found)
        elif character == "/" and _expects_value(found):
            end = _end_of_regex(text, at)
            found.append(Token("regex", text[at:end], at))
            at = end
        elif character.isalnum() or character in "_$":
            end = at + 1
            while end < len(text) and (text[end].isalnum() or text[end] in "_$"):
                end += 1
            word = text[at:end]
            found.append(Token("number" if character.isdigit() else "name", word, at))
            at = end
        else:
            sign = next((one for one in _PUNCTUATION if text.startswith(one, at)), character)
            found.append(Token("sign", sign, at))
            at += len(sign)
    return found


def _or_end(at: int, text: str) -> int:
    return len(text) if at < 0 else at


def _expects_value(found: list[Token]) -> bool:
    """Tell whether a slash begins a regular expression here: where an operand is due."""
    if not found:
        return True
    last = found[-1]
    return last.text == "return" or (last.kind == "sign" and last.text not in (")", "]", "}"))


def _take_text(text: str, at: int, found: list[Token]) -> int:
    quote, start, parts = text[at], at, []
    at += 1
    while at < len(text) and text[at] != quote:
        if text[at] == "\\":
            at += 1
            parts.append(_ESCAPES.get(text[at : at + 1], text[at : at + 1]))
        else:
            parts.append(text[at])
        at += 1
    if at >= len(text):
        raise ValueError("a text that is not closed")
    word = "".join(parts)
    if quote == "`" and "${" in word:
        raise ValueError("a text with parts to work out")
    found.append(Token("text", word, start))
    return at + 1


def _end_of_regex(text: str, at: int) -> int:
    is_class = False
    at += 1
    while at < len(text) and text[at] != "\n":
        if text[at] == "\\":
            at += 1
        elif text[at] == "[":
            is_class = True
        elif text[at] == "]":
            is_class = False
        elif text[at] == "/" and not is_class:
            at += 1
            while at < len(text) and text[at].isalpha():
                at += 1
            return at
        at += 1
    raise ValueError("a regular expression that is not closed")


def functions_of(tokens: list[Token]) -> list[Function]:
    """Return what is given to ``polkit.addRule`` and ``polkit.addAdminRule``, in that order; ValueError for the rest.

    Other statements between them may only define what the functions use; a use of it is not understood there.
    """
    found: list[Function] = []
    at = 0
    while at < len(tokens):
        word = tokens[at].text
        if tokens[at].kind == "name" and word in ("addRule", "addAdminRule") and _signs(tokens, at + 1, "("):
            reader = _Reader(tokens, at + 2)
            found.append(reader.function(names_administrators=word == "addAdminRule", at=tokens[at].at))
            at = reader.at
        else:
            at += 1
    return found


def _signs(tokens: list[Token], at: int, sign: str) -> bool:
    return at < len(tokens) and tokens[at].kind == "sign" and tokens[at].text == sign


class _Reader:
    """Reads statements and expressions from a place in the words on."""

    def __init__(self, tokens: list[Token], at: int) -> None:
        self.tokens = tokens
        self.at = at
        self.depth = 0

    def function(self, *, names_administrators: bool, at: int) -> Function:
        """Read ``function(action, subject) { ... }`` or ``(action, subject) => { ... }``."""
        start = self.at
        if self._takes("function") and not self._is("("):
            self.at += 1
        self._need("(")
        parameters = []
        while not self._takes(")"):
            parameters.append(self._next().text)
            self._takes(",")
        self._takes("=>")
        self._need("{")
        body = self._statements()
        inside = self.tokens[start : self.at]
        words = {token.text for token in inside if token.kind == "name"}
        return Function(
            names_administrators=names_administrators,
            parameters=tuple(parameters),
            body=body,
            texts=tuple(dict.fromkeys(token.text for token in inside if token.kind == "text")),
            words=frozenset(words | {"/" for token in inside if token.kind == "regex"}),
            at=at,
        )

    def _statements(self) -> tuple[Node, ...]:
        """Read up to the brace that closes."""
        found: list[Node] = []
        while not self._takes("}"):
            found.append(self._statement())
        return tuple(found)

    def _statement(self) -> Node:
        self._go_down()
        try:
            if self._takes("{"):
                return ("block", self._statements())
            if self._takes(";"):
                return ("block", ())
            if self._takes("if"):
                return self._branch()
            if self._takes("return"):
                value = None if self._is(";") or self._is("}") else self._expression()
                self._takes(";")
                return ("return", value)
            if self._takes("var") or self._takes("let") or self._takes("const"):
                name = self._next().text
                self._need("=")
                value = self._expression()
                self._takes(";")
                return ("var", name, value)
            value = self._expression()
            self._takes(";")
            return ("do", value)
        finally:
            self.depth -= 1

    def _branch(self) -> Node:
        self._need("(")
        condition = self._expression()
        self._need(")")
        then = self._statement()
        return ("if", condition, then, self._statement() if self._takes("else") else ("block", ()))

    def _expression(self) -> Node:
        self._go_down()
        try:
            value = self._binary(0)
            if self._takes("?"):
                then = self._expression()
                self._need(":")
                return ("choose", value, then, self._expression())
            return value
        finally:
            self.depth -= 1

    def _binary(self, level: int) -> Node:
        if level == len(_BINARY):
            return self._unary()
        left = self._binary(level + 1)
        while self.at < len(self.tokens) and self.tokens[self.at].kind == "sign":
            sign = self.tokens[self.at].text
            if sign not in _BINARY[level]:
                break
            self.at += 1
            left = (sign, left, self._binary(level + 1))
        return left

    def _unary(self) -> Node:
        if self._takes("!"):
            self._go_down()
            value = ("!", self._unary())
            self.depth -= 1
            return value
        if self._takes("-"):
            return ("-", ("value", 0), self._postfix())
        return self._postfix()

    def _postfix(self) -> Node:
        value = self._primary()
        while True:
            if self._takes("."):
                value = ("member", value, self._next().text)
            elif self._takes("["):
                value = ("index", value, self._expression())
                self._need("]")
            elif self._takes("("):
                value = ("call", value, self._list(")"))
            else:
                return value

    def _primary(self) -> Node:
        token = self._next()
        if token.kind == "text":
            return ("value", token.text)
        if token.kind == "number":
            return ("value", int(token.text) if token.text.isdecimal() and len(token.text) < 10 else None)  # noqa: PLR2004
        if token.kind == "regex":
            return ("unknown",)
        if token.kind == "sign" and token.text == "(":
            value = self._expression()
            self._need(")")
            return value
        if token.kind == "sign" and token.text == "[":
            return ("list", self._list("]"))
        if token.kind == "name" and token.text not in (
            "function",
            "new",
            "for",
            "while",
            "switch",
            "try",
            "throw",
            "do",
        ):
            return ("name", token.text)
        raise ValueError(f"a part of JavaScript that is not read: {token.text[:20]!r}")

    def _list(self, end: str) -> tuple[Node, ...]:
        found: list[Node] = []
        while not self._takes(end):
            found.append(self._expression())
            if not self._is(end):
                self._need(",")
        return tuple(found)

    def _go_down(self) -> None:
        self.depth += 1
        if self.depth > _DEPTH:
            raise ValueError("it is nested too deeply")

    def _is(self, text: str) -> bool:
        return self.at < len(self.tokens) and self.tokens[self.at].text == text and self.tokens[self.at].kind != "text"

    def _takes(self, text: str) -> bool:
        if not self._is(text):
            return False
        self.at += 1
        return True

    def _need(self, text: str) -> None:
        if not self._takes(text):
            raise ValueError(f"{text!r} is missing")

    def _next(self) -> Token:
        if self.at >= len(self.tokens):
            raise ValueError("the script ends too early")
        self.at += 1
        return self.tokens[self.at - 1]
