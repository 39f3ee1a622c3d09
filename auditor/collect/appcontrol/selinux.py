"""SELinux: whether the kernel enforces a policy, which one is configured, and whether users may run their own files.

The policy `targeted` confines services. Accounts of people are unconfined in it unless they are mapped otherwise.
Sources: selinux(8), selinux_config(5), user_selinux(8).
"""

from auditor.collect.collector import Collector, lines_of, unread
from auditor.model.evidence import Proof, Unread
from auditor.model.facts.appcontrol import ExecutionControl
from auditor.model.host import OsFamily
from auditor.model.reading import Parsed

# The kernel makes the folder where SELinux was not switched off when it started; in it the file system is mounted.
_QUICK = r"""
[ -d /sys/kernel ] || { failed "/sys is not mounted"; return; }
config=/etc/selinux/config
if [ ! -d /sys/fs/selinux ] && [ ! -e /selinux/enforce ]; then
    [ -f "$config" ] || { absent "the kernel does not use SELinux, and no policy is configured"; return; }
    printf 'kernel\toff\n'
    show_named "$config"
    return
fi
mounted=/sys/fs/selinux
[ -e "$mounted/enforce" ] || mounted=/selinux
if [ -e "$mounted/enforce" ]; then printf 'kernel\ton\n'
else
    printf 'kernel\tunseen\n'
    partial "selinuxfs is not mounted: whether SELinux enforces is not seen"
fi
set --
for file in "$mounted/enforce" "$mounted"/booleans/*_exec_content "$config"; do
    if [ -f "$file" ]; then set -- "$@" "$file"; fi
done
[ $# = 0 ] || show_named "$@"
"""

_FOLDERS = ("/sys/fs/selinux/", "/selinux/")
_CONFIG = "/etc/selinux/config:"


class _Answer:
    """What the lines said so far."""

    def __init__(self) -> None:
        self.kernel: tuple[int, str] | None = None
        self.enforce: tuple[int, str] | None = None
        self.settings: dict[str, tuple[int, str]] = {}
        self.booleans: dict[str, tuple[int, str]] = {}

    def take(self, number: int, line: str) -> None:
        """Take one line in; ValueError for one that is not understood."""
        if line.startswith("kernel\t"):
            word = line.partition("\t")[2]
            if word not in ("on", "off", "unseen") or self.kernel is not None:
                raise ValueError("not one word that says what the kernel does")
            self.kernel = (number, word)
        elif line.startswith(_CONFIG):
            self._take_setting(number, line.removeprefix(_CONFIG).strip())
        elif line.startswith(_FOLDERS):
            self._take_file(number, *line.rpartition(":")[::2])
        else:
            raise ValueError("not of SELinux")

    def _take_setting(self, number: int, text: str) -> None:
        if not text or text.startswith("#"):
            return
        key, equals, value = text.partition("=")
        if not equals or not key.strip().replace("_", "").isalnum():
            raise ValueError("not KEY=value")
        # Further keys say how users are labelled and when modules are loaded anew.
        self.settings[key.strip()] = (number, value.strip())

    def _take_file(self, number: int, path: str, value: str) -> None:
        name = path.rpartition("/")[2]
        if name == "enforce" and value in ("0", "1"):
            self.enforce = (number, value)
        elif "/booleans/" in path and value.split(" ", maxsplit=1)[0] in ("0", "1"):
            # `current pending`: the first is in force.
            self.booleans[name] = (number, value.split(" ", maxsplit=1)[0])
        else:
            raise ValueError("not 0 or 1")


def _parse(text: str) -> Parsed:
    """Say what SELinux does as a whole, and for each of its switches whether users are kept from own programs."""
    answer = _Answer()
    strange: list[Unread] = []
    for number, line in enumerate(lines_of(text), 1):
        if line:
            try:
                answer.take(number, line)
            except ValueError as error:
                strange.append(unread(number, line, error))
    if answer.kernel is None:
        return Parsed(unread=tuple(strange), partial="what the kernel does with SELinux is not said")
    at, mode = _mode(answer)
    configured = ", ".join(f"{key}={answer.settings[key][1]}" for key in ("SELINUX", "SELINUXTYPE")
                           if key in answer.settings)  # fmt: skip
    facts = [(at, ExecutionControl(mechanism="selinux", mode=mode, detail=configured))]
    for name, (number, value) in answer.booleans.items():
        facts.append((
            number,
            ExecutionControl(
                mechanism="selinux", mode="off" if value == "1" else mode, subject=name, detail=f"{name} is {value}"
            ),
        ))  # fmt: skip
    missing = "whether SELinux enforces is not said" if answer.kernel[1] == "on" and answer.enforce is None else None
    return Parsed(facts=tuple(facts), unread=tuple(strange), partial=missing)


def _mode(answer: _Answer) -> tuple[int, str]:
    if answer.enforce is not None:
        return answer.enforce[0], "enforcing" if answer.enforce[1] == "1" else "auditing"
    assert answer.kernel is not None  # noqa: S101 — the caller returned else
    # Where it could not be seen, no more is claimed than that it is there.
    return answer.kernel[0], "off" if answer.kernel[1] == "off" else "auditing"


PLUGIN = Collector(
    id="appcontrol.selinux",
    facts=(ExecutionControl,),
    quick={OsFamily.LINUX: _QUICK},
    parse=_parse,
    proof={OsFamily.LINUX: Proof.DOCUMENTED},
    advice="Mount selinuxfs in /sys/fs/selinux in the place where the audit logs in.",
    holds_secrets=False,
)
