"""A plan is the same plan after it was written and read, and no change of it goes unseen."""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from auditor.errors import PlanError
from auditor.model.plan import Plan
from auditor.model.record import replace
from auditor.remediate.plan_text import Approval, PlanFile, plan_digest, plan_text, read_plan, signed_text
from tests.remediate.test_planning import PACKAGE, UNAPPROVED, UNIT, a_host, planned, violation

FILE = Path("plan.yml")


@pytest.fixture
def plan() -> Plan:
    port = ("exposed_listener", violation("3", "listener:tcp/5900"))
    by_hand = ("software_installers", violation("4", "principal:mallory", product=None))
    held = {"packages": [PACKAGE], "services": [UNIT], "files": ["/home/tom/AnyDesk 1"]}
    return planned(a_host(UNAPPROVED, port, by_hand, held=held))


def test_it_reads_back_as_it_was_written(plan: Plan) -> None:
    assert len(plan.steps) == 4
    for approval in (None, Approval(by="Grace", sha256="c" * 64, signature="-----BEGIN\nabc\n-----END\n")):
        file = PlanFile(plan=plan, approval=approval)
        assert read_plan(plan_text(file), FILE) == file


def test_comments_and_line_breaks_void_nothing(plan: Plan) -> None:
    text = plan_text(PlanFile(plan=plan))
    other = "# read by Grace\n" + text.replace("\nrun:", "  # ok\n\nrun:", 1)
    assert other != text
    assert plan_digest(read_plan(other, FILE).plan) == plan_digest(plan)


def _leaves(value: Any, place: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if isinstance(value, dict | list):
        for key, one in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _leaves(one, (*place, key))
    else:
        yield place


def test_every_other_change_is_another_plan_or_none(plan: Plan) -> None:
    data = yaml.safe_load(plan_text(PlanFile(plan=plan)))
    places = list(_leaves(data))
    assert len(places) > 60
    for place in places:
        changed = copy.deepcopy(data)
        at = changed
        for key in place[:-1]:
            at = at[key]
        old = at[place[-1]]
        at[place[-1]] = not old if isinstance(old, bool) else old + 1 if isinstance(old, int) else f"{old or ''}0"
        try:
            read = read_plan(yaml.safe_dump(changed), FILE)
        except PlanError:
            continue
        assert plan_digest(read.plan) != plan_digest(plan), place


def test_a_step_taken_out_is_another_plan(plan: Plan) -> None:
    assert plan_digest(replace(plan, steps=plan.steps[1:])) != plan_digest(plan)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        pytest.param("play: stop_service", "play: reboot", "reboot", id="no such play"),
        pytest.param("name: anydesk.service", "name: '{{ 1 }}'", "{{ 1 }}", id="a template for a name"),
        pytest.param("- /home/tom/AnyDesk 1", "- home/tom/AnyDesk", "home/tom/AnyDesk", id="no path"),
        pytest.param("port: 5900", "port: 0", "0", id="no port"),
        pytest.param("init: systemd", "init: systemd\n          command: id", "unknown key 'command'", id="a key more"),
        pytest.param("auditor_plan: 1", "auditor_plan: 2", "auditor_plan", id="another form"),
        pytest.param("reversible: true", "reversible: maybe", "reversible", id="no truth"),
        pytest.param("run: r1", "run: r1\nrun: r2", "stands twice", id="a key twice"),
    ],
)
def test_what_is_no_plan_is_refused_with_its_place(plan: Plan, old: str, new: str, said: str) -> None:
    text = plan_text(PlanFile(plan=plan))
    assert old in text
    with pytest.raises(PlanError) as refused:
        read_plan(text.replace(old, new, 1), FILE)
    assert said in str(refused.value)
    assert all(problem.line for problem in refused.value.problems)


def test_what_is_signed_is_ascii_and_the_same_whatever_the_order_of_keys(plan: Plan) -> None:
    text = signed_text(plan)
    assert text.isascii()
    data = yaml.safe_load(plan_text(PlanFile(plan=plan)))
    mixed = yaml.safe_dump(dict(reversed(data.items())), sort_keys=False)
    assert signed_text(read_plan(mixed, FILE).plan) == text
