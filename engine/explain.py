"""How is a rule, or the way to an outcome, said in plain Chinese and English?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, assert_never

from engine.backends.reference import matches, value_of
from engine.datatypes import ListType, NumberType, Type
from engine.decision import Miss, Reading, Step
from engine.diagnostics import LANGUAGES, Language, Text
from engine.program import Column, Formula, Production, Program, Row, Table, outcome_item
from engine.source.syntax import AnyOf, Anything, Compare, Empty, Expression, FieldRef, Interval, ListOf, Literal_, Name, NoneOf, Test, references, rewrite
from engine.source.writer import local_id, write_expression, write_test
from engine.values import Value, render, round_to, words

MAX_MISSES: Final = 200
"""Rows above the firing one that a trace explains."""

_SIGNS: Final = {">=": "≥", "<=": "≤", "!=": "≠", ">": ">", "<": "<", "=": "="}
Fired = tuple[Production, list[int]]
"""A production and the numbers of its rows that fired."""


class Explainer:
    """Says the rules of one program, and the steps of its decisions."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self._said: dict[tuple[str, str, str], Text] = {}

    # --- rules as sentences -----------------------------------------------------------------------------------------------

    def describe(self, table: Table, row: Row) -> Text:
        """One row as a sentence: "存款月日均余额 ≥ 100万元 → 存款档：高端"."""
        key = table.ruleset, table.id, row.id
        if key not in self._said:
            self._said[key] = self._sentence(table, row)
        return self._said[key]

    def _sentence(self, table: Table, row: Row) -> Text:
        return Text(*(f"{self._conditions(table, row, language)} → {self._results(table, row.outputs, language)}" for language in LANGUAGES))

    def describe_default(self, table: Table) -> Text:
        """The default of a table as a sentence."""
        keys = [key for key in table.gives if key in table.default]
        said = (self._result_list(table, [(key, table.default[key]) for key in keys], language) for language in LANGUAGES)
        zh, en = said
        return Text(f"其他情况 → {zh}", f"otherwise → {en}")

    def describe_formula(self, formula: Formula) -> Text:
        """A formula with labels for ids."""
        key = formula.gives[0]
        return Text(*(f"{self._label(key, language)} = {self.expression(formula.expression, language)}" for language in LANGUAGES))

    def expression(self, node: Expression, language: Language) -> str:
        """An expression with labels for ids."""
        return write_expression(rewrite(node, lambda part: Name(self._label(part.id, language)) if isinstance(part, FieldRef) else None))

    def test(self, test: Test, subject: str, type_: Type, language: Language) -> str:
        """A condition cell as a clause about ``subject``."""
        zh = language == "zh"
        match test:
            case Anything():
                return f"{subject}不限" if zh else f"any {subject}"
            case Empty():
                return f"{subject}为空" if zh else f"{subject} is empty"
            case Compare(operator, operand):
                return f"{subject} {_SIGNS[operator]} {self._operand(operand, type_, language)}"
            case Interval(low, high, low_closed, high_closed):
                joint = " 且 " if zh else " and "
                lower = f"{'≥' if low_closed else '>'} {self._operand(low, type_, language)}"
                return f"{subject} {lower}{joint}{'≤' if high_closed else '<'} {self._operand(high, type_, language)}"
            case AnyOf(tests):
                return self._one_of(tests, subject, type_, language)
            case NoneOf(tests):
                inner = self._one_of(tests, subject, type_, language)
                return f"不是({inner})" if zh else f"not ({inner})"
            case _:
                assert_never(test)

    def _one_of(self, tests: Sequence[Test], subject: str, type_: Type, language: Language) -> str:
        values = [test.operand for test in tests if isinstance(test, Compare) and test.operator == "="]
        if len(values) == len(tests):
            listed = ("、" if language == "zh" else ", ").join(self._operand(value, type_, language) for value in values)
            return f"{subject} = {listed}" if len(values) == 1 else f"{subject}{'为' if language == 'zh' else ' is one of '}{listed}"
        return (" 或 " if language == "zh" else " or ").join(self.test(test, subject, type_, language) for test in tests)

    def _operand(self, node: Expression, type_: Type, language: Language) -> str:
        match node:
            case Literal_(value):
                return words(value, type_, language)
            case ListOf(items) if isinstance(type_, ListType) and all(isinstance(item, Literal_) for item in items):
                return words([item.value for item in items if isinstance(item, Literal_)], type_, language)
            case _:
                return self.expression(node, language)

    def _conditions(self, table: Table, row: Row, language: Language) -> str:
        clauses = [
            self.test(test, column.label.in_(language), column.type, language)
            for test, column in zip(row.tests, table.columns, strict=True)
            if not isinstance(test, Anything)
        ]
        always = "任何情况" if language == "zh" else "always"
        return (" 且 " if language == "zh" else " and ").join(clauses) or always

    def _results(self, table: Table, outputs: Iterable[Expression], language: Language) -> str:
        return self._result_list(table, list(zip(table.gives, outputs, strict=True)), language)

    def _result_list(self, table: Table, pairs: Sequence[tuple[str, Expression]], language: Language) -> str:
        zh = language == "zh"
        said = []
        for key, node in pairs:
            type_ = outcome_item(self.program.fields[key].type, table.policy)
            said.append(f"{self._label(key, language)}{'：' if zh else ': '}{self._operand(node, type_, language)}")
        return ("；" if zh else "; ").join(said)

    def _label(self, key: str, language: Language) -> str:
        return self.program.fields[key].label.in_(language)

    # --- the steps of a decision ------------------------------------------------------------------------------------------

    def steps(self, fired: Sequence[Fired], values: Mapping[str, Value], known: frozenset[str], wanted: Iterable[str]) -> tuple[Step, ...]:
        """The trace: facts that stood in for outcomes that were wanted or read, then each production in firing order."""
        read = {key for production, _ in fired for key in production.needs}
        given = {key for key in known if key in self.program.producers} & {*read, *wanted}
        standing = [self._given(key, values[key]) for key in sorted(given)]
        return (*standing, *(self._step(production, rows, values, known) for production, rows in fired))

    def _given(self, key: str, value: Value) -> Step:
        known = self.program.fields[key]
        said = Text(f"{known.label.zh} = {words(value, known.type, 'zh')}（调用方给出）", f"{known.label.en} = {words(value, known.type, 'en')} (given)")
        return Step("", known.id, "given", {known.id: render(value)}, text=said)

    def _step(self, production: Production, fired: list[int], values: Mapping[str, Value], known: frozenset[str]) -> Step:
        outcomes = {local_id(key): render(values[key]) for key in production.gives if key in values and key not in known}
        match production:
            case Table():
                reads = [self._reading(column, values, known) for column in production.columns]
                rows = tuple(production.rows[n].id for n in fired)
                misses = self._misses(production, fired, [self._column_value(column, values) for column in production.columns])
                computed = self._computed(production, fired, values, known)
                return Step(production.ruleset, production.id, "table", outcomes, (*reads, *computed), rows, misses, self._why(production, fired))
            case Formula():
                reads = [self._field_reading(key, values, known) for key in sorted(production.needs)]
                said = self.describe_formula(production)
                result = self.program.fields[production.gives[0]]
                value = values.get(production.gives[0])
                text = Text(f"{said.zh} = {words(value, result.type, 'zh')}", f"{said.en} = {words(value, result.type, 'en')}")
                return Step(production.ruleset, production.id, "formula", outcomes, tuple(reads), text=text)
            case _:
                assert_never(production)

    def _reading(self, column: Column, values: Mapping[str, Value], known: frozenset[str]) -> Reading:
        if column.field:
            return self._field_reading(column.field, values, known)
        return Reading(column.label.zh, render(self._column_value(column, values)), "expression")

    def _field_reading(self, key: str, values: Mapping[str, Value], known: frozenset[str]) -> Reading:
        producer = self.program.producers.get(key)
        origin = "given" if key in known or producer is None else f"{producer.ruleset}/{producer.id}"
        return Reading(local_id(key), render(values[key]), origin)

    def _computed(self, table: Table, fired: list[int], values: Mapping[str, Value], known: frozenset[str]) -> list[Reading]:
        """What the output cells of the rows that fired read beyond the columns."""
        from_columns = {column.field for column in table.columns}
        nodes = [node for n in fired for node in table.rows[n].outputs]
        keys = {key for node in nodes for key in table.needs if key not in from_columns and key in references(node)}
        return [self._field_reading(key, values, known) for key in sorted(keys)]

    @staticmethod
    def _column_value(column: Column, values: Mapping[str, Value]) -> Value:
        value = value_of(column.expression, values)
        return round_to(value, column.type.scale, column.type.rounding) if isinstance(column.type, NumberType) and value is not None else value

    def _misses(self, table: Table, fired: list[int], read: Sequence[Value]) -> tuple[Miss, ...]:
        """Why the rows above the last firing one (all rows when none fired) did not match."""
        above = table.rows[: fired[-1]] if fired else table.rows
        missed = (self._miss(table, row, read) for row in above[-MAX_MISSES:])
        return tuple(miss for miss in missed if miss)

    def _miss(self, table: Table, row: Row, read: Sequence[Value]) -> Miss | None:
        """The first cell of a row that does not accept the value read; None when all do (a row outranked by another)."""
        for column, test, value in zip(table.columns, row.tests, read, strict=True):
            if not matches(test, value, {}):
                return Miss(row.id, local_id(column.field) if column.field else column.label.zh, write_test(test), render(value))
        return None

    def _why(self, table: Table, fired: list[int]) -> Text:
        rows = [table.rows[n] for n in fired]
        if rows:
            said = [self.describe(table, row) for row in rows]
            return Text("\n".join(text.zh for text in said), "\n".join(text.en for text in said))
        if table.default:
            return self.describe_default(table)
        return Text("没有一行命中", "no row matched")
