"""Packages of hosts of other families, told over SSH as their own package managers tell them."""

import pytest

from auditor.collect.envelope import Envelope, open_envelope
from auditor.collect.probe import sh_call
from auditor.collect.registry import collectors
from auditor.model.evidence import Outcome
from auditor.model.facts.software import Software
from auditor.model.host import Credentials, SshSettings
from auditor.model.host import Host as Target
from auditor.model.probe import ProbeLimits
from auditor.transport.choose import Transports
from tests.lab.conftest import Fleet
from tests.lab.fleet.host import Host

pytestmark = pytest.mark.lab

_DATABASES = ("software.apk", "software.dpkg", "software.opkg", "software.pacman", "software.portage", "software.rpm")
_TOLD = {
    "rpm": "rpm -qa --qf '%{NAME}\\t%|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}\\n'",
    "pacman": "pacman -Q | tr ' ' '\\t'",
    "apk": "awk -F: -v OFS='\\t' '$1 == \"P\" { name = $2 } $1 == \"V\" { print name, $2 }' /lib/apk/db/installed",
}


def _asked(host: Host, user: str) -> Envelope:
    target = Target(
        name=host.name,
        address=host.address,
        credentials=Credentials(user=user, private_key=host.lab.key),
        ssh=SshSettings(known_hosts=(host.lab.known_hosts,), identities_only=True),
    )
    call = sh_call(limits=ProbeLimits(), deadline=60, output_limit=1 << 24, become=False, become_password=None)
    answer = Transports().collect(target, call)
    return open_envelope(stdout=answer.stdout, stderr=answer.stderr, token=call.token, limit=1 << 26)


def _software(envelope: Envelope, section: str) -> tuple[Software, ...]:
    (answer,) = (one for one in envelope.answers if one.id == section)
    assert answer.outcome is Outcome.COLLECTED, answer.reason
    parsed = collectors()[section].parse(answer.text)
    assert parsed.unread == ()
    return tuple(fact for _, fact in parsed.facts)


@pytest.mark.parametrize("user", ["root", "plain"])
@pytest.mark.parametrize(
    "role", ["rpm-clean", "rpm-anydesk", "pacman-clean", "pacman-tigervnc", "apk-clean", "apk-x11vnc"]
)
def test_packages_are_those_that_the_package_manager_tells(fleet: Fleet, role: str, user: str) -> None:
    host = fleet.host(role)
    manager = fleet.truth(host)["manager"]
    told = {tuple(row.split("\t")) for row in host.run(_TOLD[manager]).splitlines()}
    assert told
    envelope = _asked(host, user)
    assert {(one.name, one.version) for one in _software(envelope, f"software.{manager}")} == told
    outcomes = {one.id: one.outcome for one in envelope.answers}
    assert [name for name in _DATABASES if outcomes[name] is not Outcome.ABSENT] == [f"software.{manager}"]


def test_repositories_are_those_that_dnf_tells(fleet: Fleet) -> None:
    host = fleet.host("rpm-anydesk")
    told = host.run("dnf -q -C repoquery --installed --qf '%{name} %{from_repo}'")
    expected = dict(row.split() for row in told.splitlines())
    assert (expected["anydesk"], expected["tigervnc-server"]) == ("third", "base")
    assert {one.name: one.origin for one in _software(_asked(host, "root"), "software.rpm")} == expected
