"""Which limits of the method a policy accepts, and what an answer that only they cut short is then worth."""

import dataclasses
from collections.abc import Iterable
from datetime import date

from auditor.model.evidence import Outcome
from auditor.model.policy import AcceptedLimit
from auditor.model.reading import Reading
from auditor.model.record import replace


def accept_limits(reading: Reading, accepted: Iterable[AcceptedLimit], today: date) -> Reading:
    """Return the reading with those sections as collected that lack nothing but what is accepted on that day.

    What a section lacks by a limit stays with it, and is said beside each verdict that rests on it.
    """
    valid = {one.limit for one in accepted if one.start <= today <= one.end}
    sections = {
        section.id: replace(section, outcome=Outcome.COLLECTED, advice="")
        for section in reading.sections.values()
        if section.limits and {limit.id for limit in section.limits} <= valid
    }
    return dataclasses.replace(reading, sections={**reading.sections, **sections}) if sections else reading
