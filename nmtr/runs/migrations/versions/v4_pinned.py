"""Version 4: the finished run that is pinned as its data set's model."""

from alembic import op
from sqlalchemy import Boolean, Column

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("runs", Column("pinned", Boolean, nullable=False, server_default="0"))
