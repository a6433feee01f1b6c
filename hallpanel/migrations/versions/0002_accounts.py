"""One-time codes, second factors, passwords of before, and sign-ins that wait for a code.

Revision ID: 0002
Revises: 0001
Create Date: 2026-11-24 00:55:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "password_history",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("password_hash", sa.String(length=255), nullable=False),
        sa.Column("replaced_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_password_history_account_id_account")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_password_history")),
    )
    with op.batch_alter_table("password_history") as batch:
        batch.create_index(batch.f("ix_password_history_account_id"), ["account_id"])
    with op.batch_alter_table("account") as batch:
        batch.add_column(sa.Column("one_time_until", sa.DateTime(timezone=True), nullable=True))
        batch.add_column(sa.Column("totp_secret", sa.String(length=255), nullable=True))
        batch.add_column(sa.Column("totp_step", sa.BigInteger(), nullable=True))
        batch.add_column(sa.Column("totp_since", sa.DateTime(timezone=True), nullable=True))
    with op.batch_alter_table("sign_in_session") as batch:
        batch.add_column(
            sa.Column("stage", sa.String(length=32), server_default="open", nullable=False)
        )


def downgrade() -> None:
    # A sign-in that waits for its code would be a whole one without the column that says so.
    op.execute(sa.text("DELETE FROM sign_in_session WHERE stage <> 'open'"))
    # A one-time code would become a password without end.
    op.execute(
        sa.text(
            "UPDATE account SET password_hash = '', must_change_password = true "
            "WHERE one_time_until IS NOT NULL"
        )
    )
    with op.batch_alter_table("sign_in_session") as batch:
        batch.drop_column("stage")
    with op.batch_alter_table("account") as batch:
        batch.drop_column("totp_since")
        batch.drop_column("totp_step")
        batch.drop_column("totp_secret")
        batch.drop_column("one_time_until")
    op.drop_table("password_history")
