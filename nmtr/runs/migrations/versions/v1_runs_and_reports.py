"""Version 1: runs and their reports. A store of that version may lack Alembic's stamp, and has these tables then."""

from alembic import op
from sqlalchemy import JSON, Boolean, Column, Float, ForeignKey, Integer, String

revision = "0001"
down_revision = None


def upgrade() -> None:
    # What told versions before Alembic's table did: an nmtr of that time still asks it.
    op.create_table("schema", Column("version", Integer, primary_key=True), if_not_exists=True)
    op.create_table(
        "runs",
        Column("number", Integer, primary_key=True),
        Column("id", String(8), nullable=False, unique=True),
        Column("state", String(9), nullable=False),
        Column("config", JSON, nullable=False),
        Column("fingerprint", String, nullable=False),
        Column("foreground", Boolean, nullable=False),
        Column("created", Float, nullable=False),
        Column("started", Float),
        Column("finished", Float),
        Column("epoch", Integer, nullable=False),
        Column("epochs", Integer, nullable=False),
        Column("seconds", Float, nullable=False),
        Column("cancel_requested", Boolean, nullable=False),
        Column("error", String),
        Column("result", JSON),
        Column("pid", Integer),
        Column("process_started", Float),
        Column("heartbeat", Float),
        Column("deaths", Integer, nullable=False),
        if_not_exists=True,
    )
    op.create_index("ix_runs_state", "runs", ["state"], if_not_exists=True)
    op.create_table(
        "reports",
        Column("number", Integer, primary_key=True),
        Column("run", String(8), ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
        Column("phase", String, nullable=False),
        Column("epoch", Integer, nullable=False),
        Column("report", JSON, nullable=False),
        if_not_exists=True,
    )
    op.create_index("reports_by_epoch", "reports", ["run", "phase", "epoch"], unique=True, if_not_exists=True)
