"""What is a set of rulesets once it is understood: productions that need some fields and give some?

A local outcome's key is ``ruleset.outcome``; a vocabulary field's key is its id. Everything here is frozen and
holds canonical parts only, so two documents that mean the same compile to equal programs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from engine.datatypes import Field, ListType, NumberType, Type
from engine.diagnostics import Text
from engine.source.document import HitPolicy, Source, Vocabulary
from engine.source.syntax import Expression, FieldRef, Test


@dataclass(frozen=True, slots=True)
class Column:
    """A condition column: the value of ``expression``, rounded to its type when it is a number."""

    expression: Expression
    label: Text
    type: Type

    @property
    def field(self) -> str | None:
        """The key of the field when the column is a plain field."""
        return self.expression.id if isinstance(self.expression, FieldRef) else None


@dataclass(frozen=True, slots=True)
class Row:
    """A row: one test per column, one expression per output."""

    id: str
    tests: tuple[Test, ...]
    outputs: tuple[Expression, ...]
    sources: tuple[Source, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A decision table. ``needs`` are all fields that any cell mentions; ``gives`` are its outcomes."""

    ruleset: str
    id: str
    title: Text
    policy: HitPolicy
    columns: tuple[Column, ...]
    gives: tuple[str, ...]
    rows: tuple[Row, ...]
    default: Mapping[str, Expression]
    needs: frozenset[str]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Formula:
    """One outcome computed by one expression."""

    ruleset: str
    id: str
    title: Text
    expression: Expression
    gives: tuple[str, ...]
    needs: frozenset[str]
    sources: tuple[Source, ...] = ()
    note: str = ""


Production = Table | Formula


@dataclass(frozen=True, slots=True)
class Ruleset:
    """A compiled ruleset; ``sha256`` names the canonical document."""

    id: str
    title: Text
    owner: Text
    exports: tuple[str, ...]
    productions: tuple[Production, ...]
    description: Text
    notes: tuple[str, ...]
    sha256: str
    canonical: Mapping[str, Any] = field(repr=False)

    @property
    def tables(self) -> Iterator[Table]:
        return (production for production in self.productions if isinstance(production, Table))


@dataclass(frozen=True)
class Program:
    """All rulesets in force together, productions in an order in which every need comes before its use."""

    vocabulary: Vocabulary
    fields: Mapping[str, Field]
    rulesets: tuple[Ruleset, ...]
    productions: tuple[Production, ...]

    @cached_property
    def producers(self) -> dict[str, Production]:
        """Outcome key → the production that gives it."""
        return {key: production for production in self.productions for key in production.gives}

    @cached_property
    def exported(self) -> dict[str, str]:
        """Exported outcome → its ruleset, in the order of the rulesets."""
        return {name: ruleset.id for ruleset in self.rulesets for name in ruleset.exports}

    def ruleset(self, id_: str) -> Ruleset:
        """The ruleset called ``id_``; raises ``KeyError``."""
        return self._by_id[id_]

    @cached_property
    def _by_id(self) -> dict[str, Ruleset]:
        return {ruleset.id: ruleset for ruleset in self.rulesets}


def outcome_item(type_: Type, policy: HitPolicy) -> Type:
    """The type of one output cell: the element where the policy gathers a list; free of bounds where it aggregates."""
    if policy in ("R", "O", "C") and isinstance(type_, ListType):
        return type_.item
    if policy in ("C+", "C<", "C>") and isinstance(type_, NumberType):
        return replace(type_, minimum=None, maximum=None)
    return type_
