"""Let old audit events go into an archive, and nothing else go.

Revision ID: 0005
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

from hallpanel.engine import audit

revision = "0005"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    connection = op.get_bind()
    for statement in audit.drop_first_triggers(connection.dialect.name):
        op.execute(statement)
    op.create_table(
        "audit_archive",
        sa.Column(
            "last_seq",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("first_seq", sa.BigInteger(), nullable=False),
        sa.Column("previous_digest", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("file_digest", sa.String(), nullable=False),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("last_seq", name=op.f("pk_audit_archive")),
    )
    for statement in audit.guards(connection.dialect.name):
        op.execute(statement)


def downgrade() -> None:
    connection = op.get_bind()
    for statement in audit.drop_triggers(connection.dialect.name):
        op.execute(statement)
    op.drop_table("audit_archive")
    for statement in audit.triggers(connection.dialect.name):
        op.execute(statement)
