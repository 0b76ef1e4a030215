"""Traffic.

Revision 0003, after 0002.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "traffic",
        sa.Column("minute", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("model", sa.String(length=63), nullable=False),
        sa.Column("version", sa.String(length=16), nullable=False),
        sa.Column("protocol", sa.String(length=16), nullable=False),
        sa.Column("caller", sa.String(length=64), nullable=False),
        sa.Column("status", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("writer", sa.String(length=16), nullable=False),
        sa.Column("requests", sa.Integer(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("latency_0", sa.Integer(), nullable=False),
        sa.Column("latency_1", sa.Integer(), nullable=False),
        sa.Column("latency_2", sa.Integer(), nullable=False),
        sa.Column("latency_3", sa.Integer(), nullable=False),
        sa.Column("latency_4", sa.Integer(), nullable=False),
        sa.Column("latency_5", sa.Integer(), nullable=False),
        sa.Column("latency_6", sa.Integer(), nullable=False),
        sa.Column("latency_7", sa.Integer(), nullable=False),
        sa.Column("latency_8", sa.Integer(), nullable=False),
        sa.Column("latency_9", sa.Integer(), nullable=False),
        sa.Column("latency_10", sa.Integer(), nullable=False),
        sa.Column("latency_11", sa.Integer(), nullable=False),
        sa.Column("latency_12", sa.Integer(), nullable=False),
        sa.Column("latency_13", sa.Integer(), nullable=False),
        sa.Column("latency_14", sa.Integer(), nullable=False),
        sa.Column("latency_15", sa.Integer(), nullable=False),
        sa.Column("latency_16", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint(
            "minute", "model", "version", "protocol", "caller", "status", "writer", name=op.f("pk_traffic")
        ),
    )


def downgrade() -> None:
    op.drop_table("traffic")
