"""Every command that is ended at each of its writes."""

from tests.faults.remediating import REMEDIATING
from tests.faults.retaining import RETAINING
from tests.faults.scenarios import AUDITING

SCENARIOS = {one.name: one for one in (*AUDITING, *RETAINING, *REMEDIATING)}
