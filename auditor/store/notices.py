"""What webhooks were told: each thing once, by its fingerprint."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from auditor.model.record import Record
from auditor.store.tables import NOTICES


class Notices(Record):
    """What is kept of messages that were taken."""

    _writing: Callable[[], AbstractContextManager[Connection]]
    _reading: Callable[[], AbstractContextManager[Connection]]

    def told(self, webhook: str) -> dict[tuple[str, str], int]:
        """Return by event and fingerprint the last life of each thing that a webhook was told of."""
        columns = (NOTICES.c.event, NOTICES.c.fingerprint)
        query = sa.select(*columns, sa.func.max(NOTICES.c.life)).where(NOTICES.c.webhook == webhook).group_by(*columns)
        with self._reading() as connection:
            return {(event, fingerprint): life for event, fingerprint, life in connection.execute(query)}

    def add(self, webhook: str, event: str, fingerprint: str, life: int, run: str) -> None:
        """Remember that a webhook took a message; one that it took before stays as it is."""
        key = {"webhook": webhook, "event": event, "fingerprint": fingerprint, "life": life}
        with self._writing() as connection:
            same = [NOTICES.c[name] == value for name, value in key.items()]
            if connection.execute(sa.select(NOTICES.c.run).where(*same)).first() is None:
                connection.execute(NOTICES.insert().values(**key, run=run))

    def forget(self, webhook: str, event: str, fingerprint: str) -> None:
        """Forget that a webhook was told of something, so that it is told again."""
        with self._writing() as connection:
            connection.execute(
                NOTICES.delete().where(
                    NOTICES.c.webhook == webhook, NOTICES.c.event == event, NOTICES.c.fingerprint == fingerprint
                )
            )
