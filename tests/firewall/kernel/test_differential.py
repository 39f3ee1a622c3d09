"""The evaluator agrees with this kernel on rulesets of chance; ``make firewall-fuzz`` goes on for longer."""

from collections.abc import Iterator

import pytest

from tests.firewall.kernel.cases import make_case
from tests.firewall.kernel.differential import Differential
from tests.firewall.kernel.evaluator import Evaluator
from tests.firewall.kernel.kernel import Kernel
from tests.firewall.kernel.sources import make_source_case, sampler
from tests.firewall.kernel.spaces import NotHereError

RULESETS = 250
SOURCE_RULESETS = 60

pytestmark = pytest.mark.slow


@pytest.fixture
def differential() -> Iterator[Differential]:
    try:
        kernel = Kernel()
    except NotHereError as error:
        pytest.skip(str(error))
    evaluator = Evaluator()
    yield Differential(kernel, evaluator)
    evaluator.close()
    kernel.close()


def test_no_verdict_on_a_packet_is_another_than_the_kernels(differential: Differential) -> None:
    for number in range(RULESETS):
        differential.compare(make_case(f"suite.{number}", 10))
    tally = differential.tally
    assert [wrong.text() for wrong in tally.wrong] == []
    assert tally.rulesets > RULESETS * 0.95, tally.text()
    assert tally.packets - tally.unstable > RULESETS * 9, tally.text()
    assert tally.unknown_share < 0.05, tally.text()


def test_no_set_of_sources_holds_another_than_the_kernel_lets_in(differential: Differential) -> None:
    for number in range(SOURCE_RULESETS):
        seed = f"sources.{number}"
        differential.compare_sources(make_source_case(seed), sampler)
    tally = differential.tally
    assert [wrong.text() for wrong in tally.wrong] == []
    assert tally.packets > SOURCE_RULESETS * 20, tally.text()
    assert tally.unknown_share < 0.1, tally.text()


def test_a_case_is_a_function_of_its_seed() -> None:
    assert make_case("same") == make_case("same")
    assert make_case("same") != make_case("other")
