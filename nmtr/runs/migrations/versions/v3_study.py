"""Version 3: which study queued a run; before, only the owner's text said so, which any user can give."""

from alembic import op
from sqlalchemy import Column, String, column, func, inspect, select, table, update

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("runs", Column("study", String))
    if not inspect(op.get_bind()).has_table("studies"):  # Optuna's, in the same database
        return
    runs, studies = table("runs", column("owner"), column("study")), table("studies", column("study_name"))
    named = func.substr(runs.c.owner, len("study ") + 1)
    of_study = runs.c.owner.startswith("study ") & named.in_(select(studies.c.study_name))
    op.execute(update(runs).where(of_study).values(study=named))
