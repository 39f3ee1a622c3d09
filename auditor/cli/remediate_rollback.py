"""``auditor remediate rollback``: undo what a plan has changed, and prove that as well."""

from argparse import Namespace

from auditor.cli.remediate_setup import open_setup
from auditor.cli.remediate_status import print_standing
from auditor.cli.terminal import say
from auditor.errors import PlanError, UsageError, did_you_mean
from auditor.remediate.standing import Stands, standing
from auditor.run.remediation import rollback as rolled_back


def rollback(options: Namespace) -> int:
    """Undo a plan; 0 when each host is as its capsules say, 1 when not, 130 when interrupted."""
    with open_setup(options) as setup:
        now = standing(setup.orders.plan, setup.store.journal.events(setup.digest)).hosts
        for host in options.host:
            if host not in now:
                raise UsageError(f"{options.file}: has no host {host!r}{did_you_mean(host, list(now))}")
        wanted = [name for name, host in now.items() if host.to_undo and (not options.host or name in options.host)]
        if not wanted:
            raise PlanError(f"{options.file}: nothing of it is to be undone; `auditor remediate status` says what was")
        with setup.tools() as tools:
            setup.begin(tools, {"rollback": wanted})
            after = rolled_back(setup.orders, tools, wanted)
            interrupted = tools.is_stopped()
        print_standing(options, setup.plan_file, setup.store.journal.events(setup.digest))
    if interrupted:
        say(options, "interrupted; rollback again does the rest")
        return 130
    return 0 if all(after[name].stands is Stands.ROLLED_BACK for name in wanted) else 1
