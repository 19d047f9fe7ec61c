"""Which tables does the store have? One schema for SQLite and PostgreSQL; ``migrations/`` builds it.

Instants are whole microseconds since 1970 (``rulesets.clock``), hashes are hex SHA-256, texts that end in ``_json`` are
canonical JSON. Rows of contents, versions, audit and decisions are never changed, but for the withdrawal of a version.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Integer, MetaData, String, Text, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

Hash = String(64)
Name = String(64)
Id = String(36)
Serial = BigInteger().with_variant(Integer, "sqlite")


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class Counter(Base):
    """Numbers that count up. Its row is the lock of whoever counts: ``releases`` (publications), ``audit`` (entries)."""

    __tablename__ = "counters"
    name: Mapped[str] = mapped_column(Name, primary_key=True)
    value: Mapped[int] = mapped_column(BigInteger)


# --- documents through time -----------------------------------------------------------------------------------------------


class Content(Base):
    """A document or a list of cases, once, named by its hash."""

    __tablename__ = "contents"
    sha256: Mapped[str] = mapped_column(Hash, primary_key=True)
    content_json: Mapped[str] = mapped_column(Text)


class Head(Base):
    """The newest version number of a ruleset (or of ``vocabulary``). Its row is the lock of whoever publishes."""

    __tablename__ = "heads"
    ruleset: Mapped[str] = mapped_column(Name, primary_key=True)
    number: Mapped[int]
    department: Mapped[str] = mapped_column(Name)


class Version(Base):
    """A published version: immutable. ``author`` and ``approver`` are user names."""

    __tablename__ = "versions"
    __table_args__ = (UniqueConstraint("ruleset", "number"), CheckConstraint("author <> approver", "four_eyes"))
    id: Mapped[int] = mapped_column(Serial, primary_key=True)
    ruleset: Mapped[str] = mapped_column(ForeignKey("heads.ruleset"))
    number: Mapped[int]
    sha256: Mapped[str] = mapped_column(ForeignKey("contents.sha256"))
    cases_sha256: Mapped[str] = mapped_column(ForeignKey("contents.sha256"))
    based_on: Mapped[int | None]
    draft: Mapped[str | None] = mapped_column(Id)
    author: Mapped[str] = mapped_column(Name)
    approver: Mapped[str] = mapped_column(Name)
    reason: Mapped[str] = mapped_column(Text)
    effective_from: Mapped[int] = mapped_column(BigInteger)
    published_at: Mapped[int] = mapped_column(BigInteger)
    withdrawn_at: Mapped[int | None] = mapped_column(BigInteger)
    withdrawn_by: Mapped[str | None] = mapped_column(Name)
    withdrawn_reason: Mapped[str | None] = mapped_column(Text)


class Draft(Base):
    """Work on the next version. ``revision`` counts every save (the entity tag); ``document_json`` is as typed, valid or not."""

    __tablename__ = "drafts"
    __table_args__ = (CheckConstraint("state IN ('draft', 'submitted', 'rejected', 'approved', 'discarded')", "state"),)
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    ruleset: Mapped[str] = mapped_column(ForeignKey("heads.ruleset"), index=True)
    title: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(16), index=True)
    revision: Mapped[int]
    base: Mapped[int]
    document_json: Mapped[str] = mapped_column(Text)
    cases_json: Mapped[str] = mapped_column(Text)
    created_by: Mapped[str] = mapped_column(Name)
    created_at: Mapped[int] = mapped_column(BigInteger)
    changed_by: Mapped[str] = mapped_column(Name)
    changed_at: Mapped[int] = mapped_column(BigInteger)
    submitted_by: Mapped[str | None] = mapped_column(Name)
    submitted_at: Mapped[int | None] = mapped_column(BigInteger)
    decided_by: Mapped[str | None] = mapped_column(Name)
    decided_at: Mapped[int | None] = mapped_column(BigInteger)
    comment: Mapped[str | None] = mapped_column(Text)
    reason: Mapped[str | None] = mapped_column(Text)
    effective_from: Mapped[int | None] = mapped_column(BigInteger)
    version: Mapped[int | None]


class Contributor(Base):
    """Somebody who had a hand in a draft, and therefore can never approve it."""

    __tablename__ = "contributors"
    draft: Mapped[str] = mapped_column(ForeignKey("drafts.id"), primary_key=True)
    user: Mapped[str] = mapped_column(Name, primary_key=True)


# --- audit ----------------------------------------------------------------------------------------------------------------


class AuditEntry(Base):
    """One change: who, when, from where, what, why, before and after; chained by hash. Never changed or deleted."""

    __tablename__ = "audit"
    number: Mapped[int] = mapped_column(Serial, primary_key=True, autoincrement=False)
    at: Mapped[int] = mapped_column(BigInteger, index=True)
    actor: Mapped[str] = mapped_column(String(128), index=True)
    origin: Mapped[str] = mapped_column(String(64))
    action: Mapped[str] = mapped_column(Name, index=True)
    object: Mapped[str] = mapped_column(String(128), index=True)
    reason: Mapped[str] = mapped_column(Text)
    before: Mapped[str | None] = mapped_column(Hash)
    after: Mapped[str | None] = mapped_column(Hash)
    details_json: Mapped[str] = mapped_column(Text)
    previous: Mapped[str] = mapped_column(Hash)
    hash: Mapped[str] = mapped_column(Hash)


# --- decisions ------------------------------------------------------------------------------------------------------------


class Usage(Base):
    """A set of versions that decisions used together, the vocabulary among them: ``[[ruleset, number, sha256], …]``."""

    __tablename__ = "usages"
    sha256: Mapped[str] = mapped_column(Hash, primary_key=True)
    versions_json: Mapped[str] = mapped_column(Text)


class UsedVersion(Base):
    """One version of a usage, for searching by version."""

    __tablename__ = "used_versions"
    __table_args__ = (Index(None, "ruleset", "number"),)
    usage: Mapped[str] = mapped_column(ForeignKey("usages.sha256"), primary_key=True)
    ruleset: Mapped[str] = mapped_column(Name, primary_key=True)
    number: Mapped[int]


class Segment(Base):
    """The decisions of one writer, in order. ``anchored`` records are vouched for by the audit chain.

    A writer renews ``alive_until``; a segment whose writer is gone is closed by another one.
    """

    __tablename__ = "segments"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    opened_at: Mapped[int] = mapped_column(BigInteger)
    alive_until: Mapped[int] = mapped_column(BigInteger)
    closed_at: Mapped[int | None] = mapped_column(BigInteger, index=True)
    anchored: Mapped[int]
    removed_before: Mapped[int] = mapped_column(default=0)


class DecisionRecord(Base):
    """One decision as it was answered. ``record_json`` is what ``hash`` chains; sensitive values in it are sealed."""

    __tablename__ = "decisions"
    __table_args__ = (UniqueConstraint("segment", "position"), UniqueConstraint("system", "reference"), Index(None, "at", "id"))
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    segment: Mapped[str] = mapped_column(ForeignKey("segments.id"))
    position: Mapped[int]
    at: Mapped[int] = mapped_column(BigInteger)
    system: Mapped[str] = mapped_column(Name)
    reference: Mapped[str | None] = mapped_column(String(128))
    usage: Mapped[str] = mapped_column(ForeignKey("usages.sha256"), index=True)
    record_json: Mapped[str] = mapped_column(Text)
    previous: Mapped[str] = mapped_column(Hash)
    hash: Mapped[str] = mapped_column(Hash)


class DataKey(Base):
    """A key that seals sensitive values, itself sealed by a configured master key."""

    __tablename__ = "data_keys"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    created_at: Mapped[int] = mapped_column(BigInteger)
    master: Mapped[str] = mapped_column(Name)
    sealed: Mapped[str] = mapped_column(Text)


# --- people and systems ---------------------------------------------------------------------------------------------------


class Department(Base):
    __tablename__ = "departments"
    id: Mapped[str] = mapped_column(Name, primary_key=True)
    zh: Mapped[str] = mapped_column(String(128), unique=True)
    en: Mapped[str] = mapped_column(String(128))


class User(Base):
    """A person. ``name`` is how they sign in and how every record names them; it is never reused."""

    __tablename__ = "users"
    name: Mapped[str] = mapped_column(Name, primary_key=True)
    display: Mapped[str] = mapped_column(String(128))
    department: Mapped[str | None] = mapped_column(ForeignKey("departments.id"))
    password: Mapped[str | None] = mapped_column(String(256))
    must_change: Mapped[bool]
    subject: Mapped[str | None] = mapped_column(String(256), unique=True)
    active: Mapped[bool]
    revision: Mapped[int]
    failures: Mapped[int]
    locked_until: Mapped[int | None] = mapped_column(BigInteger)
    created_at: Mapped[int] = mapped_column(BigInteger)
    seen_at: Mapped[int | None] = mapped_column(BigInteger)


class Grant(Base):
    """A role of a user: for everything, for the rulesets of one department, or for one ruleset."""

    __tablename__ = "grants"
    __table_args__ = (
        CheckConstraint("role IN ('viewer', 'editor', 'approver', 'compliance', 'administrator')", "role"),
        CheckConstraint("department IS NULL OR ruleset IS NULL", "one_scope"),
    )
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    user: Mapped[str] = mapped_column(ForeignKey("users.name"), index=True)
    role: Mapped[str] = mapped_column(String(16))
    department: Mapped[str | None] = mapped_column(ForeignKey("departments.id"))
    ruleset: Mapped[str | None] = mapped_column(Name)


class SignIn(Base):
    """A signed-in browser. Only the hash of its cookie is kept."""

    __tablename__ = "sign_ins"
    cookie_sha256: Mapped[str] = mapped_column(Hash, primary_key=True)
    user: Mapped[str] = mapped_column(ForeignKey("users.name"), index=True)
    csrf_sha256: Mapped[str] = mapped_column(Hash)
    created_at: Mapped[int] = mapped_column(BigInteger)
    seen_at: Mapped[int] = mapped_column(BigInteger)
    expires_at: Mapped[int] = mapped_column(BigInteger)


class ApiKey(Base):
    """A key of a calling system. Only its hash is kept."""

    __tablename__ = "api_keys"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    key_sha256: Mapped[str] = mapped_column(Hash, unique=True)
    system: Mapped[str] = mapped_column(Name, index=True)
    scopes_json: Mapped[str] = mapped_column(Text)
    outcomes_json: Mapped[str | None] = mapped_column(Text)
    created_by: Mapped[str] = mapped_column(Name)
    created_at: Mapped[int] = mapped_column(BigInteger)
    expires_at: Mapped[int | None] = mapped_column(BigInteger)
    revoked_at: Mapped[int | None] = mapped_column(BigInteger)
    used_at: Mapped[int | None] = mapped_column(BigInteger)


# --- telling other systems ------------------------------------------------------------------------------------------------


class Webhook(Base):
    """Where to tell when a version takes effect. ``secret`` is sealed by a data key."""

    __tablename__ = "webhooks"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    url: Mapped[str] = mapped_column(Text)
    rulesets_json: Mapped[str | None] = mapped_column(Text)
    secret: Mapped[str] = mapped_column(Text)
    active: Mapped[bool]
    revision: Mapped[int]
    created_by: Mapped[str] = mapped_column(Name)
    created_at: Mapped[int] = mapped_column(BigInteger)


class Delivery(Base):
    """One message to one webhook; those of a ruleset go out in the order of ``number``."""

    __tablename__ = "deliveries"
    __table_args__ = (UniqueConstraint("webhook", "version"), Index(None, "done_at", "due_at"))
    number: Mapped[int] = mapped_column(Serial, primary_key=True)
    webhook: Mapped[str] = mapped_column(ForeignKey("webhooks.id"))
    version: Mapped[int] = mapped_column(ForeignKey("versions.id"))
    ruleset: Mapped[str] = mapped_column(Name)
    event_json: Mapped[str] = mapped_column(Text)
    due_at: Mapped[int] = mapped_column(BigInteger)
    attempts: Mapped[int]
    failure: Mapped[str | None] = mapped_column(Text)
    done_at: Mapped[int | None] = mapped_column(BigInteger)
