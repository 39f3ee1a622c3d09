"""Which settings of remote-access products break the control, and when silence may not pass for one."""

from collections.abc import Callable
from typing import Any

import pytest

from auditor.catalogue.entry import make_catalogue, read_product
from auditor.catalogue.load import load_catalogue
from auditor.catalogue.match import match
from auditor.catalogue.product import Catalogue
from auditor.catalogue.unsafe import _ELSEWHERE, SECTION, unfound_settings, unread_settings, weaknesses
from auditor.collect.remote_config.product_files import is_told
from auditor.controls.product_settings import CONTROL
from auditor.model.case import Case
from auditor.model.evidence import Outcome, Rights
from auditor.model.facts.processes import Process
from auditor.model.facts.remote_config import RemoteAccessSetting, SettingsFile
from auditor.model.host import OsFamily
from auditor.model.reading import Found, Reading, SectionReading
from auditor.model.verdict import Verdict
from auditor.model.weakness import Weakness
from tests.controls.cases import a_host

_SAID = {"os": "linux", "source": "made up", "verified": "2026-11-27"}
_FILE = "~/.config/tool/tool.toml"
_HOME = "/home/anna/.config/tool/tool.toml"


@pytest.fixture(autouse=True)
def _read_but_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the made-up product's settings be read, all but one."""
    monkeypatch.setattr("auditor.catalogue.unsafe.is_told", lambda _product, key, _os: key != "unread")


@pytest.mark.parametrize("when", ["absent", "set", "Y", "not Y"])
def test_a_setting_that_nobody_reads_is_neither_unsafe_nor_safe(when: str, a_case: Callable[..., Any]) -> None:
    catalogue = _catalogue(key="unread", when=when)
    assert not _found(_reading(), catalogue)
    told = unread_settings(_reading(), match(_reading(), catalogue), catalogue)
    assert told == (f"Tool: unread ({_FILE})",)
    assert [one.reason for one in CONTROL.assess(a_case(unread_settings=told)).gaps] == [
        f"this version does not read Tool: unread ({_FILE})"
    ]


def test_products_that_other_controls_judge_are_those_whose_settings_others_read() -> None:
    catalogue = load_catalogue()
    assert {product.id for product in catalogue.products if product.unsafe} >= _ELSEWHERE
    theirs = [(one.id, rule) for one in catalogue.products if one.id in _ELSEWHERE for rule in one.unsafe]
    assert not any(is_told(product, rule.key, rule.os) for product, rule in theirs)


def _catalogue(*more: dict[str, Any], **rule: Any) -> Catalogue:
    """Make a catalogue of one product with one unsafe setting, and more."""
    unsafe = [{"file": _FILE, "format": "toml", "why": "It opens the host.", **_SAID, **one} for one in (rule, *more)]
    product = {
        "id": "tool", "name": "Tool", "vendor": "Nobody", "category": "remote-support", "role": "agent", "depth": "C",
        "techniques": ["T1219.002"], "summary": "Made up.", "unsafe": unsafe,
        "indicators": [{"kind": "process", "values": ["toold"], "strength": "strong", **_SAID}],
    }  # fmt: skip
    return make_catalogue([read_product(product)])


def _reading(
    *settings: tuple[str, str, str],
    arguments: str = "/usr/bin/toold",
    name: str = "toold",
    section: str = SECTION,
    outcome: Outcome = Outcome.COLLECTED,
    whole: tuple[str, ...] = (),
) -> Reading:
    facts = tuple(
        RemoteAccessSetting(product="tool", key=key, value=value, file=file, user="anna")
        for key, value, file in settings
    )
    process = Process(pid=7, parent=1, user="root", name=name, executable=f"/usr/bin/{name}", arguments=arguments)
    files = tuple(SettingsFile(product="tool", file=file, user="anna") for file in whole)
    lines = (*(f"{fact.key} = {fact.value}" for fact in facts), *(f"whole {fact.file}" for fact in files))
    return Reading(
        os=OsFamily.LINUX,
        rights=Rights.ROOT,
        sections={
            section: SectionReading(id=section, outcome=outcome, lines=lines),
            "processes.procfs": SectionReading(id="processes.procfs", outcome=Outcome.COLLECTED, lines=(arguments,)),
        },
        facts={
            RemoteAccessSetting: tuple(Found(fact, section, line) for line, fact in enumerate(facts, 1)),
            SettingsFile: tuple(Found(fact, section, line) for line, fact in enumerate(files, 1 + len(facts))),
            Process: (Found(process, "processes.procfs", 1),),
        },
    )


def _found(reading: Reading, catalogue: Catalogue) -> tuple[Weakness, ...]:
    return weaknesses(reading, match(reading, catalogue), catalogue)


@pytest.mark.parametrize(
    ("when", "value", "is_unsafe"),
    [
        ("Y", "Y", True), ("Y", "y", True), ("Y", "N", False), ("Y", "", False),
        ("true", "1", True), ("true", "yes", True), ("false", "0", True), ("false", "true", False),
        ("set", "(set)", True), ("set", "", False), ("empty", "", True), ("empty", " ", True), ("empty", "x", False),
        ("not click", "both", True), ("not click", "click", False), ("not click", "", True),
        ("not click", "(set)", False),
    ],
)  # fmt: skip
def test_what_makes_a_value_unsafe(when: str, value: str, is_unsafe: bool) -> None:
    found = _found(_reading(("direct-server", value, _HOME)), _catalogue(key="direct-server", when=when))
    assert bool(found) is is_unsafe


def test_a_weakness_says_whose_file_says_what() -> None:
    (found,) = _found(_reading(("Direct-Server", "Y", _HOME)), _catalogue(key="direct-server", when="Y"))
    assert (found.place, found.user, found.value, found.name) == (_HOME, "anna", "Y", "Tool")
    assert found.proof[0].quote == "Direct-Server = Y"


@pytest.mark.parametrize("file", ["/etc/tool.toml", "/home/anna/.config/tool/other.toml"])
def test_a_key_in_another_file_is_another_setting(file: str) -> None:
    assert not _found(_reading(("direct-server", "Y", file)), _catalogue(key="direct-server", when="Y"))


def test_settings_of_a_product_that_is_not_there_open_nothing() -> None:
    reading = _reading(("direct-server", "Y", _HOME), name="other", arguments="other")
    assert not _found(reading, _catalogue(key="direct-server", when="Y"))


def test_settings_of_a_product_that_is_only_suspected_are_suspected(a_case: Callable[..., Any]) -> None:
    reading = _reading(("direct-server", "Y", _HOME), name="sleep", arguments="toold 1")
    (found,) = _found(reading, _catalogue(key="direct-server", when="Y"))
    result = CONTROL.assess(a_case(weaknesses=(found,)))
    assert (len(result.violations), len(result.suspected)) == (0, 1)


def test_settings_that_another_control_judges_are_left_to_it() -> None:
    reading = _reading(("direct-server", "Y", _HOME), section="remote_config.servers")
    assert not _found(reading, _catalogue(key="direct-server", when="Y"))


@pytest.mark.parametrize("outcome", [Outcome.COLLECTED, Outcome.PARTIAL])
@pytest.mark.parametrize(
    ("settings", "whole", "is_unsafe"),
    [
        pytest.param((), (_HOME,), True, id="a-file-that-was-read-and-does-not-say-it"),
        pytest.param((("whitelist", "", _HOME),), (_HOME,), True, id="a-file-that-says-nothing-there"),
        pytest.param((("whitelist", "10.0.0.1", _HOME),), (_HOME,), False, id="a-file-that-says-it"),
        pytest.param((("other", "1", _HOME),), (), False, id="a-file-that-was-not-read-to-its-end"),
        pytest.param((), ("/etc/tool.toml",), False, id="another-file"),
        pytest.param((("whitelist", "10.0.0.1", "/etc/tool.toml"),), (_HOME,), True, id="another-file-says-it"),
        pytest.param((), (), False, id="no-file"),
    ],
)
def test_what_was_not_read_is_not_lacking(settings: Any, whole: Any, is_unsafe: bool, outcome: Outcome) -> None:
    found = _found(_reading(*settings, whole=whole, outcome=outcome), _catalogue(key="whitelist", when="absent"))
    assert bool(found) is is_unsafe
    for one in found:
        assert (one.place, one.user, one.value, one.proof[0].quote) == (_HOME, "anna", None, f"whole {_HOME}")


@pytest.mark.parametrize(
    ("outcome", "settings", "rule", "is_unknown"),
    [
        pytest.param(Outcome.COLLECTED, (), {}, True, id="no-file"),
        pytest.param(Outcome.ABSENT, (), {}, True, id="no-file-of-any-product"),
        pytest.param(Outcome.PARTIAL, (), {}, False, id="the-section-says-itself-what-it-lacks"),
        pytest.param(Outcome.COLLECTED, (("other", "1", "/etc/x"),), {}, False, id="another-file-of-the-product"),
        pytest.param(Outcome.COLLECTED, (), {"when": "Y"}, False, id="what-is-safe-where-it-is-lacking"),
        pytest.param(Outcome.COLLECTED, (), {"unless": {"bind": ["absent"]}}, False, id="safe-without-a-file"),
        pytest.param(Outcome.COLLECTED, (), {"key": "unread"}, False, id="what-nobody-reads-is-said-to-be-so"),
        pytest.param(Outcome.COLLECTED, (), {"format": "arguments"}, False, id="an-option"),
    ],
)
def test_a_product_without_a_file_is_not_known_to_be_set_well(
    outcome: Outcome, settings: Any, rule: dict[str, Any], is_unknown: bool, a_case: Callable[..., Any]
) -> None:
    catalogue = _catalogue(**{"key": "whitelist", "when": "absent", **rule})
    reading = _reading(*settings, outcome=outcome, arguments="")
    told = unfound_settings(reading, match(reading, catalogue), catalogue)
    assert told == (("Tool: whitelist",) if is_unknown else ())
    reasons = [one.reason for one in CONTROL.assess(a_case(unfound_settings=told)).gaps]
    assert reasons == [f"no file was found that would say {one}" for one in told]


def test_a_product_that_is_gone_lacks_no_file() -> None:
    catalogue = _catalogue(key="whitelist", when="absent")
    reading = _reading(name="other", arguments="other")
    assert unfound_settings(reading, match(reading, catalogue), catalogue) == ()


@pytest.mark.parametrize(
    ("others", "is_unsafe"),
    [
        pytest.param([], False, id="absent"),
        pytest.param([("bind", "")], False, id="empty"),
        pytest.param([("bind", "127.0.0.1:8080")], False, id="of-a-pattern"),
        pytest.param([("Bind", "LOCALHOST")], False, id="whatever-case"),
        pytest.param([("bind", "0.0.0.0:8080")], True, id="another-value"),
        pytest.param([("bind", "127.0.0.1"), ("bind", "0.0.0.0")], True, id="safe-once-and-unsafe-once"),
    ],
)
def test_another_setting_of_the_file_makes_it_safe(others: list[tuple[str, str]], is_unsafe: bool) -> None:
    catalogue = _catalogue(key="auth", when="none", unless={"bind": ["absent", "127.*", "localhost"]})
    settings = [("auth", "none", _HOME), *((key, value, _HOME) for key, value in others)]
    assert bool(_found(_reading(*settings, whole=(_HOME,)), catalogue)) is is_unsafe


def test_another_setting_is_not_lacking_in_a_file_that_was_not_read_to_its_end() -> None:
    catalogue = _catalogue(key="auth", when="none", unless={"bind": ["absent"]})
    assert _found(_reading(("auth", "none", _HOME)), catalogue)
    assert not _found(_reading(("auth", "none", _HOME), ("bind", "", "/etc/other"), whole=(_HOME,)), catalogue)


@pytest.mark.parametrize(("said", "severity"), [({}, "medium"), ({"severity": "high"}, "high")])
def test_a_rule_says_how_severe_it_is(said: dict[str, str], severity: str, a_case: Callable[..., Any]) -> None:
    found = _found(_reading(("auth", "none", _HOME)), _catalogue(key="auth", when="none", **said))
    assert [one.severity for one in CONTROL.assess(a_case(weaknesses=found)).violations] == [severity]


def test_of_several_rules_about_one_setting_the_first_counts() -> None:
    on_all = {"key": "auth", "when": "none", "severity": "high", "unless": {"bind": ["127.*"]}}
    catalogue = _catalogue({"key": "auth", "when": "none", "why": "On loopback."}, **on_all)
    (found,) = _found(_reading(("auth", "none", _HOME), ("bind", "0.0.0.0", _HOME), whole=(_HOME,)), catalogue)
    assert (found.severity, found.why) == ("high", "It opens the host.")
    (found,) = _found(_reading(("auth", "none", _HOME), ("bind", "127.0.0.1", _HOME), whole=(_HOME,)), catalogue)
    assert (found.severity, found.why) == ("medium", "On loopback.")


@pytest.mark.parametrize(
    ("arguments", "when", "is_unsafe"),
    [
        ("toold --auth none", "none", True), ("toold --auth=none", "none", True), ("toold --auth x", "none", False),
        ("toold", "absent", True), ("toold --auth", "absent", False), ("toold --auth", "set", False),
        ("toold --auth x", "set", True), ("toold --author none", "none", False), ("", "absent", False),
    ],
)  # fmt: skip
def test_an_option_of_a_running_program(arguments: str, when: str, is_unsafe: bool) -> None:
    catalogue = _catalogue(key="--auth", when=when, format="arguments", file="command line")
    assert bool(_found(_reading(arguments=arguments), catalogue)) is is_unsafe


def test_each_weakness_is_one_violation(a_case: Callable[..., Any]) -> None:
    reading = _reading(("direct-server", "Y", _HOME), ("direct-server", "Y", "/root/.config/tool/tool.toml"))
    found = _found(reading, _catalogue(key="direct-server", when="Y"))
    result = CONTROL.assess(a_case(weaknesses=found))
    assert [one.subject for one in result.violations] == [
        f"setting:tool:{_HOME}:direct-server",
        "setting:tool:/root/.config/tool/tool.toml:direct-server",
    ]
    assert result.violations[0].reason == f"Tool of anna: direct-server is Y ({_HOME}). It opens the host."
    assert all(one.proof and one.product == "tool" for one in result.violations)
    assert CONTROL.assess(a_case()).violations == ()


def _weak(**more: Any) -> Case:
    one = Weakness(
        product="anydesk", name="AnyDesk", key="ad.anynet.pwd_hash", value="(set)", place="/etc/anydesk/service.conf",
        why="It opens the host.", proof=(), **more,
    )  # fmt: skip
    return a_host({}, weaknesses=(one,))


CASES: dict[Verdict, Callable[[], Case]] = {
    Verdict.FAIL: _weak,
    Verdict.PASS: lambda: a_host({}),
    Verdict.UNKNOWN: lambda: _weak(is_suspected=True),
}
ALWAYS_APPLIES = "a host without a product of which a setting is known has none to judge: that is a pass"
