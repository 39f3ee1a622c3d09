"""The host that the tests of absence put the probe to."""

from collections.abc import Iterator

import pytest

from tests.collect.absence.answers import Prober
from tests.collect.absence.scene import a_scene, why_no_scene


@pytest.fixture(scope="session")
def prober(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prober]:
    """Make the host once for all tests, and leave nothing of it."""
    reason = why_no_scene()
    if reason:
        pytest.skip(reason)
    with a_scene(tmp_path_factory.mktemp("absence")) as scene:
        yield Prober(scene=scene, known={})
