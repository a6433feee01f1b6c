"""Keep excluded roles apart in the database, and note where a second person has to agree.

Revision ID: 0003
Revises: 0002
Create Date: 2026-11-24 01:45:00
"""

import sqlalchemy as sa
from alembic import op

from hallpanel.guard import exclusions

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "dual_control",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("reason", sa.String(length=2000), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=True),
        sa.Column("requested_by", sa.Integer(), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("requested_in", sa.String(length=64), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_by", sa.Integer(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("remark", sa.String(length=2000), nullable=True),
        sa.Column("outcome", sa.String(length=32), nullable=False),
        sa.CheckConstraint(
            "decided_by IS NULL OR decided_by <> requested_by", name="ck_dual_control_two_people"
        ),
        sa.ForeignKeyConstraint(
            ["decided_by"], ["account.id"], name=op.f("fk_dual_control_decided_by_account")
        ),
        sa.ForeignKeyConstraint(
            ["requested_by"], ["account.id"], name=op.f("fk_dual_control_requested_by_account")
        ),
        sa.ForeignKeyConstraint(
            ["unit_id"], ["unit.id"], name=op.f("fk_dual_control_unit_id_unit")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dual_control")),
    )
    with op.batch_alter_table("dual_control") as batch:
        batch.create_index("ix_dual_control_open", ["outcome", "expires_at"])
    for statement in exclusions.triggers(op.get_bind().dialect.name):
        op.execute(sa.text(statement.replace(":", r"\:")))


def downgrade() -> None:
    for statement in exclusions.drop_triggers(op.get_bind().dialect.name):
        op.execute(sa.text(statement))
    with op.batch_alter_table("dual_control") as batch:
        batch.drop_index("ix_dual_control_open")
    op.drop_table("dual_control")
