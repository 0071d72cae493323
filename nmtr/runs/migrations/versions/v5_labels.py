"""Version 5: what people call a run: its name, tags and note, and whether it is archived."""

from alembic import op
from sqlalchemy import JSON, Boolean, Column, String

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("runs", Column("name", String, nullable=False, server_default=""))
    op.add_column("runs", Column("tags", JSON, nullable=False, server_default="[]"))
    op.add_column("runs", Column("note", String, nullable=False, server_default=""))
    op.add_column("runs", Column("archived", Boolean, nullable=False, server_default="0"))
