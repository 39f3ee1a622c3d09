"""What polkit's rules let whom do, worked out from the scripts that administrators write."""

import pytest

from auditor.collect.accounts.polkit_answers import parse_polkit
from auditor.model.facts.accounts import PolkitGrant

_INSTALL, _UNITS, _EXEC = (
    "org.freedesktop.packagekit.package-install",
    "org.freedesktop.systemd1.manage-units",
    "org.freedesktop.policykit.exec",
)
_ACTIONS = "".join(f"action\t{name}\tauth_admin\tauth_admin\tauth_admin_keep\t\n" for name in (_INSTALL, _UNITS, _EXEC))


def read(*scripts: str, actions: str = _ACTIONS) -> tuple[set[tuple[str, str, str]], int]:
    """Return who is granted what from where, and how many things could not be worked out."""
    files = "".join(
        f"file\t/etc/polkit-1/rules.d/{number:02}.rules\n"
        + "".join(f"{at}\t{line}\n" for at, line in enumerate(script.split("\n"), 1))
        for number, script in enumerate(scripts)
    )
    parsed = parse_polkit(f"daemon\t/usr/lib/polkit-1/polkitd\npkexec\n{actions}{files}")
    grants = [fact for _, fact in parsed.facts if isinstance(fact, PolkitGrant)]
    return {(one.principal, one.action, one.where) for one in grants}, len(parsed.unread)


def rule(body: str) -> str:
    return f"polkit.addRule(function(action, subject) {{\n{body}\n}});"


_IS_INSTALL = f'action.id == "{_INSTALL}"'
_IS_EXEC = f'if (action.id == "{_EXEC}"'
_YES = "return polkit.Result.YES;"
_ANYWHERE, _CONSOLE = "anywhere", "at the console"


@pytest.mark.parametrize(
    ("body", "granted"),
    [
        pytest.param(f"if ({_IS_INSTALL}) {_YES}", {("ALL", _INSTALL, _ANYWHERE)}, id="everybody"),
        pytest.param(
            f"if ({_IS_INSTALL} && subject.local && subject.active) {_YES}", {("ALL", _INSTALL, _CONSOLE)},
            id="whoever-sits-there",
        ),
        pytest.param(
            f'if ({_IS_INSTALL} && subject.isInGroup("ops")) {_YES}', {("%ops", _INSTALL, _ANYWHERE)}, id="a-group"
        ),
        pytest.param(
            f'if ({_IS_INSTALL} && !subject.isInGroup("guests")) {_YES}', {("ALL", _INSTALL, _ANYWHERE)},
            id="all-but-a-group",
        ),
        pytest.param(
            f'if ({_IS_INSTALL} && ["ada", "bob"].indexOf(subject.user) > -1) {_YES}',
            {("ada", _INSTALL, _ANYWHERE), ("bob", _INSTALL, _ANYWHERE)}, id="a-list-of-users",
        ),
        pytest.param(
            f'if (subject.user != "ada") return polkit.Result.NOT_HANDLED;\nif ({_IS_INSTALL}) {_YES}',
            {("ada", _INSTALL, _ANYWHERE)}, id="others-leave-early",
        ),
        pytest.param(
            f'return ({_IS_INSTALL} && subject.isInGroup("ops")) ? polkit.Result.AUTH_SELF_KEEP : null;',
            {("%ops", _INSTALL, _ANYWHERE)}, id="a-choice-and-the-own-password",
        ),
        pytest.param(f"if ({_IS_INSTALL}) return polkit.Result.AUTH_ADMIN;", set(), id="an-administrator-is-asked"),
        pytest.param('if (action.id == "org.example.lamp") return polkit.Result.YES;', set(), id="another-action"),
        pytest.param(
            f'if (action.id == "{_UNITS}" && action.lookup("unit") == "web.service" && subject.user == "ada") {_YES}',
            set(), id="one-unit-is-not-every-unit",
        ),
        pytest.param(
            f'if (action.id == "{_UNITS}" && action.lookup("verb") == "start" && subject.user == "ada") {_YES}',
            {("ada", _UNITS, _ANYWHERE)}, id="every-unit",
        ),
        pytest.param(
            f'{_IS_EXEC} && action.lookup("program") == "/usr/bin/lamp" && subject.user == "ada") {_YES}',
            set(), id="one-harmless-program",
        ),
        pytest.param(
            f'{_IS_EXEC} && action.lookup("program") == "/usr/bin/dnf" && subject.user == "ada") {_YES}',
            {("ada", _EXEC, _ANYWHERE)}, id="a-package-manager",
        ),
        pytest.param(f"/* if ({_IS_INSTALL}) {_YES} */ // {_YES}", set(), id="a-comment"),
    ],
)  # fmt: skip
def test_what_a_rule_grants(body: str, granted: set[tuple[str, str, str]]) -> None:
    assert read(rule(body)) == (granted, 0)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(f"while (true) {{ {_YES} }}", id="a-loop"),
        pytest.param(f"if (/packagekit/.test(action.id)) {_YES}", id="a-regular-expression"),
        pytest.param(f"if ({_IS_INSTALL}) return polkit.spawn(['/bin/may', subject.user]);", id="a-program-is-asked"),
        pytest.param(f"if ({_IS_INSTALL} && subject.seat == 'seat0') {_YES}", id="a-seat"),
        pytest.param(
            f"if ({_IS_INSTALL} && subject.isInGroup('a') && subject.isInGroup('b')) {_YES}", id="two-groups-at-once"
        ),
        pytest.param(f"if ({_IS_INSTALL} && subject.user == allowed) {_YES}", id="a-name-from-elsewhere"),
        pytest.param(f"if (({'(' * 60}true{')' * 60})) {_YES}", id="nested-too-deeply"),
    ],
)
def test_what_cannot_be_worked_out_is_said(body: str) -> None:
    granted, unread = read(rule(body))
    assert granted == set()
    assert unread > 0


def test_the_first_rule_that_answers_decides() -> None:
    no, yes = rule(f"if ({_IS_INSTALL}) return polkit.Result.NO;"), rule(f"if ({_IS_INSTALL}) {_YES}")
    assert read(no, yes) == (set(), 0)
    assert read(yes, no) == ({("ALL", _INSTALL, _ANYWHERE)}, 0)


def test_who_is_asked_for_a_password_is_an_administrator() -> None:
    names = 'polkit.addAdminRule(function(action, subject) { return ["unix-group:wheel", "unix-user:0"]; });'
    assert read(names) == ({("%wheel", "*", _ANYWHERE)}, 0)
    assert read("polkit.addAdminRule(function(a, s) { return []; });", names) == ({("%wheel", "*", _ANYWHERE)}, 0)
    # Where no action that installs asks for one, nobody gains anything by being one.
    assert read(names, actions="") == (set(), 0)


def test_a_rule_can_close_what_an_action_leaves_open() -> None:
    open_ = f"action\t{_INSTALL}\tno\tno\tyes\t\n"
    assert read(actions=open_) == ({("ALL", _INSTALL, _CONSOLE)}, 0)
    assert read(rule(f"if ({_IS_INSTALL}) return polkit.Result.AUTH_ADMIN;"), actions=open_) == (set(), 0)
