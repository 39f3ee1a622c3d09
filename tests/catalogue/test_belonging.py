"""Whose a listening socket is: what control groups, parents, namespaces and the engine's ports say together."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from auditor.catalogue.belonging import Belongings
from auditor.catalogue.claims import image_name
from auditor.model.facts.accounts import Account
from auditor.model.facts.network import Listener
from auditor.model.reading import Found, Reading
from auditor.model.sighting import Belonging

ID = "4f" * 32
OTHER = "5e" * 32
WEB = {"image": "nginx:1", "name": "web", "pid": 60, "published": [[8080, 80]]}
FIRST = {"pid": 60, "name": "nginx", "exe": "/usr/sbin/nginx", "space": "net:[7]", "parent": 50}
IN_IT = {"pid": 70, "name": "nginx", "cgroup": f"/system.slice/docker-{ID}.scope"}
SHIM = {"pid": 50, "name": "containerd-shim"}
ANNS = {"image": "nginx", "name": "anns", "pid": 60, "account": "ann"}
ANN = {"user": "ann", "uid": 1000}
HER_GROUP = f"/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{ID}.scope"

CASES = [
    pytest.param({"process": [{"pid": 5, "name": "sshd"}], "pids": [5]}, ("host", None), id="a program of the host's"),
    pytest.param({"kernel": True}, ("host", None), id="the kernel"),
    pytest.param({}, ("unknown", None), id="nobody who could be seen"),
    pytest.param({"pids": [99]}, ("host", None), id="a process that began after the listing of processes"),
    pytest.param(
        {"container": [WEB], "process": [IN_IT], "pids": [70]}, ("container", "web"), id="by its control group"
    ),
    pytest.param(
        {
            "container": [WEB],
            "process": [FIRST, {"pid": 71, "name": "worker", "parent": 70}, {"pid": 70, "name": "n", "parent": 60}],
            "pids": [71],
        },
        ("container", "web"),
        id="by the process it descends from",
    ),
    pytest.param(
        {"container": [WEB], "process": [FIRST], "space": "net:[7]"}, ("container", "web"), id="by its namespace"
    ),
    pytest.param(
        {
            "container": [WEB, {**WEB, "id": OTHER, "name": "second", "pid": 61}],
            "process": [FIRST, {**FIRST, "pid": 61}],
            "space": "net:[7]",
        },
        ("container", None),
        id="a namespace that two containers share, without a holder",
    ),
    pytest.param({"space": "net:[8]"}, ("namespace", None), id="a namespace of which no container is known"),
    pytest.param(
        {"container": [{**WEB, "running": False}], "process": [FIRST], "space": "net:[7]"},
        ("namespace", None),
        id="a container that does not run holds nothing",
    ),
    pytest.param({"process": [IN_IT], "pids": [70]}, ("container", ID[:12]), id="a container that no engine tells of"),
    pytest.param(
        {"process": [{"pid": 70, "name": "x", "cgroup": "/lxc.payload.mail/init.scope"}], "pids": [70]},
        ("container", "mail"),
        id="LXC",
    ),
    pytest.param(
        {"process": [{"pid": 70, "name": "x", "cgroup": "/lxc/mail"}], "pids": [70]},
        ("container", "mail"),
        id="old LXC",
    ),
    pytest.param(
        {"process": [{"pid": 70, "name": "x", "cgroup": "/machine.slice/machine-a\\x2db.scope/payload"}], "pids": [70]},
        ("container", "a-b"),
        id="a machine of systemd's",
    ),
    pytest.param(
        {
            "process": [{"pid": 70, "name": "x", "cgroup": "/machine.slice/systemd-nspawn@mail.service/payload"}],
            "pids": [70],
        },
        ("container", "mail"),
        id="nspawn",
    ),
    pytest.param(
        {
            "process": [{"pid": 70, "name": "x", "cgroup": "/machine.slice/machine-qemu\\x2d1\\x2dvm.scope"}],
            "pids": [70],
        },
        ("host", None),
        id="a virtual machine's emulator is the host's",
    ),
    pytest.param(
        {"process": [{"pid": 70, "name": "x", "cgroup": f"/kubepods/besteffort/pod1/{ID}"}], "pids": [70]},
        ("container", ID[:12]),
        id="a pod's",
    ),
    pytest.param(
        {"container": [WEB], "process": [{"pid": 9, "name": "docker-proxy"}], "pids": [9], "port": 8080},
        ("published", "web"),
        id="Docker's proxy, by its port",
    ),
    pytest.param(
        {"container": [WEB], "process": [{"pid": 9, "name": "docker-proxy"}], "pids": [9], "port": 8081},
        ("published", None),
        id="a proxy of a port that no container is published at",
    ),
    pytest.param(
        {"container": [WEB], "process": [{"pid": 9, "name": "docker-proxy", **ANN}], "pids": [9], "port": 8080},
        ("published", None),
        id="an account's program of that name leads into no container of the system's",
    ),
    pytest.param(
        {"container": [WEB], "process": [{"pid": 9, "name": "dockerd"}], "pids": [9], "port": 8080},
        ("published", "web"),
        id="Docker itself, where it has no proxy",
    ),
    pytest.param(
        {"container": [WEB], "process": [{"pid": 9, "name": "dockerd"}], "pids": [9], "port": 2375},
        ("host", None),
        id="Docker's own port",
    ),
    pytest.param(
        {"container": [WEB], "process": [FIRST, {"pid": 50, "name": "conmon"}], "pids": [50]},
        ("published", "web"),
        id="conmon holds the ports of podman's containers",
    ),
    pytest.param(
        {
            "process": [{"pid": 50, "name": "conmon", "cgroup": f"/machine.slice/libpod-conmon-{ID}.scope"}],
            "pids": [50],
        },
        ("published", ID[:12]),
        id="conmon of a container that no engine tells of",
    ),
    pytest.param(
        {"container": [ANNS], "process": [{**FIRST, **ANN}], "pids": [60]}, ("container", "anns"), id="an account's own"
    ),
    pytest.param(
        {
            "container": [ANNS],
            "process": [{**FIRST, **ANN}, {"pid": 9, "name": "rootlessport", "space": "net:[7]", **ANN}],
            "pids": [9],
        },
        ("published", "anns"),
        id="the proxy of an account's container, which has gone into its network",
    ),
    pytest.param(
        {
            "container": [WEB],
            "process": [FIRST, {"pid": 9, "name": "rootlessport", "space": "net:[7]", **ANN}],
            "pids": [9],
        },
        ("published", None),
        id="an account's proxy leads into no container of the system's",
    ),
    pytest.param(
        {"container": [WEB, {**ANNS, "pid": 61}], "process": [IN_IT], "pids": [70]},
        ("container", "web"),
        id="an account's container that has the identifier of the system's",
    ),
    pytest.param(
        {"container": [ANNS], "process": [FIRST], "pids": [60]},
        ("host", None),
        id="what an account writes of its containers claims no process of root's",
    ),
    pytest.param(
        {
            "container": [ANNS],
            "process": [{"pid": 70, "name": "n", "user": "100032", "uid": 100032, "cgroup": HER_GROUP}],
            "pids": [70],
        },
        ("container", "anns"),
        id="an account's container, as another user of its own",
    ),
    pytest.param(
        {"container": [WEB], "process": [{"pid": 70, "name": "n", **ANN, "cgroup": HER_GROUP}], "pids": [70]},
        ("host", None),
        id="a control group below an account's is no system container's",
    ),
]


@pytest.mark.parametrize(("case", "expected"), CASES)
def test_a_socket_belongs_to(
    case: Mapping[str, Any], expected: tuple[str, str | None], make_reading: Callable[[Mapping[str, Any]], Reading]
) -> None:
    socket = {key: case[key] for key in ("pids", "space", "kernel") if key in case}
    reading = make_reading({**case, "listener": [{"port": case.get("port", 80), **socket}]})
    reading.facts[Account] = (Found(Account(name="ann", uid=1000), "accounts.users", 1),)
    (listener,) = reading.of(Listener)
    owned = Belongings(reading).of(listener, next((owner.pid for owner in listener.owners), None))
    assert (owned.belongs, owned.container) == (Belonging(expected[0]), expected[1])


def test_a_container_says_its_image_and_where_it_is_published(
    make_reading: Callable[[Mapping[str, Any]], Reading],
) -> None:
    reading = make_reading({"container": [WEB], "process": [IN_IT], "listener": [{"port": 80, "pids": [70]}]})
    owned = Belongings(reading).of(reading.of(Listener)[0], 70)
    assert (owned.image, owned.published) == ("nginx:1", ("0.0.0.0:8080",))


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("nginx", ("nginx", True)),
        ("docker.io/library/nginx:1.27", ("nginx", True)),
        ("a/b:1@sha256:abc", ("a/b", True)),
        ("ghcr.io/a/b", ("a/b", True)),
        ("localhost/a/b:1", ("a/b", False)),
        ("registry.example:5000/x/a/b:1", ("x/a/b", False)),
        ("sha256:abc", ("sha256", True)),
        ("", ("", True)),
    ],
)
def test_the_name_of_an_image(image: str, expected: tuple[str, bool]) -> None:
    assert image_name(image) == expected
