"""CSV inventories: every column, and every fault at once with its line and column."""

from collections.abc import Callable
from pathlib import Path

import pytest

from auditor.errors import InventoryError
from auditor.inventory.read import read_inventory
from auditor.model.host import BecomeMethod, ConnectionKind, Host

Read = Callable[[str, str], dict[str, Host]]
Faults = Callable[[str, str], list[str]]


def test_every_column_is_read(read: Read, tmp_path: Path) -> None:
    text = (
        "host,address,port,connection,user,private_key,ssh_args,become,site,owner,deadline,host_id,groups\r\n"
        'web1,10.0.0.1,2222,ssh,audit,keys/id,"-J jump -o UserKnownHostsFile=kh",yes,north,web team,30,asset-7,'
        "web;prod\r\n"
    )
    host = read("hosts.csv", text)["web1"]
    assert (host.address, host.port, host.connection) == ("10.0.0.1", 2222, ConnectionKind.SSH)
    assert (host.credentials.user, host.credentials.become) == ("audit", True)
    assert host.credentials.private_key == tmp_path / "keys/id"
    assert ([jump.name for jump in host.ssh.jumps], host.ssh.known_hosts) == (["jump"], (tmp_path / "kh",))
    assert (host.site, host.owner, host.deadline, host.key) == ("north", "web team", 30.0, "asset-7")
    assert host.groups == ("prod", "web")


def test_the_name_is_the_address_where_no_other_is_given(read: Read) -> None:
    hosts = read("hosts.csv", "host,port\nweb1.example,\n\nweb2.example\n")
    assert {name: (host.address, host.port) for name, host in hosts.items()} == {
        "web1.example": ("web1.example", None),
        "web2.example": ("web2.example", None),
    }


def test_ansible_names_of_columns_are_understood(read: Read) -> None:
    host = read("hosts.csv", "host,ansible_host,ansible_user,auditor_site,ansible_winrm_transport\na,b,c,d,ntlm\n")["a"]
    assert (host.address, host.credentials.user, host.site) == ("b", "c", "d")


def test_a_mark_of_the_byte_order_and_quoted_line_breaks_do_no_harm(read: Read) -> None:
    assert read("hosts.csv", '\ufeffhost,owner\na,"web\nteam"\n')["a"].owner == "web\nteam"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "host,port,user,connection\nweb1,99999,audit,ssh\n\nweb1,22,{{ u }},docker\nb\x07,22,a,ssh,x\n,22,a,ssh\n",
            [
                "hosts.csv:2: port: '99999' is not a number from 1 to 65535",
                "hosts.csv:4: connection: 'docker' is none of ssh, winrm, local, replay",
                "hosts.csv:4: host: 'web1' stands already on line 2",
                "hosts.csv:4: user: is a template or encrypted: only Ansible fills these in",
                "hosts.csv:5: 5 cells in 4 columns (a comma inside a cell needs quotes around the cell)",
                "hosts.csv:6: host: the host's name is missing",
            ],
            id="every-fault-of-every-row",
        ),
        pytest.param(
            "host,adress,user,ansible_user\nweb1,a,b,c\n",
            [
                "hosts.csv:1: unknown column 'adress' (did you mean 'address'?)",
                "hosts.csv:1: column 'ansible_user' says the same as column 'user'",
            ],
            id="columns-that-are-not-known-or-repeated",
        ),
        pytest.param(
            "host;port\nweb1;22\n",
            [
                (
                    "hosts.csv:1: the columns are parted by semicolons, and commas are wanted: "
                    "save the file as comma-separated"
                )
            ],
            id="semicolons",
        ),
        pytest.param(
            "web1,22\n",
            [
                (
                    "hosts.csv:1: the first line must name the columns, `host` among them: host,address,port,"
                    "connection,user,private_key,ssh_args,become,become_method,password,become_password,passphrase,site,owner,deadline,host_id,replay,groups"
                )
            ],
            id="no-header",
        ),
        pytest.param(
            'host,owner\na,"open\n', ["hosts.csv:2: not CSV: unexpected end of data"], id="a-quote-that-never-closes"
        ),
        pytest.param(
            "host,deadline,become\na,soon,perhaps\nb,-1,no\nc,nan,\n",
            [
                "hosts.csv:2: become: 'perhaps' is neither yes nor no",
                "hosts.csv:2: deadline: 'soon' is not a number of seconds above 0",
                "hosts.csv:3: deadline: '-1' is not a number of seconds above 0",
                "hosts.csv:4: deadline: 'nan' is not a number of seconds above 0",
            ],
            id="numbers-that-are-none",
        ),
        pytest.param(
            "host\na\x07\n", ["hosts.csv:2: host: 'a\\x07' holds characters that cannot be printed"], id="bell"
        ),
        pytest.param("host,port\n", ["hosts.csv: holds no hosts"], id="a-header-alone"),
        pytest.param(
            "host,host_id\na,x\nb,x\nx,\n",
            ["hosts.csv: these hosts would share their findings, host_id is to differ: a, b, x (as 'x')"],
            id="one-identity-for-several-hosts",
        ),
    ],
)
def test_faults_are_named_all_at_once(faults: Faults, text: str, expected: list[str]) -> None:
    assert faults("hosts.csv", text) == expected


@pytest.mark.parametrize(
    ("column", "line"),
    [("ansible_password", 1), ("ansible_ssh_pass", 1), ("password", 2), ("become_password", 2), ("passphrase", 2)],
)
def test_secrets_are_refused(faults: Faults, column: str, line: int) -> None:
    (said,) = faults("hosts.csv", f"host,{column}\na,canary-secret\n")
    assert said.startswith(f"hosts.csv:{line}: {column}: secrets do not belong into this file; use a key")
    assert "env:NAME, file:/path or keyring:SERVICE/ACCOUNT" in said
    assert "canary-secret" not in said


def test_a_file_of_another_encoding_is_named_as_such(tmp_path: Path) -> None:
    path = tmp_path / "hosts.csv"
    path.write_bytes("host,owner\na,Jürgen\n".encode("latin-1"))
    with pytest.raises(InventoryError, match=r"is not UTF-8 text .byte 14.: save it as UTF-8"):
        read_inventory(path)


@pytest.mark.parametrize(
    ("row", "method"),
    [
        pytest.param("yes,", BecomeMethod.SUDO, id="sudo-unless-said-otherwise"),
        pytest.param("yes,sudo", BecomeMethod.SUDO, id="sudo"),
        pytest.param("yes,doas", BecomeMethod.DOAS, id="doas"),
        pytest.param("yes,community.general.doas", BecomeMethod.DOAS, id="doas-by-its-full-name"),
        pytest.param("no,su", BecomeMethod.SUDO, id="of-no-interest"),
    ],
)
def test_a_host_says_how_root_is_gained(read: Read, row: str, method: BecomeMethod) -> None:
    (host,) = read("hosts.csv", f"host,become,become_method\na,{row}\n").values()
    assert host.credentials.become_method is method


def test_a_way_to_root_that_is_not_ours_is_named(read: Read) -> None:
    with pytest.raises(InventoryError, match="become_method: 'su' is not supported: sudo and doas are"):
        read("hosts.csv", "host,become,become_method\na,yes,su\n")
