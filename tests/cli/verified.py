"""A bundle signed, and verified without the cost of a command line of its own."""

import contextlib
import io
from argparse import Namespace
from pathlib import Path

from auditor.cli.verify import COMMAND
from auditor.trust.signing import SigningKey
from auditor.trust.sshsig import Namespace as Purpose
from tests.policy.signed import ADA

HOLDS, DOES_NOT_HOLD = 0, 4


def sign(bundle: Path, key: SigningKey = ADA) -> None:
    text = key.sign((bundle / "manifest.json").read_bytes(), Purpose.BUNDLE)
    (bundle / "manifest.json.sig").write_text(text)


def verified(
    *bundles: Path, people: bool = False, recompute: bool = False, anchor: str | None = None
) -> tuple[int, str]:
    """Verify without the cost of a command line."""
    options = Namespace(
        bundles=list(bundles),
        key=None,
        people=Path("people.yml") if people else None,
        recompute=recompute,
        anchor=[anchor] if anchor else [],
        store=None,
        quiet=True,
    )
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        code = COMMAND.run(options)
    return code, said.getvalue()
