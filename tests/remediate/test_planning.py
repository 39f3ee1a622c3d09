"""Which steps a plan takes for findings, and which it leaves to hands."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from auditor.model.plan import Plan, Play
from auditor.model.record import replace
from auditor.remediate.planning import Basis, Wanted, make_plan

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
BASIS = Basis(
    run="r1",
    policy_sha256="a" * 64,
    catalogue_sha256="b" * 64,
    tool_version="0",
    made_at=NOW,
    made_by="ada",
    max_age=timedelta(days=35),
    trusted=("10.0.0.0/8",),
)
HELD: dict[str, Any] = {"packages": [], "services": [], "files": [], "cut": False}
PACKAGE = {"source": "software.dpkg", "name": "anydesk", "version": "6.3.2", "user": None}
UNIT = {"manager": "systemd", "name": "anydesk.service", "start": "automatic", "running": True}
Row = dict[str, Any]


def violation(name: str, subject: str, product: str | None = "anydesk", exception: str | None = None) -> Row:
    return {"fingerprint": name * 64, "subject": subject, "product": product, "exception": exception}


def a_host(*verdicts: tuple[str, Row], held: Row | None = None, **more: Any) -> Row:
    """Give the row of a host that breaks controls."""
    return {
        "host": "web1",
        "owner": "Web team",
        "os": {"family": "linux"},
        "collected_at": "2026-11-26T12:00:00Z",
        "evidence": {"sha256": "e" * 64},
        "sightings": [{"product": "anydesk", "holdings": HELD | (held or {})}],
        "listeners": [],
        "verdicts": [
            {"control": control, "verdict": "excepted" if one["exception"] else "fail", "violations": [one]}
            for control, one in verdicts
        ],
    } | more


def findings(host: Row) -> list[Row]:
    return [
        {
            "fingerprint": one["fingerprint"],
            "host": host["host"],
            "control": verdict["control"],
            "subject": one["subject"],
            "product": one["product"],
            "severity": "high",
            "owner": host["owner"],
            "reason": f"{one['subject']} is there.",
            "state": "excepted" if one["exception"] else "open",
            "exception": one["exception"],
        }
        for verdict in host["verdicts"]
        for one in verdict["violations"]
    ]


def planned(host: Row, wanted: Wanted | None = None, **changes: Any) -> Plan:
    return make_plan(findings(host), [host], wanted or Wanted(), replace(BASIS, **changes))


UNAPPROVED = ("unapproved_product", violation("1", "product:anydesk"))


def test_a_product_is_stopped_put_aside_and_removed_in_that_order() -> None:
    held = {"packages": [PACKAGE], "services": [UNIT], "files": ["/home/tom/AnyDesk"]}
    plan = planned(a_host(UNAPPROVED, held=held))
    assert [(step.play, step.variables, step.is_reversible) for step in plan.steps] == [
        (Play.STOP_SERVICE, {"services": ({"name": "anydesk.service", "init": "systemd"},)}, True),
        (Play.QUARANTINE_PROGRAM, {"files": ("/home/tom/AnyDesk",)}, True),
        (Play.REMOVE_PRODUCT, {"packages": ({"manager": "apt", "name": "anydesk", "version": "6.3.2"},)}, False),
    ]
    assert {step.findings for step in plan.steps} == {("1" * 64,)}
    assert {step.evidence_sha256 for step in plan.steps} == {"e" * 64}
    assert plan.left_out == ()


def test_one_step_closes_all_findings_of_the_same_thing() -> None:
    new = ("new_product", violation("2", "product:anydesk"))
    plan = planned(a_host(new, UNAPPROVED, held={"packages": [PACKAGE]}))
    (step,) = plan.steps
    assert step.findings == ("1" * 64, "2" * 64)
    assert step.why == ("product:anydesk is there.", "product:anydesk is there.")


def test_an_open_port_is_closed_to_all_but_the_trusted_networks() -> None:
    plan = planned(a_host(("exposed_listener", violation("3", "listener:tcp/5900"))))
    (step,) = plan.steps
    assert step.play is Play.BLOCK_INBOUND
    assert step.variables == {"ports": ({"port": 5900, "protocol": "tcp"},), "allowed": ("10.0.0.0/8",)}


def test_a_port_of_a_container_is_left_to_hands() -> None:
    listener = {"protocol": "tcp", "port": 5900, "namespace": "net:[1]", "published": []}
    plan = planned(a_host(("exposed_listener", violation("3", "listener:tcp/5900")), listeners=[listener]))
    assert plan.steps == ()
    assert "container" in plan.left_out[0].reason


@pytest.mark.parametrize(
    ("change", "why"),
    [
        pytest.param(lambda host: host.update(os={"family": "windows"}), "no playbook of this version", id="windows"),
        pytest.param(lambda host: host["sightings"].clear(), "is not known", id="nothing of it is known"),
        pytest.param(
            lambda host: host["sightings"][0]["holdings"].update(packages=[PACKAGE | {"user": "tom"}]),
            "is not known",
            id="a package of a user's own",
        ),
        pytest.param(
            lambda host: host["sightings"][0]["holdings"].update(cut=True), "more of it than is kept", id="too much"
        ),
        pytest.param(lambda host: host.update(collected_at="2026-10-01T00:00:00Z"), "57 days old", id="old evidence"),
        pytest.param(
            lambda host: host["verdicts"][0].update(verdict="unknown"), "could not see it", id="not seen this time"
        ),
    ],
)
def test_it_is_left_to_hands(change: Callable[[Row], None], why: str) -> None:
    host = a_host(UNAPPROVED, held={"packages": [PACKAGE]})
    asked = findings(host)
    change(host)
    plan = make_plan(asked, [host], Wanted(), BASIS)
    assert plan.steps == ()
    (left,) = plan.left_out
    assert why in left.reason


@pytest.mark.parametrize(
    "name",
    [
        "{{ lookup('pipe', 'id') }}",
        "{% raw %}",
        "a'; reboot",
        "a$(reboot)",
        "a`id`",
        "-rf",
        "a\nb",
        "ä",
        "a\\b",
        'a"b',
        "",
    ],
)
def test_no_word_of_a_host_that_could_act_gets_into_a_plan(name: str) -> None:
    for held in (
        {"packages": [PACKAGE | {"name": name}]},
        {"packages": [PACKAGE], "services": [UNIT | {"name": name}]},
        {"packages": [PACKAGE], "files": [name]},
    ):
        plan = planned(a_host(UNAPPROVED, held=held))
        assert plan.steps == ()
        assert "no playbook is given" in plan.left_out[0].reason


def test_what_is_excepted_is_not_touched_by_another_finding_either() -> None:
    excepted = ("unapproved_product", violation("1", "product:anydesk", exception="EX-1"))
    new = ("new_product", violation("2", "product:anydesk"))
    plan = planned(a_host(excepted, new, held={"packages": [PACKAGE]}))
    assert plan.steps == ()
    assert {left.control: left.reason for left in plan.left_out} == {
        "unapproved_product": "it is excepted by EX-1: what was accepted is not changed",
        "new_product": "the product is excepted here by EX-1: what was accepted is not changed",
    }


def test_only_what_is_asked_for_is_planned() -> None:
    host = a_host(UNAPPROVED, held={"packages": [PACKAGE], "services": [UNIT]})
    for wanted in (
        Wanted(hosts=("web2",)),
        Wanted(controls=("host_filter",)),
        Wanted(products=("x11vnc",)),
        Wanted(severities=("low",)),
        Wanted(owners=("Data team",)),
    ):
        plan = planned(host, wanted)
        assert (plan.steps, plan.left_out) == ((), ())
    (step,) = planned(host, Wanted(plays=(Play.STOP_SERVICE,))).steps
    assert step.play is Play.STOP_SERVICE
    assert "not asked for" in planned(host, Wanted(plays=(Play.BLOCK_INBOUND,))).left_out[0].reason


def test_a_closed_finding_is_none_to_plan_for() -> None:
    host = a_host(UNAPPROVED, held={"packages": [PACKAGE]})
    closed = [finding | {"state": "closed"} for finding in findings(host)]
    plan = make_plan(closed, [host], Wanted(), BASIS)
    assert (plan.steps, plan.left_out) == ((), ())


# ---- what starts by itself, copies of users' own, and servers to harden


AT_BOOT = ("remote_access_at_boot", violation("4", "product:anydesk"))
COPY = ("per_user_copy", violation("5", "copy:anydesk:/home/tom"))


def a_service(name: str, manager: str = "systemd", start: str = "automatic", *, running: bool = True) -> Row:
    return {"manager": manager, "name": name, "start": start, "running": running}


def a_listener(product: str, port: int, approval: str | None = None) -> Row:
    return {
        "product": product, "protocol": "tcp", "port": port, "approval": approval, "objection": None,
        "namespace": None, "published": [],
    }  # fmt: skip


def test_what_starts_by_itself_is_stopped_and_nothing_is_removed() -> None:
    held = {"packages": [PACKAGE], "services": [UNIT, a_service("any.service", "systemd_user", running=False)]}
    (step,) = planned(a_host(AT_BOOT, held=held)).steps
    assert (step.play, step.is_reversible) == (Play.STOP_SERVICE, True)
    assert step.variables == {
        "services": (
            {"name": "any.service", "init": "systemd_user"},
            {"name": "anydesk.service", "init": "systemd"},
        )
    }


def test_one_stop_serves_both_who_disables_and_who_removes() -> None:
    plan = planned(a_host(AT_BOOT, UNAPPROVED, held={"packages": [PACKAGE], "services": [UNIT]}))
    assert [(step.play, step.findings) for step in plan.steps] == [
        (Play.STOP_SERVICE, ("1" * 64, "4" * 64)),
        (Play.REMOVE_PRODUCT, ("1" * 64,)),
    ]


@pytest.mark.parametrize("manager", ["cron", "autostart", "xinetd", "rc_local"])
def test_what_no_playbook_takes_out_is_left_to_hands_as_a_whole(manager: str) -> None:
    plan = planned(a_host(AT_BOOT, held={"services": [UNIT, a_service("any", manager)]}))
    assert plan.steps == ()
    assert f"'any' ({manager}) starts it as well" in plan.left_out[0].reason


def test_copies_of_one_place_are_put_aside_and_others_are_not() -> None:
    files = ["/home/tom/AnyDesk", "/home/tommy/AnyDesk", "/opt/AnyDesk"]
    (step,) = planned(a_host(COPY, held={"files": files})).steps
    assert (step.play, step.variables) == (Play.QUARANTINE_PROGRAM, {"files": ("/home/tom/AnyDesk",)})


def test_a_copy_that_two_findings_are_about_is_put_aside_once() -> None:
    files = ["/home/tom/AnyDesk", "/opt/AnyDesk"]
    (step,) = planned(a_host(COPY, UNAPPROVED, held={"files": files})).steps
    assert step.variables == {"files": tuple(files)}
    assert step.findings == ("1" * 64, "5" * 64)


@pytest.mark.parametrize("place", ["user tom", "a user"])
def test_what_an_account_installed_with_its_own_manager_is_left_to_hands(place: str) -> None:
    plan = planned(a_host(("per_user_copy", violation("5", f"copy:anydesk:{place}")), held={"files": ["/x/AnyDesk"]}))
    assert plan.steps == ()
    assert "installed for one account" in plan.left_out[0].reason


def a_server(product: str, *units: Row, subject: str = "listener:tcp/5901", approval: str | None = None) -> Row:
    """Give a host whose server of VNC or RDP lets in whom it should not."""
    return a_host(
        ("server_security", violation("6", subject, product)),
        sightings=[{"product": product, "holdings": HELD | {"services": list(units)}}],
        listeners=[a_listener(product, 5901, approval)],
    )


@pytest.mark.parametrize(
    ("product", "unit", "variables"),
    [
        ("tigervnc", "tigervncserver@:1.service", {"loopback": True, "require_tls": True}),
        ("tightvnc", "tight.service", {"loopback": True, "require_tls": False}),
        ("xrdp", "xrdp.service", {"loopback": True, "require_tls": True}),
        ("x11vnc", "x.service", {"loopback": True, "require_tls": True, "x11vnc_password_file": "/etc/pass"}),
    ],
)
def test_a_server_is_hardened_through_the_units_that_run_it(product: str, unit: str, variables: Row) -> None:
    units = (a_service(unit), a_service("vncserver@.service"), a_service("vnc.socket", running=False))
    (step,) = planned(a_server(product, *units), Wanted(password_file="/etc/pass")).steps
    assert (step.play, step.is_reversible) == (Play.HARDEN_VNC, True)
    assert step.variables == {"servers": (product,), "units": (unit,), **variables}


@pytest.mark.parametrize(("product", "bound"), [("tigervnc", False), ("xrdp", False), ("tightvnc", True)])
def test_an_approved_server_goes_on_to_be_reached_where_it_can_encrypt(product: str, bound: bool) -> None:
    (step,) = planned(a_server(product, a_service("vncserver@:1.service"), approval="A-1")).steps
    assert step.variables["loopback"] is bound


@pytest.mark.parametrize(
    ("host", "why"),
    [
        pytest.param(a_server("x11vnc", a_service("x.service")), "--x11vnc-password-file", id="no file of passwords"),
        pytest.param(a_server("tigervnc"), "no unit of systemd is known", id="started by hand"),
        pytest.param(a_server("tigervnc", a_service("desk.service")), "past the settings", id="unit written by hand"),
        pytest.param(a_server("xrdp", a_service("xrdp", "sysv")), "no unit of systemd is known", id="no systemd"),
        pytest.param(a_server("wayvnc", a_service("w.service")), "no playbook hardens", id="another server"),
        pytest.param(a_server("xrdp", a_service("x'y.service")), "no playbook is given", id="hostile name"),
    ],
)
def test_a_server_that_no_play_can_harden_is_left_to_hands(host: Row, why: str) -> None:
    plan = planned(host)
    assert plan.steps == ()
    assert why in plan.left_out[0].reason


def test_settings_for_all_accounts_are_hardened_with_the_server_that_reads_them() -> None:
    setting = violation("7", "setting:xrdp:/etc/xrdp/xrdp.ini:security_layer", "xrdp")
    host = a_server("xrdp", a_service("xrdp.service"))
    host["verdicts"].append({"control": "product_settings", "verdict": "fail", "violations": [setting]})
    (step,) = planned(host).steps
    assert step.findings == ("6" * 64, "7" * 64)
    setting = violation("7", "setting:tigervnc:/home/u/.vnc/config:securitytypes", "tigervnc")
    plan = planned(a_host(("product_settings", setting)))
    assert "no playbook changes this setting" in plan.left_out[0].reason


def test_an_excepted_server_is_not_hardened_either() -> None:
    host = a_server("xrdp", a_service("xrdp.service"))
    excepted = violation("1", "product:xrdp", "xrdp", exception="EX-1")
    host["verdicts"].append({"control": "unapproved_product", "verdict": "excepted", "violations": [excepted]})
    plan = planned(host)
    assert plan.steps == ()
    assert {left.control: left.reason for left in plan.left_out}["server_security"] == (
        "the product is excepted here by EX-1: what was accepted is not changed"
    )
