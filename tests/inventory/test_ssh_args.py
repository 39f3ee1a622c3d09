"""Arguments of ssh, as inventories hold them."""

import pytest

from auditor.inventory.ssh_args import SshArguments, read_ssh_arguments


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", SshArguments(), id="nothing"),
        pytest.param("-o ProxyJump=me@jump:2222", SshArguments(proxy_jump="me@jump:2222"), id="parted"),
        pytest.param("-oProxyJump=jump", SshArguments(proxy_jump="jump"), id="joined"),
        pytest.param("-J jump", SshArguments(proxy_jump="jump"), id="letter"),
        pytest.param("-Jjump -o ProxyJump=other", SshArguments(proxy_jump="jump"), id="the-first-wins"),
        pytest.param("-o ProxyJump=none", SshArguments(), id="none-is-none"),
        pytest.param('-o "IdentitiesOnly yes"', SshArguments(identities_only=True), id="a-space-for-the-equals-sign"),
        pytest.param("-o identitiesonly=YES", SshArguments(identities_only=True), id="keywords-have-no-case"),
        pytest.param(
            """-o 'UserKnownHostsFile="/a b/kh" kh2'""",
            SshArguments(known_hosts=("/a b/kh", "kh2")),
            id="two-files-of-host-keys",
        ),
        pytest.param("-i id -l me -p 2222", SshArguments(identity_file="id", user="me", port="2222"), id="letters"),
        pytest.param(
            "-C -q -o ControlMaster=auto -S none -o StrictHostKeyChecking=no -o ControlPersist=60s",
            SshArguments(),
            id="what-is-the-business-of-ssh-is-passed-over",
        ),
        pytest.param(
            "-o ProxyCommand='ssh -W %h:%p jump' -F cfg",
            SshArguments(
                problems=(
                    "ProxyCommand (use ProxyJump) is not supported",
                    "-F, a configuration file for ssh is not supported",
                )
            ),
            id="another-way-there-is-a-problem",
        ),
        pytest.param(
            "-4q -b 10.0.0.1 -o BindInterface=eth1 -o 'PreferredAuthentications password' -o BindInterface=eth2",
            SshArguments(ignored=("-4", "-b", "BindInterface", "PreferredAuthentications")),
            id="what-might-make-a-difference-is-told",
        ),
        pytest.param(
            "-o IdentityAgent=/run/agent -o revokedHostKeys=krl -o CanonicalizeHostname=yes",
            SshArguments(
                problems=(
                    "CanonicalizeHostname (write the whole name) is not supported",
                    "IdentityAgent (set SSH_AUTH_SOCK) is not supported",
                    "RevokedHostKeys (mark keys @revoked in known_hosts) is not supported",
                )
            ),
            id="another-agent-or-fewer-trusted-keys-are-a-problem",
        ),
        pytest.param(
            "-o IdentityAgent=SSH_AUTH_SOCK -o CanonicalizeHostname=no -o ProxyCommand=none -o RevokedHostKeys=none",
            SshArguments(),
            id="what-we-do-anyway-is-none",
        ),
        pytest.param("jump", SshArguments(problems=("'jump' is no option of ssh",)), id="a-word-of-its-own"),
        pytest.param(
            "-o 'x", SshArguments(problems=("the arguments of ssh cannot be read: No closing quotation",)), id="quote"
        ),
    ],
)
def test_arguments_are_read_as_ssh_reads_them(text: str, expected: SshArguments) -> None:
    assert read_ssh_arguments(text) == expected
