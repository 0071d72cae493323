"""Version 2: a queue with priorities, owners and a pause; and why a run was cancelled."""

from alembic import op
from sqlalchemy import Boolean, Column, Integer, MetaData, String, Table, insert

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("runs", Column("priority", Integer, nullable=False, server_default="0"))
    op.add_column("runs", Column("owner", String, nullable=False, server_default=""))
    op.add_column("runs", Column("reason", String))
    queue = op.create_table(
        "queue",
        Column("paused", Boolean, nullable=False),
        Column("slots", Integer, nullable=False),
        Column("per_owner", Integer),
    )
    op.execute(insert(queue).values(paused=False, slots=1))
    # An nmtr that knows version 1 only refuses a store whose version here is higher.
    schema = Table("schema", MetaData(), Column("version", Integer, primary_key=True))
    op.execute(schema.delete())
    op.execute(insert(schema).values(version=2))
