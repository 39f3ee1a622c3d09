"""What Alembic runs to bring a store up to date: on the connection, and in the transaction, that it is given."""

from alembic import context

from auditor.store.tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
context.run_migrations()
