"""Workers of other sites and their keys: whose evidence counts for a host of which site."""

from datetime import date

from auditor.model.record import Record
from auditor.trust.keys import PublicKey
from auditor.trust.people import PersonKey


class Worker(Record, kw_only=True):
    """A process that asks the hosts of its sites for us."""

    name: str
    """What the operator calls it."""
    sites: tuple[str, ...]
    """The sites whose hosts it answers for."""
    keys: tuple[PersonKey, ...]
    """Its keys; more than one while a key is replaced."""


class Workers(Record, kw_only=True):
    """Every worker whose evidence counts."""

    workers: tuple[Worker, ...] = ()
    """In the order of the file."""

    def sites(self) -> set[str]:
        """Return the sites that somebody answers for."""
        return {site for worker in self.workers for site in worker.sites}

    def objection(self, key: PublicKey, site: str, day: date) -> str | None:
        """Say why a key does not answer for a site on a day, as the end of a sentence; None when it does."""
        for worker in self.workers:
            known = next((one for one in worker.keys if one.key == key), None)
            if known is None:
                continue
            if site not in worker.sites:
                return f"is signed by {worker.name}, which does not answer for site {site}"
            wrong = known.objection(day)
            return None if wrong is None else f"is signed with a key of {worker.name} that {wrong}"
        return f"is signed with a key of nobody in the workers file ({key.fingerprint})"
