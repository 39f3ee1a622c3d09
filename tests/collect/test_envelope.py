"""An answer is taken apart as it was put together, and a forged or broken one is never read as evidence."""

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.collect.envelope import Envelope, _section_before, open_envelope
from auditor.errors import HostError, Reason
from auditor.model.evidence import Outcome

TOKEN = "00112233445566778899aabbccddeeff"
LIMIT = 1_000_000
HEAD = "@head kernel Linux 6.1\n@head uid 0\n@head become none\n@head clock 1763700000\n@head hostname h\n"


def an_answer(body: str, *, packing: str = "plain", before: bytes = b"") -> bytes:
    first = f"auditor-probe 1 {TOKEN} {packing}\n".encode()
    data = (HEAD + body + "@finish\n").encode()
    return before + first + (gzip.compress(data) if packing == "gzip" else data)


def opened(stdout: bytes, stderr: bytes = b"") -> Envelope:
    return open_envelope(stdout=stdout, stderr=stderr, token=TOKEN, limit=LIMIT)


def refused(stdout: bytes) -> HostError:
    with pytest.raises(HostError) as caught:
        opened(stdout)
    return caught.value


@pytest.mark.parametrize("packing", ["plain", "gzip"])
def test_a_whole_answer_comes_apart(packing: str) -> None:
    envelope = opened(an_answer("@begin software.dpkg\n|a\tb\n|\n|c\n@end software.dpkg 0\n", packing=packing))
    (answer,) = envelope.answers
    assert (answer.id, answer.outcome, answer.text) == ("software.dpkg", Outcome.COLLECTED, "a\tb\n\nc\n")
    assert envelope.head["uid"] == "0"


def test_noise_of_a_login_shell_before_the_answer_is_passed_over() -> None:
    envelope = opened(an_answer("@begin a.b\n@end a.b 0\n", before=b"*** welcome ***\nauditor-probe 1 nonsense\n"))
    assert [answer.id for answer in envelope.answers] == ["a.b"]


@pytest.mark.parametrize(
    ("body", "outcome", "reason"),
    [
        pytest.param("@begin a.b\n@end a.b 0\n", Outcome.COLLECTED, None, id="empty-is-not-absent"),
        pytest.param(
            "@begin a.b\n@outcome absent no database\n@end a.b 0\n", Outcome.ABSENT, "no database", id="absent"
        ),
        pytest.param("@begin a.b\n@outcome denied needs root\n@end a.b 0\n", Outcome.DENIED, "needs root", id="denied"),
        pytest.param(
            "@begin a.b\n|x\n@end a.b 3\n", Outcome.FAILED, "its last command ended with status 3", id="status"
        ),
        pytest.param("@begin a.b\n|x\n@left 0\n@end a.b lost\n", Outcome.COLLECTED, None, id="lost-and-told"),
        pytest.param("@begin a.b\n@left 35\n@end a.b lost\n", Outcome.COLLECTED, None, id="lost-and-telling-others"),
        pytest.param(
            "@begin a.b\n|x\n@left 3\n@end a.b lost\n",
            Outcome.FAILED,
            "its last command ended with status 3",
            id="lost-and-failed",
        ),
        pytest.param(
            "@begin a.b\n|x\n@end a.b lost\n",
            Outcome.FAILED,
            "how its last command ended is not known",
            id="lost-and-not-told",
        ),
        pytest.param(
            "@begin a.b\n|x\n@left 0\n@end a.b 137\n",
            Outcome.FAILED,
            "its last command ended with status 137",
            id="what-the-shell-knows-counts",
        ),
        pytest.param(
            "@begin a.b\n|x\n@cut\n@end a.b 0\n", Outcome.TRUNCATED, "the answer was cut at its size limit", id="cut"
        ),
        pytest.param(
            "@begin a.b\n@outcome partial one\n@outcome partial two\n@end a.b 0\n",
            Outcome.PARTIAL,
            "one; two",
            id="both-reasons-are-kept",
        ),
        pytest.param(
            "@begin a.b\n@outcome failed gone\n@outcome absent no\n@end a.b 0\n",
            Outcome.FAILED,
            "gone",
            id="the-worse-stays",
        ),
        pytest.param(
            "@begin a.b\n@outcome failed it did not end within 8 seconds\n@end a.b 137\n",
            Outcome.FAILED,
            "it did not end within 8 seconds",
            id="killed-by-the-clock",
        ),
        pytest.param(
            "@begin a.b\n@outcome wonderful yes\n@end a.b 0\n", Outcome.FAILED, "yes", id="an-unknown-word-fails"
        ),
    ],
)
def test_outcomes(body: str, outcome: Outcome, reason: str | None) -> None:
    (answer,) = opened(an_answer(body)).answers
    assert (answer.outcome, answer.reason) == (outcome, reason)


@pytest.mark.parametrize(
    "stdout",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"bash: sh: command not found\n", id="something-else"),
        pytest.param("Willkommen \x1b[1mf\xfcr Befugte\x1b[0m\r\n".encode("latin-1"), id="a-greeting-in-old-letters"),
    ],
)
def test_where_the_probe_said_nothing_it_did_not_run(stdout: bytes) -> None:
    assert refused(stdout).reason is Reason.PROBE_FAILED


@pytest.mark.parametrize(
    "stdout",
    [
        pytest.param(an_answer("@begin a.b\n|x\n")[:-12], id="in-a-section"),
        pytest.param(an_answer("@begin a.b\n|x\n")[:-3], id="in-the-last-line"),
        pytest.param(an_answer("")[:50], id="in-the-first-line"),
        pytest.param(an_answer("")[:55], id="behind-the-first-line"),
        pytest.param(an_answer("", packing="gzip")[:-20], id="in-its-packing"),
        pytest.param(an_answer("", packing="gzip")[:-4], id="before-its-checksum"),
    ],
)
def test_an_answer_that_ends_early_is_cut_short(stdout: bytes) -> None:
    error = refused(stdout)
    assert error.reason is Reason.CUT_SHORT
    assert "not whole" in error.detail


@pytest.mark.parametrize(
    "stdout",
    [
        pytest.param(an_answer("@begin a.b\nforged\n@end a.b 0\n"), id="a-line-without-a-mark"),
        pytest.param(an_answer("@begin a.b\n@end c.d 0\n"), id="the-wrong-end"),
        pytest.param(an_answer("@owned yes\n"), id="an-unknown-marker"),
        pytest.param(an_answer("@begin a.b\n|x\n@end a.b 0\n@begin a.b\n@end a.b 0\n"), id="a-section-twice"),
        pytest.param(an_answer("", packing="lzma"), id="an-unknown-packing"),
        pytest.param(an_answer("", packing="gzip") + b"more", id="bytes-behind-the-packing"),
        pytest.param(an_answer("", packing="gzip") + gzip.compress(b"@finish\n"), id="a-member-after-the-member"),
        pytest.param(an_answer("") + b"more\n", id="bytes-behind-the-end"),
        pytest.param(an_answer("") + an_answer(""), id="an-answer-after-the-answer"),
        pytest.param(an_answer("@head uid 0\n"), id="a-head-twice"),
        pytest.param(an_answer("@begin a.b\n@end a.b 0\n@head late yes\n"), id="a-head-behind-a-section"),
        pytest.param(an_answer("@begin a.b\n@end a.b 0\n@left 0\n"), id="a-last-word-behind-a-section"),
        pytest.param(an_answer("@begin a.b\n@left ²\n@end a.b lost\n"), id="a-last-word-that-is-no-status"),
        pytest.param(an_answer("|x\n@begin a.b\n@end a.b 0\n"), id="content-before-any-section"),
        pytest.param(an_answer("@begin a.b\n@end a.b 0\n|x\n"), id="content-between-sections"),
        pytest.param(an_answer("@begin \n@end  0\n"), id="a-section-without-a-name"),
        pytest.param(an_answer("@begin a b\x1b[2J\n"), id="a-section-with-an-escape-for-a-name"),
        pytest.param(an_answer(f"@begin {'a' * 81}\n"), id="a-section-with-an-endless-name"),
        pytest.param(an_answer("@cut\n" * 20_001), id="too-many-markers"),
        pytest.param(bytes(range(256)), id="no-text"),
        pytest.param(b"\0" * 20, id="nothing-but-zeros"),
        pytest.param(an_answer("", packing="gzip")[:70] + b"\0" * 99, id="a-damaged-packing"),
        pytest.param(an_answer("").replace(TOKEN.encode(), b"ff" * 16), id="another-calls-token"),
    ],
)
def test_what_no_probe_writes_is_malformed(stdout: bytes) -> None:
    assert refused(stdout).reason is Reason.MALFORMED


def test_a_gzip_bomb_is_stopped_at_the_limit() -> None:
    body = "@begin a.b\n" + ("|" + "0" * 999 + "\n") * 5000 + "@end a.b 0\n"
    assert refused(an_answer(body, packing="gzip")).reason is Reason.OUTPUT_LIMIT


def test_standard_error_goes_to_its_section() -> None:
    stderr = f"sudo: no\n\n{TOKEN} begin a.b\nOperation not permitted\n\n{TOKEN} begin c.d\n".encode()
    envelope = opened(an_answer("@begin a.b\n@end a.b 1\n@begin c.d\n@end c.d 0\n"), stderr)
    assert envelope.preamble_stderr.startswith("sudo: no")
    assert [answer.stderr for answer in envelope.answers] == ["Operation not permitted", ""]


@given(st.binary(max_size=400))
def test_no_bytes_make_it_fall_over(noise: bytes) -> None:
    for stdout in (noise, an_answer("").replace(b"@finish\n", noise), an_answer("@begin a.b\n|") + noise):
        try:
            envelope = opened(stdout)
        except HostError:
            continue
        assert all(answer.id for answer in envelope.answers)


_MARKERS = "begin a.b|begin c.d|end a.b 0|end c.d 1|left 3|cut|head k v|outcome partial why|begin A|begin|end"
_SAID = st.lists(
    st.sampled_from([*(f"@{said}\n" for said in _MARKERS.split("|")), "|text\n", "|\n", "|password=x\n", "no\n"]),
    max_size=10,
)


def _sections(body: str, stderr: bytes) -> object:
    try:
        return opened(an_answer(body), stderr)
    except HostError as error:
        return error.reason, error.detail


@given(_SAID, st.sampled_from(["", "one", "another"]))
def test_a_section_that_came_before_comes_apart_as_the_first_time(said: list[str], noise: str) -> None:
    stderr = f"\n{TOKEN} begin a.b\n{noise}\n".encode()
    before = _sections("".join(said), stderr)
    assert _sections("".join(said), stderr) == before
    _section_before.cache_clear()
    assert _sections("".join(said), stderr) == before
