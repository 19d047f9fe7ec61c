"""The decision log, and the keys that seal sensitive values."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "data_keys",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("master", sa.String(length=64), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_data_keys")),
    )
    op.create_table(
        "segments",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("alive_until", sa.BigInteger(), nullable=False),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.Column("anchored", sa.Integer(), nullable=False),
        sa.Column("removed_before", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_segments")),
    )
    op.create_index(op.f("ix_segments_closed_at"), "segments", ["closed_at"], unique=False)
    op.create_table(
        "usages",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("versions_json", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_usages")),
    )
    op.create_table(
        "decisions",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("segment", sa.String(length=36), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("system", sa.String(length=64), nullable=False),
        sa.Column("reference", sa.String(length=128), nullable=True),
        sa.Column("usage", sa.String(length=64), nullable=False),
        sa.Column("record_json", sa.Text(), nullable=False),
        sa.Column("previous", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["segment"], ["segments.id"], name=op.f("fk_decisions_segment_segments")),
        sa.ForeignKeyConstraint(["usage"], ["usages.sha256"], name=op.f("fk_decisions_usage_usages")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decisions")),
        sa.UniqueConstraint("segment", "position", name=op.f("uq_decisions_segment_position")),
        sa.UniqueConstraint("system", "reference", name=op.f("uq_decisions_system_reference")),
    )
    op.create_index(op.f("ix_decisions_at_id"), "decisions", ["at", "id"], unique=False)
    op.create_index(op.f("ix_decisions_usage"), "decisions", ["usage"], unique=False)
    op.create_table(
        "used_versions",
        sa.Column("usage", sa.String(length=64), nullable=False),
        sa.Column("ruleset", sa.String(length=64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["usage"], ["usages.sha256"], name=op.f("fk_used_versions_usage_usages")),
        sa.PrimaryKeyConstraint("usage", "ruleset", name=op.f("pk_used_versions")),
    )
    op.create_index(op.f("ix_used_versions_ruleset_number"), "used_versions", ["ruleset", "number"], unique=False)
    if op.get_bind().dialect.name == "sqlite":
        op.execute("CREATE TRIGGER decisions_update BEFORE UPDATE ON decisions BEGIN SELECT RAISE(ABORT, 'decisions is append-only'); END")
    else:
        op.execute("CREATE TRIGGER decisions_append_only BEFORE UPDATE ON decisions EXECUTE FUNCTION append_only()")
