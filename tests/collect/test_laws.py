"""What holds of single readers, whatever their host says; what holds of all of them is in `test_no_line_lost.py`."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.collect.accounts.sudoers_grammar import split
from auditor.collect.processes.listing import parse_listing as parse_processes
from auditor.collect.sockets.listing import parse_listing as parse_sockets
from auditor.model.facts.network import Listener

_NAMES = st.text(st.characters(codec="ascii", exclude_characters="\0"), max_size=15) | st.lists(
    st.sampled_from(['"', ",", "pid=1", "fd=3", "(", ")", " ", "\n", "ino:1", "uid:0", '",pid=', "tcp ", "LISTEN"]),
    max_size=6,
).map(lambda parts: "".join(parts)[:15])


@given(names=st.lists(_NAMES, min_size=1, max_size=3))
def test_owner_is_its_pid_whatever_its_name(names: list[str]) -> None:
    users = ",".join(f'("{name}",pid={pid},fd=4)' for pid, name in enumerate(names, 100))
    before = 'tcp LISTEN 0 5 127.0.0.1:1 0.0.0.0:* users:(("before",pid=50,fd=3)) uid:7 ino:11 sk:1 cgroup:/ <->'
    row = f"tcp LISTEN 0 5 127.0.0.1:2 0.0.0.0:* users:({users}) uid:1000 ino:12 sk:1 cgroup:/ <->"
    after = 'tcp LISTEN 0 5 127.0.0.1:3 0.0.0.0:* users:(("after",pid=51,fd=3)) uid:8 ino:13 sk:1 cgroup:/ <->'
    parsed = parse_sockets(f"sees some\nss\n{before}\n{row}\n{after}\n")
    found = {fact.port: fact for _, fact in parsed.facts if isinstance(fact, Listener)}
    assert [owner.pid for owner in found[1].owners] == [50]
    assert [owner.pid for owner in found[3].owners] == [51]
    if 2 in found:
        assert [owner.pid for owner in found[2].owners] == list(range(100, 100 + len(names)))
        assert found[2].uid == 1000
        assert found[2].inode == 12
    else:
        assert parsed.unread


@given(parents=st.lists(st.integers(0, 12), min_size=1, max_size=12), probe=st.integers(1, 12))
def test_processes_are_left_out_only_below_the_probe(parents: list[int], probe: int) -> None:
    rows = [f"{pid}\t{parent}\tS\t1\t0\troot\t/\tx\tx" for pid, parent in enumerate(parents, 1)]
    parsed = parse_processes("\n".join([f"self {probe}", *rows, "links", "names"]) + "\n")
    listed = {fact.pid for _, fact in parsed.facts}
    assert probe not in listed
    by_pid = dict(enumerate(parents, 1))
    for pid in set(by_pid) - listed:
        above = pid
        for _ in by_pid:
            if above == probe:
                break
            above = by_pid.get(above, 0)
        assert above == probe


@given(
    parts=st.lists(
        st.text(st.characters(codec="ascii", exclude_characters='"\\(),'), max_size=8), min_size=1, max_size=6
    )
)
def test_lists_come_apart_as_they_were_put_together(parts: list[str]) -> None:
    assert split(",".join(parts), ",") == parts


@pytest.mark.parametrize("make", [parse_processes, parse_sockets], ids=["processes", "sockets"])
def test_unread_lines_come_in_order(make: Callable[..., object]) -> None:
    parsed = make("self 5\nx\nlinks\ny\nnames\nz\n")
    numbers = [one.line for one in parsed.unread]  # type: ignore[attr-defined]
    assert numbers == sorted(numbers)
    assert numbers
