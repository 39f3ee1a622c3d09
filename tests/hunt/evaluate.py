"""What our queries in KQL and SPL match, by readers of the little of both languages that they use.

No engine of either runs here. These follow what Microsoft's and Splunk's references say of each operator, and refuse
whatever else they meet; the queries' own words are not trusted.
"""

import re
from collections.abc import Callable, Mapping

Fields = Mapping[str, str]
Test = Callable[[Fields], bool]

_KQL = re.compile(r"\s*(@'(?:[^']|'')*'|\"[^\"]*\"|in~|=~|==|\.\.|[(),]|[A-Za-z0-9_]+)")
_SPL = re.compile(r'\s*("(?:\\.|[^"\\])*"|>=|<=|=|[()]|[A-Za-z0-9_]+)')


class _Words:
    def __init__(self, pattern: re.Pattern[str], text: str) -> None:
        self.words: list[str] = []
        at = 0
        while text[at:].strip():
            found = pattern.match(text, at)
            assert found, text[at : at + 40]
            self.words.append(found.group(1))
            at = found.end()
        self.at = 0

    def peek(self) -> str:
        return self.words[self.at] if self.at < len(self.words) else ""

    def take(self, *wanted: str) -> str:
        word = self.peek()
        assert not wanted or word in wanted, (word, wanted)
        self.at += 1
        return word

    def took(self, word: str) -> bool:
        if self.peek() != word:
            return False
        self.at += 1
        return True


def _all(tests: list[Test]) -> Test:
    return lambda fields: all(test(fields) for test in tests)


def _any(tests: list[Test]) -> Test:
    return lambda fields: any(test(fields) for test in tests)


def _not(test: Test) -> Test:
    return lambda fields: not test(fields)


class Kql:
    """The condition of one ``where``."""

    def __init__(self, text: str) -> None:
        self._words = _Words(_KQL, text)
        self.holds = self._or()
        assert self._words.peek() == "", self._words.words[self._words.at :]

    def _or(self) -> Test:
        tests = [self._and()]
        while self._words.took("or"):
            tests.append(self._and())
        return _any(tests)

    def _and(self) -> Test:
        tests = [self._one()]
        while self._words.took("and"):
            tests.append(self._one())
        return _all(tests)

    def _one(self) -> Test:
        if self._words.took("not"):
            self._words.take("(")
            test = _not(self._or())
            self._words.take(")")
            return test
        if self._words.took("("):
            test = self._or()
            self._words.take(")")
            return test
        return self._compared(self._words.take())

    def _text(self) -> str:
        word = self._words.take()
        if word.startswith("@'"):
            return word[2:-1].replace("''", "'")
        assert word.startswith('"'), word
        assert "\\" not in word
        return word[1:-1]

    def _compared(self, column: str) -> Test:
        operator = self._words.take()
        if operator == "==":
            number = self._words.take()
            return lambda fields: fields.get(column) == number
        if operator == "between":
            self._words.take("(")
            first = int(self._words.take())
            self._words.take("..")
            last = int(self._words.take())
            self._words.take(")")
            return lambda fields: first <= int(fields.get(column, "-1")) <= last
        if operator == "in~":
            self._words.take("(")
            values = {self._text().casefold()}
            while self._words.took(","):
                values.add(self._text().casefold())
            self._words.take(")")
            return lambda fields: fields.get(column, "").casefold() in values
        if operator == "matches":
            self._words.take("regex")
            pattern = re.compile(self._text())
            return lambda fields: pattern.search(fields.get(column, "")) is not None
        value = self._text().casefold()
        return {
            "=~": lambda fields: fields.get(column, "").casefold() == value,
            "startswith": lambda fields: fields.get(column, "").casefold().startswith(value),
            "endswith": lambda fields: fields.get(column, "").casefold().endswith(value),
            "contains": lambda fields: value in fields.get(column, "").casefold(),
            "has": lambda fields: _has(fields.get(column, "").casefold(), value),
        }[operator]


def _has(said: str, value: str) -> bool:
    """Tell whether a text holds a value that no letter and no digit touches."""
    return re.search(rf"(?<![a-z0-9]){re.escape(value)}(?![a-z0-9])", said) is not None


class Spl:
    """The condition of one search: terms side by side must all hold, and ``OR`` binds tighter than that."""

    def __init__(self, text: str) -> None:
        self._words = _Words(_SPL, text)
        self.holds = self._and()
        assert self._words.peek() == "", self._words.words[self._words.at :]

    def _and(self) -> Test:
        tests = [self._or()]
        while self._words.peek() not in ("", ")"):
            tests.append(self._or())
        return _all(tests)

    def _or(self) -> Test:
        tests = [self._one()]
        while self._words.took("OR"):
            tests.append(self._one())
        return _any(tests)

    def _one(self) -> Test:
        if self._words.took("NOT"):
            return _not(self._one())
        if self._words.took("("):
            test = self._and()
            self._words.take(")")
            return test
        field = self._words.take()
        operator = self._words.take("=", ">=", "<=")
        word = self._words.take()
        if operator != "=":
            number = int(word)
            return lambda fields: (
                int(fields.get(field, "-1")) >= number if operator == ">=" else int(fields.get(field, "-1")) <= number
            )
        value = re.sub(r"\\(.)", r"\1", word[1:-1]) if word.startswith('"') else word
        pattern = re.compile(".*".join(map(re.escape, value.split("*"))), re.IGNORECASE | re.DOTALL)
        return lambda fields: pattern.fullmatch(fields.get(field, "")) is not None


def kql_condition(query: str) -> tuple[str, Test]:
    """Return the table that a query of ours looks at, and its condition."""
    lines = [line for line in query.splitlines() if not line.startswith(("//", "let "))]
    body = "\n".join(lines)
    table, _, rest = body.partition("\n")
    wheres = [one for one in rest.split("\n| ") if one.lstrip("| ").startswith("where ")]
    conditions = [one.lstrip("| ").removeprefix("where ") for one in wheres if "between (Time_start" not in one]
    return table, Kql(conditions[0]).holds


def spl_condition(query: str) -> Test:
    """Return the condition of a query of ours: its first command."""
    return Spl(query.split("```")[2].split("\n| ", maxsplit=1)[0]).holds
