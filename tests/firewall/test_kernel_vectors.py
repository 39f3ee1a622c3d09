"""Rulesets that a kernel has judged with real packets (vectors/README.md): no verdict is another than its."""

import pytest

from auditor.firewall.protocol import Answers
from tests.firewall.judged import PACKETS, SOURCES, asked, complaints, rows


@pytest.mark.parametrize("name", [PACKETS, SOURCES])
def test_answers_are_the_kernels_and_none_is_lost(name: str) -> None:
    judged = rows(name)
    assert [complaint for row in judged for complaint in complaints(row, Answers().answer)] == []
    assert sum(map(asked, judged)) > 3000


@pytest.mark.parametrize("name", [PACKETS, SOURCES])
def test_hardly_anything_is_unknown(name: str) -> None:
    judged = rows(name)
    assert sum(len(row["unknown"]) for row in judged) < 0.06 * sum(map(asked, judged))
