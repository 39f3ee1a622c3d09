"""The documents say what the code does."""

from pathlib import Path

import pytest

from auditor.errors import Reason
from auditor.transport.transport import Transport

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_is_explained(reason: Reason) -> None:
    assert f"`{reason.value}`" in (DOCS / "ledger.md").read_text()


def test_the_files_named_for_a_new_transport_exist() -> None:
    text = (DOCS / "adding-a-transport.md").read_text()
    named = {word for word in text.split("`") if word.endswith(".py") and "/" in word and "NAME" not in word}
    assert {"auditor/transport/choose.py", "tests/transport/conftest.py"} <= named
    assert [word for word in sorted(named) if not (DOCS.parent / word).exists()] == []
    assert hasattr(Transport, "collect")
