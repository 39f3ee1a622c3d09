"""A password is tried on one host first, and never refused more often in a row than is allowed."""

import contextlib
import threading
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.errors import HostError, Reason
from auditor.transport.credential_gate import CredentialGate

ONE = ("audit", "one secret")


def use(gate: CredentialGate, outcome: bool | None, door: tuple[str, str] = ONE) -> None:
    with gate.attempt(*door) as attempt:
        attempt.outcome = outcome


def is_stopped(gate: CredentialGate, door: tuple[str, str] = ONE) -> bool:
    """Tell whether a password is used no more; looking counts as a success, or it would count as a refusal."""
    with contextlib.suppress(StoppedError), refusing(gate):
        use(gate, True, door)
        return False
    return True


class StoppedError(Exception):
    pass


@contextlib.contextmanager
def refusing(_gate: CredentialGate) -> Iterator[None]:
    try:
        yield
    except HostError as error:
        if error.reason is not Reason.CREDENTIAL_STOPPED or ONE[1] in error.detail:
            raise
        raise StoppedError from error


def test_a_password_refused_too_often_is_not_used_any_more() -> None:
    gate = CredentialGate(3)
    for _ in range(3):
        use(gate, False)
    assert is_stopped(gate)
    assert not is_stopped(gate, ("other", ONE[1]))


def test_refusals_are_the_accounts_whichever_password_met_them() -> None:
    """A domain counts the refusals of an account, and does not ask for which of its passwords."""
    gate = CredentialGate(3)
    for number in range(3):
        use(gate, False, (ONE[0].upper(), f"password {number}"))
    assert is_stopped(gate, (ONE[0], "a fourth"))


def test_no_more_passwords_of_an_account_are_under_way_than_refusals_are_left() -> None:
    gate = CredentialGate(2, patience=0.05)
    with gate.attempt(ONE[0], "first"), gate.attempt(ONE[0], "second"):
        with pytest.raises(HostError) as raised, gate.attempt(ONE[0], "third"):
            pass
        with gate.attempt("other", "third"):
            pass
    assert raised.value.reason is Reason.TIMEOUT


def test_a_success_between_begins_the_count_anew() -> None:
    gate = CredentialGate(2)
    for outcome in (False, True, False, True, False):
        use(gate, outcome)
    assert not is_stopped(gate)


def test_an_end_without_an_outcome_counts_until_the_password_is_proven() -> None:
    gate = CredentialGate(2)
    use(gate, None)
    use(gate, None)
    assert is_stopped(gate)
    proven = CredentialGate(2)
    use(proven, True)
    for _ in range(5):
        use(proven, None)
    assert not is_stopped(proven)


def test_an_exception_counts_like_no_outcome() -> None:
    gate = CredentialGate(1)
    with pytest.raises(RuntimeError), gate.attempt(*ONE):
        raise RuntimeError
    assert is_stopped(gate)


def _at_once(count: int, work: Callable[[int], None]) -> None:
    threads = [threading.Thread(target=work, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()


@settings(max_examples=30, deadline=None)
@given(outcomes=st.lists(st.sampled_from([True, False, False, None]), min_size=1, max_size=20), most=st.integers(1, 4))
def test_never_more_refusals_in_a_row_than_allowed(outcomes: list[bool | None], most: int) -> None:
    gate = CredentialGate(most)
    lock = threading.Lock()
    said: list[bool | None] = []
    under_way = 0
    highest_unproven = 0

    def work(number: int) -> None:
        nonlocal under_way, highest_unproven
        with contextlib.suppress(StoppedError), refusing(gate), gate.attempt(*ONE) as attempt:
            with lock:
                under_way += 1
                if True not in said:
                    highest_unproven = max(highest_unproven, under_way)
            attempt.outcome = outcomes[number]
            with lock:
                under_way -= 1
                said.append(attempt.outcome)

    _at_once(len(outcomes), work)
    row = longest = 0
    for outcome in said:
        row = 0 if outcome else row + (outcome is False)
        longest = max(longest, row)
    assert longest <= most
    assert highest_unproven <= 1


def test_the_second_host_waits_for_the_first_and_no_longer() -> None:
    gate = CredentialGate(3)
    inside, go_on = threading.Event(), threading.Event()
    order: list[str] = []

    def first() -> None:
        with gate.attempt(*ONE) as attempt:
            inside.set()
            assert go_on.wait(20)
            order.append("first")
            attempt.outcome = True

    def second() -> None:
        assert inside.wait(20)
        go_on.set()
        with gate.attempt(*ONE) as attempt:
            order.append("second")
            attempt.outcome = True

    _at_once(2, lambda number: (first, second)[number]())
    assert order == ["first", "second"]


def test_who_waits_too_long_is_told() -> None:
    gate = CredentialGate(3, patience=0.05)
    with gate.attempt(*ONE), pytest.raises(HostError) as raised, gate.attempt(*ONE):
        pass
    assert raised.value.reason is Reason.TIMEOUT
    assert "first tried on other hosts" in raised.value.detail


def test_once_proven_a_password_may_be_used_everywhere_at_once_where_that_is_wanted() -> None:
    gate = CredentialGate(1, only_first=True)
    use(gate, True)
    together = threading.Barrier(6, timeout=20)

    def work(_number: int) -> None:
        with gate.attempt(*ONE) as attempt:
            together.wait()
            attempt.outcome = True

    _at_once(6, work)
