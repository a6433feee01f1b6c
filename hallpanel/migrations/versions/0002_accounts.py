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
    for column in (
        sa.Column("one_time_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("totp_secret", sa.String(length=255), nullable=True),
        sa.Column("totp_step", sa.BigInteger(), nullable=True),
        sa.Column("totp_since", sa.DateTime(timezone=True), nullable=True),
    ):
        op.add_column("account", column)
    stage = sa.Column("stage", sa.String(length=32), server_default="open", nullable=False)
    op.add_column("sign_in_session", stage)


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
    # Without a batch, which would copy both tables on SQLite for what it can do in place.
    op.drop_column("sign_in_session", "stage")
    for name in ("totp_since", "totp_step", "totp_secret", "one_time_until"):
        op.drop_column("account", name)
    op.drop_table("password_history")
