"""The fake Macs that the tests of macOS put the probe to, made once for all tests of a worker."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.macos.audited import Audits, rules_of
from tests.macos.fake_mac import FakeMac, make_base, make_mac, why_no_mac
from tests.macos.says import HERE


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make what all fake Macs share."""
    reason = why_no_mac()
    if reason:
        pytest.skip(reason)
    return make_base(tmp_path_factory.mktemp("macos") / "base")


@pytest.fixture(scope="session")
def mac_of(base: Path) -> Callable[[str], FakeMac]:
    """Return what makes the Mac of a host's name, once."""
    known: dict[str, FakeMac] = {}

    def get(name: str) -> FakeMac:
        if name not in known:
            known[name] = make_mac(base, base.with_name(name), HERE / "hosts" / name)
        return known[name]

    return get


@pytest.fixture(scope="session")
def audits(mac_of: Callable[[str], FakeMac], tmp_path_factory: pytest.TempPathFactory) -> Audits:
    """Return the audits of fake Macs, each made once."""
    return Audits(mac_of=mac_of, rules=rules_of(tmp_path_factory.mktemp("rules")))
