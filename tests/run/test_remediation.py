"""Hosts are changed in batches, only while the plan still fits them, and nothing but new evidence closes a finding."""

from collections.abc import Callable, Mapping

import pytest

from auditor.model.record import replace
from auditor.model.remediation import Happened
from auditor.remediate.playing import Task
from auditor.remediate.standing import HostStanding, Stands
from auditor.run.remediation import apply, rollback
from tests.run.remediations import Fleet


@pytest.fixture
def fleet() -> Fleet:
    """Give five hosts."""
    return Fleet(["a1", "a2", "a3", "a4", "a5"])


def stands(hosts: Mapping[str, HostStanding]) -> list[Stands]:
    return [host.stands for host in hosts.values()]


def test_every_host_is_asked_checked_captured_changed_and_asked_again(fleet: Fleet) -> None:
    orders = fleet.orders(canary=1, batch=2)
    hosts = apply(orders, fleet.tools())
    assert stands(hosts) == [Stands.CLOSED] * 5
    assert fleet.audits == [("a1",), ("a1",), ("a2", "a3"), ("a2", "a3"), ("a4", "a5"), ("a4", "a5")]
    assert [(name, check) for host, name, check in fleet.played if host == "a1"] == [
        ("stop_service", True),
        ("capture", False),
        ("guard", False),
        ("stop_service", False),
        ("confirm", False),
    ]
    assert [event.what for event in fleet.events if event.host == "a1"] == [
        Happened.CHECKED,
        Happened.CAPTURED,
        Happened.CHANGING,
        Happened.CHANGED,
        Happened.CONFIRMED,
        Happened.PROVED,
    ]
    assert hosts["a1"].hours == 12.0
    assert fleet.events[-1].what is Happened.ENDED


def test_a_play_that_ends_well_closes_nothing(fleet: Fleet) -> None:
    fleet.ineffective.add("a1")
    hosts = apply(fleet.orders(max_failures=1.0), fleet.tools())
    assert hosts["a1"].stands is Stands.OPEN
    assert hosts["a2"].stands is Stands.CLOSED


def test_a_host_without_new_evidence_is_not_closed(fleet: Fleet) -> None:
    def fall_silent(host: str, task: Task) -> None:
        if (host, task.playbook) == ("a1", "confirm"):
            fleet.silent.add("a1")

    fleet.before_play = fall_silent
    hosts = apply(fleet.orders(max_failures=1.0), fleet.tools())
    assert hosts["a1"].stands is Stands.OPEN
    assert hosts["a1"].findings == {next(iter(hosts["a1"].findings)): "not seen"}


def test_a_host_that_gives_no_evidence_now_is_not_changed(fleet: Fleet) -> None:
    fleet.silent.add("a2")
    hosts = apply(fleet.orders(), fleet.tools())
    assert hosts["a2"].stands is Stands.SKIPPED
    assert "nothing is changed blindly" in hosts["a2"].why
    assert not [one for one in fleet.played if one[0] == "a2"]


def test_a_host_that_has_changed_since_the_plan_is_skipped(fleet: Fleet) -> None:
    orders = fleet.orders()
    step = orders.plan.steps[1]
    other = replace(step, variables={"services": ({"name": "other.service", "init": "systemd"},)})
    plan = replace(orders.plan, steps=(orders.plan.steps[0], other, *orders.plan.steps[2:]))
    hosts = apply(replace(orders, plan=plan), fleet.tools())
    assert hosts["a2"].stands is Stands.SKIPPED
    assert "has changed since the plan was made" in hosts["a2"].why
    assert fleet.running["a2"]


def test_a_host_whose_findings_are_closed_already_is_left_alone(fleet: Fleet) -> None:
    orders = fleet.orders()
    fleet.running["a2"] = False
    hosts = apply(orders, fleet.tools())
    assert hosts["a2"].stands is Stands.CLOSED
    assert not [one for one in fleet.played if one[0] == "a2"]


def test_a_host_that_the_inventory_does_not_have_is_skipped(fleet: Fleet) -> None:
    orders = fleet.orders()
    hosts = apply(replace(orders, hosts={name: orders.hosts[name] for name in ("a1", "a3")}), fleet.tools())
    assert stands(hosts) == [Stands.CLOSED, Stands.SKIPPED, Stands.CLOSED, Stands.SKIPPED, Stands.SKIPPED]


def test_a_play_that_cannot_be_run_changes_nothing(fleet: Fleet) -> None:
    fleet.faults["a1", "stop_service"] = "sudo: a password is required"
    hosts = apply(fleet.orders(max_failures=1.0), fleet.tools())
    assert hosts["a1"].stands is Stands.FAILED
    assert "a password is required" in hosts["a1"].why
    assert [name for host, name, _ in fleet.played if host == "a1"] == ["stop_service"]


def test_a_host_that_failed_and_was_mended_by_others_is_closed(fleet: Fleet) -> None:
    fleet.faults["a1", "stop_service"] = "sudo: a password is required"
    orders = fleet.orders(max_failures=1.0)
    assert apply(orders, fleet.tools())["a1"].stands is Stands.FAILED
    fleet.running["a1"] = False
    hosts = apply(orders, fleet.tools())
    assert hosts["a1"].stands is Stands.CLOSED
    assert hosts["a1"].why == ""


def test_without_a_capsule_nothing_is_changed(fleet: Fleet) -> None:
    fleet.faults["a1", "capture"] = "no"
    assert apply(fleet.orders(max_failures=1.0), fleet.tools())["a1"].stands is Stands.FAILED
    assert fleet.running["a1"]


def test_a_play_that_fails_half_way_is_put_back_at_once(fleet: Fleet) -> None:
    def fail_for_real(host: str, task: Task) -> None:
        if (host, task.playbook, task.is_check) == ("a1", "stop_service", False):
            fleet.running["a1"] = False
            fleet.faults["a1", "stop_service"] = "it broke"

    fleet.before_play = fail_for_real
    hosts = apply(fleet.orders(max_failures=1.0), fleet.tools())
    assert hosts["a1"].stands is Stands.REVERTED
    assert "it broke; it was put back at once" in hosts["a1"].why
    assert fleet.running["a1"]


def test_a_change_that_nobody_confirms_is_awaited_back(fleet: Fleet) -> None:
    fleet.faults["a1", "confirm"] = "it was not reached: timed out"

    def timer(host: str, task: Task) -> None:
        # What the timer on the host does while the auditor waits.
        if host == "a1" and task.playbook == "capture":
            fleet.running["a1"] = True

    fleet.before_play = timer
    hosts = apply(fleet.orders(max_failures=1.0), fleet.tools())
    assert hosts["a1"].stands is Stands.REVERTED
    assert "no new connection came in" in hosts["a1"].why
    assert "the timed revert has put it back" in hosts["a1"].why


def test_the_timer_is_awaited_from_when_it_was_set_and_looked_for_more_than_once(fleet: Fleet) -> None:
    fleet.faults["a1", "confirm"] = "it was not reached"
    now = [0.0]

    def act(host: str, task: Task) -> None:
        # Every play takes ten seconds; the timer, of 30, comes late on this slow host: 80 s after it was set.
        now[0] += 10.0
        if task.playbook == "guard":
            fires.append(now[0] + 80.0)
        if host == "a1" and task.playbook == "capture" and fires and now[0] >= fires[0]:
            fleet.running["a1"] = True

    def wait(seconds: float) -> None:
        waited.append(seconds)
        now[0] += seconds

    fires: list[float] = []
    waited: list[float] = []
    fleet.before_play = act
    hosts = apply(
        fleet.orders(max_failures=0.0, guard_seconds=30),
        replace(fleet.tools(), clock=lambda: now[0], wait=wait),
    )
    assert hosts["a1"].stands is Stands.REVERTED
    # The play and the new connection took 20 of the 30; then it was looked for twice.
    assert waited == [10.0, 15.0, 15.0]


def test_a_change_that_the_timer_did_not_put_back_is_to_be_mended(fleet: Fleet) -> None:
    fleet.faults["a1", "confirm"] = "it was not reached"
    hosts = apply(fleet.orders(max_failures=1.0), fleet.tools())
    assert hosts["a1"].stands is Stands.BEGUN
    assert "it is not as it was" in hosts["a1"].why


@pytest.mark.parametrize(("took", "seconds"), [(0, 25), (12, 13), (20, 5)])
def test_a_play_has_to_end_before_the_timer_comes(took: int, seconds: int) -> None:
    fleet = Fleet(["a1"])
    asked, clock = _slow_guard(fleet, took)
    hosts = apply(fleet.orders(guard_seconds=30), replace(fleet.tools(), clock=clock))
    assert hosts["a1"].stands is Stands.CLOSED
    assert asked == [seconds]


def test_nothing_is_changed_where_the_timer_would_come_first() -> None:
    fleet = Fleet(["a1"])
    asked, clock = _slow_guard(fleet, 21)
    hosts = apply(fleet.orders(guard_seconds=30), replace(fleet.tools(), clock=clock))
    assert hosts["a1"].stands is Stands.REVERTED
    assert "give it more time with --guard-seconds" in hosts["a1"].why
    assert asked == []


def _slow_guard(fleet: Fleet, took: int) -> tuple[list[int], Callable[[], float]]:
    """Let the timer take so long to set; give how long the plays after it may take, and the clock."""
    now, asked = [0.0], []

    def note(_host: str, task: Task) -> None:
        if task.playbook == "guard":
            now[0] += took
        if task.playbook == "stop_service" and not task.is_check:
            asked.append(task.seconds)

    fleet.before_play = note
    return asked, lambda: now[0]


def test_too_many_failures_stop_the_rest(fleet: Fleet) -> None:
    fleet.faults["a1", "stop_service"] = "no"
    hosts = apply(fleet.orders(), fleet.tools())
    assert stands(hosts) == [Stands.FAILED] + [Stands.UNTRIED] * 4
    assert fleet.events[-1].what is Happened.STOPPED
    assert any("4 hosts are not tried" in said for said in fleet.said)


def test_what_failed_before_does_not_stop_who_goes_on(fleet: Fleet) -> None:
    fleet.faults = dict.fromkeys([(name, "stop_service") for name in ("a1", "a2", "a3")], "no")
    apply(fleet.orders(max_failures=1.0), fleet.tools())
    fleet.running["a4"] = fleet.running["a5"] = True
    fleet.faults.clear()
    assert stands(apply(fleet.orders(canary=1, batch=1), fleet.tools())) == [Stands.CLOSED] * 5


def test_an_interrupt_leaves_the_rest_and_resume_goes_on(fleet: Fleet) -> None:
    orders = fleet.orders(batch=2)
    hosts = apply(orders, fleet.tools(is_stopped=lambda: len(fleet.audits) >= 2))
    assert stands(hosts) == [Stands.CLOSED] + [Stands.UNTRIED] * 4
    assert stands(apply(orders, fleet.tools())) == [Stands.CLOSED] * 5
    assert fleet.audits.count(("a1",)) == 2


@pytest.mark.parametrize("last", [Happened.CHANGING, Happened.CHANGED, Happened.CAPTURED])
def test_a_process_that_was_killed_is_mended_by_resume(fleet: Fleet, last: Happened) -> None:
    orders = fleet.orders()

    class KilledError(Exception):
        pass

    real = fleet.note

    def note(what: Happened, host: str | None, data: Mapping[str, object]) -> object:
        made = real(what, host, data)
        if what is last:
            raise KilledError
        return made

    with pytest.raises(KilledError):
        apply(orders, replace(fleet.tools(), note=note))
    wanted = Stands.UNTRIED if last is Happened.CAPTURED else Stands.BEGUN
    assert fleet.standing(orders.plan)["a1"].stands is wanted
    fleet.played.clear()
    assert stands(apply(orders, fleet.tools())) == [Stands.CLOSED] * 5
    inverse = ("a1", "start_service", False)
    assert (inverse in fleet.played) == (last is not Happened.CAPTURED)


def test_the_same_state_is_left_by_rollback(fleet: Fleet) -> None:
    orders = fleet.orders()
    apply(orders, fleet.tools())
    hosts = rollback(orders, fleet.tools(), ["a1", "a3"])
    assert stands(hosts) == [Stands.ROLLED_BACK, Stands.CLOSED, Stands.ROLLED_BACK, Stands.CLOSED, Stands.CLOSED]
    assert fleet.running == {"a1": True, "a2": False, "a3": True, "a4": False, "a5": False}
    proved = [event for event in fleet.events if event.what is Happened.PROVED and event.host == "a1"][-1]
    assert [one["state"] for one in proved.data["findings"].values()] == ["open"]
    assert proved.data["evidence"] == {"same": ["services.systemd"], "differs": []}


def test_a_rollback_that_leaves_another_state_says_so(fleet: Fleet) -> None:
    orders = fleet.orders()
    apply(orders, fleet.tools())
    fleet.ineffective.add("a1")
    hosts = rollback(orders, fleet.tools(), ["a1"])
    assert hosts["a1"].stands is Stands.DIFFERS
    assert "1 lines of its state are gone and 1 are new (unit False, unit True)" in hosts["a1"].why


def test_a_check_changes_nothing(fleet: Fleet) -> None:
    apply(fleet.orders(is_check=True), fleet.tools())
    assert all(is_check for _, _, is_check in fleet.played)
    assert len(fleet.played) == 5
    assert all(fleet.running.values())


def test_a_second_application_keeps_the_first_capsule(fleet: Fleet) -> None:
    orders = fleet.orders(max_failures=1.0)
    fleet.ineffective.add("a1")
    apply(orders, fleet.tools())
    fleet.ineffective.clear()
    fleet.running["a1"] = True
    first = fleet.standing(orders.plan)["a1"].steps[0].capsule
    fleet.before_play = lambda host, task: fleet.running.update({host: False}) if task.playbook == "capture" else None
    apply(orders, fleet.tools())
    assert fleet.standing(orders.plan)["a1"].steps[0].capsule == first
