"""Through which stages do documents become a program?

``STAGES`` is the pipeline as data; ``python -m engine stages`` prints the program after each. A stage gathers the
faults of all documents before the pipeline stops, so an author sees everything at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from dataclasses import replace as replaced
from decimal import Decimal
from graphlib import CycleError, TopologicalSorter
from typing import Any, Final

from engine.builtins import comparable
from engine.datatypes import UNDECLARED_SCALE, ChoiceType, Field, ListType, NumberType, TextType, Type, fits
from engine.diagnostics import Diagnostic, Location, Text, suggestion
from engine.errors import DocumentError
from engine.program import Column, Formula, Production, Program, Row, Ruleset, Table, outcome_item
from engine.source.cells import parse_cell, parse_expression
from engine.source.check import Scope, check_cell, check_expression, check_scale, mismatch
from engine.source.document import ColumnSource, Document, FormulaSource, HitPolicy, RowSource, TableSource, Vocabulary
from engine.source.lexer import Unreadable
from engine.source.reader import read_ruleset, read_vocabulary
from engine.source.syntax import Expression, FieldRef, ListOf, Literal_, Test, references
from engine.source.writer import document_sha256, local_id, write_expression, write_test
from engine.values import plain


@dataclass
class Work:
    """What the stages hand on: each fills in its part."""

    vocabulary_data: object
    document_data: Sequence[object]
    vocabulary: Vocabulary = field(default_factory=lambda: Vocabulary(Text("", ""), {}))
    documents: list[Document] = field(default_factory=list)
    scopes: dict[str, Scope] = field(default_factory=dict)
    fields: dict[str, Field] = field(default_factory=dict)
    rulesets: list[Ruleset] = field(default_factory=list)
    ordered: list[Production] = field(default_factory=list)
    faults: list[Diagnostic] = field(default_factory=list)


# --- stage 1: read -------------------------------------------------------------------------------------------------------


def read(work: Work) -> None:
    """Plain data → documents, with structural faults."""
    try:
        work.vocabulary = read_vocabulary(work.vocabulary_data)
    except DocumentError as error:
        work.faults.extend(error.diagnostics)
    for data in work.document_data:
        try:
            work.documents.append(read_ruleset(data, choice_lists=work.vocabulary.choice_lists))
        except DocumentError as error:
            work.faults.extend(error.diagnostics)


# --- stage 2: declare ----------------------------------------------------------------------------------------------------


def declare(work: Work) -> None:
    """Who may name what: vocabulary fields everywhere, locals in their ruleset; one exporter per outcome."""
    work.fields.update(work.vocabulary.fields)
    exporters: dict[str, str] = {}
    seen: set[str] = set()
    for document in work.documents:
        if document.id in seen:
            work.faults.append(Diagnostic("E309", Location(document.id, ("ruleset",)), {"found": document.id}))
        seen.add(document.id)
        work.faults.extend(_declare(document, work, exporters))


def _declare(document: Document, work: Work, exporters: dict[str, str]) -> Iterator[Diagnostic]:
    top = Location(document.id)
    spellings = {text: known.id for known in work.vocabulary.fields.values() for text in (known.id, known.label.zh, known.label.en)}
    visible = {known.key: known for known in work.vocabulary.fields.values()}
    for local in document.locals.values():
        for spelling in (local.id, local.label.zh, local.label.en):
            if spellings.setdefault(spelling, local.id) != local.id or local.id in work.vocabulary.fields:
                yield Diagnostic("E111", top.at("locals", local.id), {"found": spelling, "first": spellings[spelling], "second": local.id})
                break
        visible[local.key] = local
        work.fields[local.key] = local
    work.scopes[document.id] = Scope(visible)
    for n, name in enumerate(document.exports):
        at = top.at("exports", n)
        if name not in work.vocabulary.fields:
            yield Diagnostic("E306", at, {"found": name})
        if exporters.setdefault(name, document.id) != document.id:
            yield Diagnostic("E302", at, {"found": name, "first": exporters[name], "second": document.id})


# --- stage 3: understand -------------------------------------------------------------------------------------------------


def understand(work: Work) -> None:
    """Texts of cells and formulas → checked, canonical trees."""
    for document in work.documents:
        reading = _Understanding(document, work.scopes[document.id])
        productions = reading.productions()
        work.faults.extend(reading.faults)
        canonical = _canonical_document(document, productions) if not reading.faults else {}
        work.rulesets.append(
            Ruleset(
                document.id,
                document.title,
                document.owner,
                document.exports,
                tuple(productions),
                document.description,
                document.notes,
                document_sha256(canonical),
                canonical,
            )
        )


class _Understanding:
    """Understands the tables and formulas of one document, gathering faults."""

    def __init__(self, document: Document, scope: Scope) -> None:
        self.document = document
        self.scope = scope
        self.faults: list[Diagnostic] = []

    def productions(self) -> list[Production]:
        tables = [table for source in self.document.tables if (table := self.table(source))]
        formulas = [formula for source in self.document.formulas if (formula := self.formula(source))]
        return [*tables, *formulas]

    def fault(self, code: str, at: Location, **parameters: object) -> None:
        self.faults.append(Diagnostic(code, at, parameters))

    def unreadable(self, error: Unreadable, at: Location, text: str) -> None:
        subject = at.column or at.part or Text("", "")
        parameters = {"field_zh": subject.zh, "field_en": subject.en, **error.parameters}
        self.fault(error.code, at.spanning(text, error.start, error.end), **parameters)

    def outcome(self, name: str, at: Location) -> Field | None:
        known = self.scope.find(name)
        if known is None:
            self.fault("E306", at, found=name)
        elif not known.owner and known.id not in self.document.exports:
            self.fault("E307", at, found=known.id)
        return known

    def expression(self, text: str, at: Location, expected: Type | None) -> tuple[Expression, Type] | None:
        try:
            node, type_ = check_expression(parse_expression(text, self.scope.lexicon), self.scope, expected)
            self.check_canonical(node, expected)
        except Unreadable as error:
            self.unreadable(error, at, text)
            return None
        return node, type_

    def check_canonical(self, node: Expression, expected: Type | None) -> None:
        """Refuse (E217) an expression whose canonical text would be read as something else: two things share a name."""
        if isinstance(node, Literal_):
            return
        written = write_expression(node)
        try:
            again, _ = check_expression(parse_expression(written, self.scope.lexicon), self.scope, expected)
        except Unreadable:
            again = None
        if again != node:
            raise Unreadable("E217", *node.span, found=written)

    def result(self, text: str, at: Location, outcome: Field, wanted: Type) -> Expression | None:
        """An output cell or formula whose value becomes ``outcome``: type, unit, scale and domain must fit."""
        checked = self.expression(text, at, wanted)
        if checked is None:
            return None
        node, type_ = checked
        try:
            _check_result(node, type_, wanted, outcome)
        except Unreadable as error:
            self.unreadable(error, at, text)
            return None
        return node

    # tables

    def table(self, source: TableSource) -> Table | None:
        at = source.location
        columns = [self.column(column, at.at("inputs", n)) for n, column in enumerate(source.inputs)]
        outcomes = [self.outcome(name, at.at("outputs", n)) for n, name in enumerate(source.outputs)]
        known = [outcome for outcome in outcomes if outcome]
        for outcome in known:
            self.check_policy(source, outcome, at.at("hit_policy"))
        rows = [self.row(row, n, columns, outcomes, source) for n, row in enumerate(source.rows)]
        self.check_constants(source, rows, at.at("hit_policy"))
        default = {
            outcome.key: node for name, outcome in zip(source.outputs, outcomes, strict=True) if outcome and (node := self.default(name, outcome, source))
        }
        if len(known) < len(outcomes) or None in columns or None in rows:
            return None
        kept_columns, kept_rows = [c for c in columns if c], [r for r in rows if r]
        return Table(
            self.document.id,
            source.id,
            source.title,
            source.hit_policy,
            tuple(kept_columns),
            tuple(outcome.key for outcome in known),
            tuple(kept_rows),
            default,
            _needs([column.expression for column in kept_columns], [node for row in kept_rows for node in row.outputs], default.values()),
            source.note,
        )

    def column(self, source: ColumnSource, at: Location) -> Column | None:
        known = self.scope.find(source.text)
        if known:
            return Column(FieldRef(known.key), source.label or known.label, known.type)
        if not source.is_expression:
            names = [name for known in self.scope.fields.values() for name in (known.id, known.label.zh)]
            self.fault("E107", at, found=source.text, **suggestion(source.text, names))
            return None
        checked = self.expression(source.text, at, None)
        if checked is None:
            return None
        node, type_ = checked
        if isinstance(type_, NumberType):
            scale = UNDECLARED_SCALE if source.scale is None else source.scale
            type_ = NumberType(scale=scale, unit=type_.unit)
        return Column(node, source.label or Text(source.text, source.text), type_)

    def row(self, source: RowSource, number: int, columns: Sequence[Column | None], outcomes: Sequence[Field | None], table: TableSource) -> Row | None:
        at = replaced(table.location.at("rows", number), row=source.id, row_number=number + 1)
        tests = [self.cell(text, column, at.at("when", n)) for n, (text, column) in enumerate(zip(source.when, columns, strict=True))]
        outputs = [
            self.result(text, replaced(at.at("then", n), column=outcome.label), outcome, outcome_item(outcome.type, table.hit_policy)) if outcome else None
            for n, (text, outcome) in enumerate(zip(source.then, outcomes, strict=True))
        ]
        if None in tests or None in outputs:
            return None
        return Row(source.id, tuple(t for t in tests if t), tuple(o for o in outputs if o), source.sources, source.note)

    def cell(self, text: str, column: Column | None, at: Location) -> Test | None:
        if column is None:
            return None
        here = replaced(at, column=column.label)
        try:
            return check_cell(parse_cell(text, self.scope.lexicon), column.type, self.scope, column.label)
        except Unreadable as error:
            self.unreadable(error, here, text)
            return None

    def default(self, name: str, outcome: Field, source: TableSource) -> Expression | None:
        """The default of an outcome that the table's head spells ``name``."""
        if name not in source.default:
            return None
        return self.result(source.default[name], replaced(source.location.at("default", name), column=outcome.label), outcome, outcome.type)

    def check_constants(self, source: TableSource, rows: Sequence[Row | None], at: Location) -> None:
        """Priorities are a property of the table, so ranked policies take constants."""
        expressions = (node for row in rows if row for node in row.outputs if not isinstance(node, Literal_))
        if source.hit_policy in ("P", "O") and any(True for _ in expressions):
            self.fault(
                "E305",
                at,
                policy=source.hit_policy,
                why_zh="按取值排先后，结论单元格只能写常量",
                why_en="ranks rows by outcome, so output cells must be constants",
            )

    def check_policy(self, source: TableSource, outcome: Field, at: Location) -> None:
        why = _policy_fault(source.hit_policy, outcome.type, len(source.outputs))
        if why:
            self.fault("E305", at, policy=source.hit_policy, why_zh=why.zh, why_en=why.en)

    # formulas

    def formula(self, source: FormulaSource) -> Formula | None:
        at = source.location
        outcome = self.outcome(source.outcome, at.at("outcome"))
        if outcome is None:
            return None
        node = self.result(source.text, at.at("expression"), outcome, outcome.type)
        if node is None:
            return None
        return Formula(self.document.id, outcome.id, source.title, node, (outcome.key,), _needs([node]), source.sources, source.note)


def _needs(*groups: Iterable[Expression]) -> frozenset[str]:
    return frozenset(key for group in groups for node in group for key in references(node))


def _check_result(node: Expression, type_: Type, wanted: Type, outcome: Field) -> None:
    if not fits(type_, wanted):
        raise mismatch(node, type_, wanted)
    if isinstance(type_, NumberType) and isinstance(wanted, NumberType) and type_.unit and wanted.unit and type_.unit != wanted.unit:
        raise Unreadable("E207", *node.span, found=type_.unit, expected=wanted.unit)
    if isinstance(node, ListOf) and isinstance(wanted, ListType):
        for item in node.items:
            _check_constant(item, wanted.item, outcome)
    _check_constant(node, wanted, outcome)


def _check_constant(node: Expression, wanted: Type, outcome: Field) -> None:
    """A constant output lies on its outcome's lattice and inside its domain."""
    if not isinstance(node, Literal_):
        return
    if isinstance(node.value, Decimal) and isinstance(wanted, NumberType):
        check_scale(node, wanted, outcome.label)
        _check_domain(node, node.value, wanted, outcome)
    if isinstance(node.value, str) and isinstance(wanted, TextType) and len(node.value) > wanted.max_length:
        raise Unreadable("E219", *node.span, field_zh=outcome.label.zh, field_en=outcome.label.en, limit=wanted.max_length, found=len(node.value))


def _check_domain(node: Literal_, value: Decimal, wanted: NumberType, outcome: Field) -> None:
    low, high = wanted.minimum, wanted.maximum
    if (low is not None and value < low) or (high is not None and value > high):
        bounds = {"low": "−∞" if low is None else plain(low), "high": "∞" if high is None else plain(high)}
        raise Unreadable("E216", *node.span, field_zh=outcome.label.zh, field_en=outcome.label.en, found=plain(value), **bounds)


def _policy_fault(policy: HitPolicy, type_: Type, outputs: int) -> Text | None:
    item = outcome_item(type_, policy)
    if policy in ("R", "O", "C") and not isinstance(type_, ListType):
        return Text("给出清单，结论的类型应为 list", "gathers a list, so the outcome must be a list")
    if policy in ("C+", "C<", "C>", "C#") and outputs != 1:
        return Text("只能有一个结论列", "takes a single output column")
    if policy in ("C+", "C#") and not isinstance(type_, NumberType):
        return Text("给出数字，结论的类型应为 number", "gives a number, so the outcome must be a number")
    if policy in ("C<", "C>") and not comparable(type_):
        return Text("要求结论能比大小", "needs outcomes that can be ordered")
    if policy in ("P", "O") and not (isinstance(item, ChoiceType) and item.ordered):
        return Text("按取值的高低定先后，结论应为有序的取值", "ranks rows by outcome, so the outcome must be an ordered choice")
    return None


# --- stage 4: link -------------------------------------------------------------------------------------------------------


def link(work: Work) -> None:
    """One producer per outcome, exports produced, no cycles; productions in an order that respects their needs."""
    producers: dict[str, Production] = {}
    for ruleset in work.rulesets:
        top = Location(ruleset.id)
        for production in ruleset.productions:
            for key in production.gives:
                first = producers.setdefault(key, production)
                if first is not production:
                    names = {"first": f"{first.ruleset}/{first.id}", "second": f"{production.ruleset}/{production.id}"}
                    work.faults.append(Diagnostic("E303", top, {"found": local_id(key), **names}))
        for n, name in enumerate(ruleset.exports):
            if not any(name in production.gives for production in ruleset.productions):
                work.faults.append(Diagnostic("E304", top.at("exports", n), {"found": name}))
    _order(work, producers)


def _order(work: Work, producers: Mapping[str, Production]) -> None:
    every = [production for ruleset in work.rulesets for production in ruleset.productions]
    position = {id(production): n for n, production in enumerate(every)}
    waits = {n: {position[id(producers[key])] for key in production.needs if key in producers} for n, production in enumerate(every)}
    try:
        work.ordered = [every[n] for n in TopologicalSorter({n: sorted(before) for n, before in waits.items()}).static_order()]
    except CycleError as error:
        loop = [every[n] for n in reversed(error.args[1])]
        names = " → ".join("、".join(local_id(key) for key in production.gives) for production in loop)
        work.faults.append(Diagnostic("E301", Location(loop[0].ruleset), {"loop": names}))


# --- the pipeline ----------------------------------------------------------------------------------------------------------

Stage = Callable[[Work], None]

STAGES: Final[tuple[tuple[str, Stage, str], ...]] = (
    ("read", read, "first, because every later place is a place in a document"),
    ("declare", declare, "before any cell: a cell may name any field of its ruleset"),
    ("understand", understand, "cells need columns' types; canonical texts and hashes need cells"),
    ("link", link, "last, because needs are known only when all cells of all rulesets are"),
)


def run_stages(vocabulary: object, documents: Iterable[object], *, after: Callable[[str, Work], None] = lambda name, work: None) -> Program:
    """Compile; ``after`` sees the work after each stage. Raises ``DocumentError`` with every fault of the failing stage."""
    work = Work(vocabulary, list(documents))
    for name, stage, _why in STAGES:
        stage(work)
        after(name, work)
        if work.faults:
            raise DocumentError(work.faults)
    return Program(work.vocabulary, work.fields, tuple(work.rulesets), tuple(work.ordered))


# --- canonical documents -----------------------------------------------------------------------------------------------------


def _canonical_document(document: Document, productions: Sequence[Production]) -> dict[str, Any]:
    """The document with every text in canonical form; what is hashed, stored and shown to experts."""
    canonical: dict[str, Any] = {key: value for key, value in document.raw.items() if key not in ("tables", "formulas") and value}
    tables = [production for production in productions if isinstance(production, Table)]
    formulas = [production for production in productions if isinstance(production, Formula)]
    raw_tables, raw_formulas = document.raw.get("tables", []), document.raw.get("formulas", [])
    if tables:
        canonical["tables"] = [_canonical_table(table, source, raw) for table, source, raw in zip(tables, document.tables, raw_tables, strict=True)]
    if formulas:
        canonical["formulas"] = [
            {**_kept(raw), "outcome": formula.id, "expression": write_expression(formula.expression)}
            for formula, raw in zip(formulas, raw_formulas, strict=True)
        ]
    return canonical


def _canonical_table(table: Table, source: TableSource, raw: Mapping[str, Any]) -> dict[str, Any]:
    inputs = [_canonical_column(column, text, item) for column, text, item in zip(table.columns, source.inputs, raw["inputs"], strict=True)]
    rows = [
        {**_kept(item), "when": [write_test(test) for test in row.tests], "then": [write_expression(node) for node in row.outputs]}
        for row, item in zip(table.rows, raw["rows"], strict=True)
    ]
    canonical = {**_kept(raw), "inputs": inputs, "outputs": [local_id(key) for key in table.gives], "rows": rows}
    if table.default:
        canonical["default"] = {local_id(key): write_expression(node) for key, node in table.default.items()}
    return canonical


def _canonical_column(column: Column, source: ColumnSource, raw: object) -> object:
    if not source.is_expression:
        return local_id(column.field or "")
    assert isinstance(raw, Mapping)
    return {**raw, "expression": write_expression(column.expression)}


def _kept(raw: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in raw.items() if value not in ("", [], {})}
