"""Is each finding about a table true, and is nothing left out? Judged by brute force."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import combinations
from typing import Any, Final

import pytest

from engine import Finding, Program, Proven, Refuted, Region, Table, TableReport, Unknown, compile_program
from engine.backends import reference
from engine.datatypes import ChoiceType, NumberType
from engine.errors import DecisionError
from engine.grid.boxes import is_ordered
from engine.program import outcome_item
from engine.source.check import Scope
from engine.source.syntax import FieldRef, ListOf, Literal_
from engine.values import round_to
from tests.verify.oracle import Truth, column_points, constants, points_of
from tests.verify.tables import Made

At = tuple[int, ...]
SINGLE: Final = ("U", "A", "F", "P")
RANKED: Final = ("U", "A", "F", "P", "C<", "C>")


class Judge:
    """Judges the report of one table. A gap or overlap on expression columns may be ``Unknown``, never missing."""

    def __init__(self, program: Program, table: Table, report: TableReport) -> None:
        self.program = program
        self.table = table
        self.report = report
        self.truth = Truth(program, table)
        self.scope = Scope({known.key: known for known in program.fields.values()})
        self.hits = self.truth.hits
        self.free = [not isinstance(expression, FieldRef) for expression in self.truth.expressions]

    def judge(self) -> None:
        self.gaps()
        self.overlaps()
        self.contradictions()
        self.impossible()
        self.dead()
        self.needless()
        self.merges()
        self.idle()
        self.unreached()
        self.outside()
        self.order()
        for finding in self.report.findings:
            self.example(finding)

    def of(self, *codes: str) -> list[Finding]:
        return [finding for finding in self.report.findings if finding.code in codes]

    def points(self, finding: Finding) -> list[set[At]]:
        return [points_of(self.truth, region.cells, self.scope) for region in finding.regions]

    def number(self, id_: str) -> int:
        return [row.id for row in self.table.rows].index(id_)

    # --- examples ---------------------------------------------------------------------------------------------------------

    def example(self, finding: Finding) -> None:
        """An example is a customer that the door lets in, of the first region, to whom happens what the finding says."""
        if finding.code in ("W701", "W702", "I703", "I704", "E705", "E706"):
            assert (finding.example is None) == isinstance(finding.verdict, Unknown)
            assert not isinstance(finding.verdict, Unknown) or any(self.free) or finding.code == "E706"
        if finding.example is None:
            return
        facts = finding.example.facts
        rows = self.matching(facts)
        match finding.code:
            case "W701" | "W702" | "I703" | "I704":
                assert not rows
            case "E705":
                assert {self.number(id_) for id_ in finding.rows} <= set(rows)
            case "E706":
                assert {self.number(id_) for id_ in finding.rows} <= set(rows)
                with pytest.raises(DecisionError) as error:
                    reference.fire(self.table, facts, self.program)
                assert error.value.diagnostics[0].code == "E502"
            case _:
                raise AssertionError(finding.code)

    def matching(self, facts: Any) -> list[int]:
        read = []
        for column in self.table.columns:
            value = reference.value_of(column.expression, facts)
            read.append(round_to(value, column.type.scale, column.type.rounding) if isinstance(column.type, NumberType) and value is not None else value)
            if column.field and isinstance(column.type, NumberType) and value is not None:
                low, high = column.type.minimum, column.type.maximum
                assert low is None or low <= value
                assert high is None or value <= high
                assert value == round_to(value, column.type.scale)
        return [n for n, row in enumerate(self.table.rows) if all(reference.matches(t, v, {}) for t, v in zip(row.tests, read, strict=True))]

    # --- gaps -------------------------------------------------------------------------------------------------------------

    def gaps(self) -> None:
        found, empty, default = self.of("W701", "W702"), self.of("I703"), self.of("I704")
        open_ = {at for at, rows in self.hits.items() if not rows}
        if self.table.policy not in SINGLE:
            assert found + empty + default == []
            return
        if set(self.table.gives) <= self.table.default.keys():
            assert not found + empty
            assert {at for finding in default for points in self.points(finding) for at in points} == open_
            return
        assert not default
        boxes = [(region, points) for finding in found for region, points in zip(finding.regions, self.points(finding), strict=True)]
        nulls = [(region, points) for finding in empty for region, points in zip(finding.regions, self.points(finding), strict=True)]
        inside: set[At] = set().union(*(points for _, points in boxes))
        assert inside.union(*(points for _, points in nulls)) == open_
        assert {at for at in open_ if not self.truth.empty_at(at)} <= inside
        assert sum(len(points) for _, points in boxes) == len(inside)
        for region, points in boxes:
            self.maximal(region, open_ - (inside - points), with_empty=False)
        for region, _ in nulls:
            self.maximal(region, open_, with_empty=True)
        self.agree("complete", found, bool(boxes))
        self.agree("complete_empty", empty, bool(nulls))
        for finding in found:
            choices = finding.code == "W702"
            assert not choices or all(not rows for at, rows in self.hits.items() if at in self.points(finding)[0])

    def maximal(self, region: Region, free: set[At], *, with_empty: bool) -> None:
        """No column of the region can take the next piece of its axis, or another value, and stay in ``free``."""
        axes = column_points(self.truth, region.cells, self.scope)
        for n, positions in enumerate(axes):
            values = self.truth.axes[n]
            kept = [position for position in positions if values[position] is not None]
            whole = [position for position, value in enumerate(values) if value is not None]
            if not kept:
                continue
            ordered = is_ordered(next(column.type for column in self.table.columns if column.expression == self.truth.expressions[n]))
            assert not ordered or kept == list(range(kept[0], kept[-1] + 1))
            beside = {kept[0] - 1, kept[-1] + 1} if ordered else set(whole)
            wider = list((beside & set(whole)) - set(kept))
            if None in values and len(positions) == len(kept) and (with_empty or kept == whole):
                wider.append(values.index(None))
            for position in wider:
                added = _box([*axes[:n], [position], *axes[n + 1 :]])
                assert not added <= free, (region.words("zh"), n, values[position])

    def agree(self, question: Any, findings: list[Finding], some: bool) -> None:
        """The verdict says whether there is any; Unknown only where no customer is known to show it."""
        verdict = self.report.verdict(question)
        if any(isinstance(finding.verdict, Refuted) for finding in findings):
            assert isinstance(verdict, Refuted)
        else:
            assert isinstance(verdict, Unknown if some else Proven)

    # --- overlaps ---------------------------------------------------------------------------------------------------------

    def overlaps(self) -> None:
        self.pairs("E705", "disjoint", {pair for rows in self.hits.values() for pair in combinations(rows, 2)} if self.table.policy == "U" else set())

    def contradictions(self) -> None:
        rows = self.table.rows
        differing = {pair for hit in self.hits.values() for pair in combinations(hit, 2) if rows[pair[0]].outputs != rows[pair[1]].outputs}
        self.pairs("E706", "consistent", differing if self.table.policy == "A" else set())

    def pairs(self, code: str, question: Any, expected: set[tuple[int, int]]) -> None:
        found = self.of(code)
        pairs = [tuple(map(self.number, finding.rows)) for finding in found]
        assert len(pairs) == len(set(pairs))
        assert set(pairs) == expected
        for finding, (first, second) in zip(found, pairs, strict=True):
            (points,) = self.points(finding)
            assert points == {at for at, rows in self.hits.items() if first in rows and second in rows}
        if self.report.verdict(question) is not None:
            self.agree(question, found, bool(expected))

    # --- rows -------------------------------------------------------------------------------------------------------------

    def impossible(self) -> None:
        matched = {row for rows in self.hits.values() for row in rows}
        assert {self.number(finding.rows[0]) for finding in self.of("W708")} == set(range(len(self.table.rows))) - matched

    def losers(self) -> set[int]:
        """Rows that match somebody and never decide."""
        matched = {row for rows in self.hits.values() for row in rows}
        return matched - {self.truth.winner(rows) for rows in self.hits.values() if rows}

    def dead(self) -> None:
        found = self.of("W707")
        expected = self.losers() if self.table.policy in ("F", "P") else set()
        assert {self.number(finding.rows[0]) for finding in found} == expected
        for finding in found:
            dead, *by = map(self.number, finding.rows)
            theirs = [at for at, rows in self.hits.items() if dead in rows]
            assert all(set(by) & set(self.hits[at]) for at in theirs)
            assert all(any(not (set(by) - {one}) & set(self.hits[at]) for at in theirs) for one in by)

    def needless(self) -> None:
        found = {self.number(finding.rows[0]) for finding in self.of("I709")}
        policy = self.table.policy
        if policy not in RANKED or (policy in ("C<", "C>") and not self.truth.constant) or self.of("E705", "E706"):
            assert not found
            return
        gone = {self.number(finding.rows[0]) for finding in self.of("W707", "W708")}
        expected = {row for row in range(len(self.table.rows)) if row not in gone and self.spared(row)}
        assert found == expected

    def spared(self, row: int) -> bool:
        return all(self.truth.same(self.truth.answer(rows), self.truth.answer(rows, without=row)) for rows in self.hits.values())

    def merges(self) -> None:
        found = self.of("I710")
        for finding in found:
            assert self.merged(list(map(self.number, finding.rows)), self.points(finding)[0])
        if not found and self.table.policy not in ("R", "C") and not self.of("E705"):
            gone = {self.number(finding.rows[0]) for finding in self.of("W707", "W708", *(("I709",) if self.table.policy in ("C<", "C>") else ()))}
            for first, second in combinations(range(len(self.table.rows)), 2):
                if not {first, second} & gone:
                    self.not_mergeable(first, second)

    def merged(self, group: list[int], points: set[At]) -> bool:
        """Whether nothing changes when the first row takes ``points`` and the others go."""
        first = min(group)
        for at, rows in self.hits.items():
            left = sorted({row for row in rows if row not in group} | ({first} if at in points else set()))
            if not self.truth.same(self.outcome(rows), self.outcome(left)):
                return False
        return True

    def outcome(self, rows: Iterable[int]) -> object:
        """The answer, told by outcomes where the policy gathers rows."""
        rows = tuple(rows)
        answer = self.truth.answer(rows)
        if not isinstance(answer, tuple) or answer[0] != "rows":
            return answer
        outputs = [self.table.rows[row].outputs for row in rows]
        match self.table.policy:
            case "C<" | "C>":
                return "gathered", frozenset(outputs)
            case "O" | "C+" | "C#":
                return "gathered", tuple(sorted(outputs, key=str))
            case _:
                return "gathered", tuple(outputs)

    def not_mergeable(self, first: int, second: int) -> None:
        rows, axes = self.table.rows, [[set[int]() for _ in self.truth.axes] for _ in range(2)]
        for at, hit in self.hits.items():
            for side, row in enumerate((first, second)):
                if row in hit:
                    for n, position in enumerate(at):
                        axes[side][n].add(position)
        differing = [n for n in range(len(self.truth.axes)) if axes[0][n] != axes[1][n]]
        if rows[first].outputs != rows[second].outputs or len(differing) != 1:
            return
        (n,) = differing
        left, right = axes[0][n], axes[1][n]
        present = sorted(position for position in left | right if self.truth.axes[n][position] is not None)
        ordered = is_ordered(next(column.type for column in self.table.columns if column.expression == self.truth.expressions[n]))
        if left <= right or right <= left or (ordered and present != list(range(present[0], present[-1] + 1) if present else [])):
            return
        union = [sorted(axis) for axis in axes[0]]
        union[n] = sorted(left | right)
        assert not self.merged([first, second], _box(union)), (first, second)

    # --- columns, outcomes, cells ---------------------------------------------------------------------------------------------

    def idle(self) -> None:
        named = {finding.diagnostic.location.path[-1] for finding in self.of("I712")}
        found = {n for n, e in enumerate(self.truth.expressions) if any(c.expression == e and p in named for p, c in enumerate(self.table.columns))}
        expected = {n for n in range(len(self.truth.axes)) if self.alike_along(n)}
        assert found <= expected
        if self.table.policy in SINGLE and not self.of("E705", "E706"):
            assert found == expected

    def alike_along(self, axis: int) -> bool:
        seen: dict[At, object] = {}
        for at, rows in self.hits.items():
            rest = (*at[:axis], *at[axis + 1 :])
            answer = self.outcome(rows)
            if not self.truth.same(seen.setdefault(rest, answer), answer):
                return False
        return True

    def unreached(self) -> None:
        for position, key in enumerate(self.table.gives):
            type_ = outcome_item(self.program.fields[key].type, self.table.policy)
            told = [f for f in self.of("I711") if f.diagnostic.location.path[-1] == position]
            said = str(told[0].diagnostic.parameters["values_zh"]).split("、") if told else []
            missing = {choice.code for choice in type_.choices if choice.label.zh in said} if isinstance(type_, ChoiceType) else set()
            given = set(self.given(position))
            if isinstance(type_, ChoiceType):
                assert not missing & given
                written = all(isinstance(row.outputs[position], Literal_ | ListOf) for row in self.table.rows)
                if written and not self.of("E705", "E706") and (self.table.policy not in ("C<", "C>") or self.truth.constant):
                    assert missing == set(type_.codes) - given

    def given(self, position: int) -> Iterator[Any]:
        for rows in self.hits.values():
            nodes = [self.table.rows[row].outputs[position] for row in rows]
            if self.table.policy in ("F", "P", "C<", "C>") and rows and (self.table.policy in ("F", "P") or self.truth.constant):
                nodes = [self.table.rows[self.truth.winner(rows)].outputs[position]]
            if not rows and self.table.gives[position] in self.table.default:
                nodes = [self.table.default[self.table.gives[position]]]
            yield from (value for node in nodes for value in constants(node))

    def outside(self) -> None:
        found = {finding.diagnostic.location.path[-3::2] for finding in self.of("I713")}
        expected = set()
        for n, row in enumerate(self.table.rows):
            for c, (test, column) in enumerate(zip(row.tests, self.table.columns, strict=True)):
                type_ = column.type
                if isinstance(type_, NumberType) and any(isinstance(v, Decimal) and _beyond(v, type_) for v in constants(test)):
                    expected.add((n, c))
        assert found == expected

    def order(self) -> None:
        """Errors stand before warnings, and each kind is ordered by size."""
        ranks = [("error", "warning", "information").index(finding.severity) for finding in self.report.findings]
        assert ranks == sorted(ranks)
        for code in {finding.code for finding in self.report.findings}:
            sizes = [finding.size for finding in self.of(code)]
            assert sizes == sorted(sizes, reverse=True)


def _beyond(value: Decimal, type_: NumberType) -> bool:
    return (type_.minimum is not None and value < type_.minimum) or (type_.maximum is not None and value > type_.maximum)


def _box(axes: list[list[int]]) -> set[At]:
    found: set[At] = {()}
    for positions in axes:
        found = {(*at, position) for at in found for position in positions}
    return found


# --- repairs ----------------------------------------------------------------------------------------------------------------


def judge_repairs(made: Made, program: Program, table: Table, report: TableReport) -> int:
    """Each repair, applied to the document, does what it should and changes nothing else; how many there were."""
    judged = 0
    before = Judge(program, table, report)
    for finding in report.findings:
        for repair in finding.repairs:
            engine = compile_program(made.vocabulary, [repair.apply(made.document)])
            (mended,) = engine.program.rulesets[0].tables
            judge_repair(before, finding, Judge(engine.program, mended, report))
            engine.close()
            judged += 1
    return judged


def judge_repair(before: Judge, finding: Finding, after: Judge) -> None:
    match finding.code:
        case "W701" | "W702" | "I703":
            assert len(after.table.rows) == len(before.table.rows) + 1
            new = len(before.table.rows)
            points = before.points(finding)[0]
            for at, rows in before.hits.items():
                assert hits_at(after, before, at) == ((new,) if at in points else rows)
        case "E705" | "E706":
            first, second = map(before.number, finding.rows)
            fewer = len(after.table.rows) < len(before.table.rows)
            for at, rows in before.hits.items():
                now = {before.number(after.table.rows[row].id) for row in hits_at(after, before, at)}
                assert now <= set(rows)
                assert fewer or not {first, second} <= now
                assert set(rows) - now <= ({first} if first not in now else {second})
                assert now or not rows
        case "I712":
            for at, rows in before.hits.items():
                assert before.truth.same(before.outcome(rows), after.outcome(hits_at(after, before, at)))
        case "I713":
            for at, rows in before.hits.items():
                assert hits_at(after, before, at) == rows
        case "W708":
            for at, rows in before.hits.items():
                assert [after.table.rows[row].id for row in hits_at(after, before, at)] == [before.table.rows[row].id for row in rows]
        case "W707" | "I709" | "I710":
            assert len(after.table.rows) < len(before.table.rows)
            for at, rows in before.hits.items():
                assert before.truth.same(before.outcome(rows), after.outcome(hits_at(after, before, at)))
        case _:
            raise AssertionError(finding.code)


def hits_at(after: Judge, before: Judge, at: At) -> tuple[int, ...]:
    """The rows of the mended table that match a customer of the old one."""
    values = {expression: before.truth.axes[n][at[n]] for n, expression in enumerate(before.truth.expressions)}
    return tuple(
        n
        for n, row in enumerate(after.table.rows)
        if all(reference.matches(test, values[column.expression], {}) for test, column in zip(row.tests, after.table.columns, strict=True))
    )
