"""The round that every remediation has to go: captured, tried, done, done again, undone, and as it was."""

from collections.abc import Callable

from tests.playbooks.lab.conftest import Run
from tests.playbooks.plays import Played


def capture(run: Run, subject: str, values: dict[str, object]) -> dict[str, object]:
    """Return the capsule that the play of a subject would need now."""
    played = run("capture", {"capture_subject": subject, **values})
    assert played.changed == 0
    assert played.capsule is not None
    return played.capsule


def there(
    run: Run, play: str, subject: str, values: dict[str, object], is_open: Callable[[], object]
) -> dict[str, object]:
    """Run a play in check mode, which changes nothing, then in earnest, then again; return the capsule from before."""
    before, seen = capture(run, subject, values), is_open()
    assert run(play, values, check=True).changed == 1
    assert (capture(run, subject, values), is_open()) == (before, seen)
    done = run(play, values)
    assert done.changed == 1
    assert run(play, values).changed == 0
    return before


def back(run: Run, play: str, subject: str, capsule: dict[str, object]) -> Played:
    """Run an inverse in check mode, in earnest and again; the state is the captured one afterwards."""
    values = {"capsule": capsule}
    asked = dict(capsule["variables"])  # type: ignore[call-overload]
    assert run(play, values, check=True).changed == 1
    done = run(play, values)
    assert done.changed == 1
    assert capture(run, subject, asked) == capsule
    assert run(play, values).changed == 0
    return done
