"""What can be proven of a table, and what is to be found in it?

Every claim is about all customers that the fields admit: numbers between their bounds, listed choices, any text, and the
empty value, except in columns that read an outcome, which is never empty. An expression column counts as a free value of
its type: what is proven holds all the same; what is found there is shown by a customer or said to be unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from engine.backends.reference import fire
from engine.datatypes import BooleanType, ChoiceType, NumberType
from engine.diagnostics import Diagnostic, Location, Text
from engine.errors import DecisionError
from engine.explain import Explainer
from engine.program import Program, Table, outcome_item
from engine.source.syntax import Literal_
from engine.values import bound, words
from engine.verify import columns, rows
from engine.verify.cover import BUDGET, OutOfBudget, Work, uncovered
from engine.verify.examples import Facts, examples
from engine.verify.findings import (
    BUDGET_SPENT,
    COMPUTED,
    COMPUTED_OUTCOMES,
    EXPRESSION_COLUMN,
    GATHERED,
    ROWS_CLASH,
    Example,
    Finding,
    Proof,
    Proven,
    Question,
    Refuted,
    Repair,
    TableReport,
    Unknown,
    Verdict,
)
from engine.verify.gaps import Gaps, find_gaps
from engine.verify.grid import Axis, Box, grid_of, hollow
from engine.verify.overlaps import Pair, find_overlaps
from engine.verify.regions import region_of
from engine.verify.repairs import Mender

SINGLE: Final = ("U", "A", "F", "P")
"""Policies under which a customer that no row matches is left undecided."""
_SEVERITIES: Final = ("error", "warning", "information")


class Verifier:
    """Checks the tables of a program; keeps the last report of each table, so that only what changed is checked again.

    ``budget`` are the work units for each question about a table; ``gaps_on_collect`` asks for gaps where the policy
    gathers rows, too.
    """

    def __init__(self, program: Program, *, budget: int = BUDGET, gaps_on_collect: bool = False) -> None:
        self.program = program
        self.budget = budget
        self.gaps_on_collect = gaps_on_collect
        self._kept: dict[tuple[str, str], tuple[Table, TableReport]] = {}

    def check(self, table: Table) -> TableReport:
        """Everything that is found in one table of the program, or in an edited one over the same fields."""
        name = table.ruleset, table.id
        kept = self._kept.get(name)
        if kept is None or kept[0] != table:
            kept = self._kept[name] = table, _Check(self, table).report()
        return kept[1]

    def renew(self, program: Program) -> None:
        """Go on with a newer program; reports of tables whose fields are no longer the same are forgotten."""
        if program.fields != self.program.fields or program.producers.keys() != self.program.producers.keys():
            self._kept.clear()
        self.program = program


def verify_table(program: Program, table: Table, *, budget: int = BUDGET, gaps_on_collect: bool = False) -> TableReport:
    """Everything that is found in one table."""
    return Verifier(program, budget=budget, gaps_on_collect=gaps_on_collect).check(table)


class _Check:
    """One table being checked."""

    def __init__(self, verifier: Verifier, table: Table) -> None:
        self.program = verifier.program
        self.budget = verifier.budget
        self.table = table
        self.asks_for_gaps = table.policy in SINGLE or verifier.gaps_on_collect
        self.grid = grid_of(table, self.program.producers)
        self.explainer = Explainer(self.program)
        position = _position(self.program, table)
        self.at = Location(table.ruleset, ("tables", position), part=table.title)
        self.mender = Mender(self.program, table, self.grid, position)
        self.order = rows.ranking(self.program, table)
        self.findings: list[Finding] = []
        self.proofs: list[Proof] = []

    def report(self) -> TableReport:
        gaps = self.gaps() if self.asks_for_gaps else None
        clash = self.clashes()
        impossible = self.impossible()
        dead = self.dead()
        gone = sum(1 << n for n in {*impossible, *dead})
        self.needless(gone, clash=clash)
        self.mergeable(gone)
        self.idle(gone, clash=clash)
        self.unreached(gone, gaps, clash=clash)
        self.outside()
        ordered = sorted(self.findings, key=lambda found: (_SEVERITIES.index(found.severity), found.code, -found.size))
        return TableReport(self.table.ruleset, self.table.id, self.table.title, tuple(ordered), tuple(self.proofs))

    # --- writing findings ------------------------------------------------------------------------------------------------

    def found(
        self,
        code: str,
        at: Location,
        verdict: Verdict,
        said: Mapping[str, object],
        *,
        boxes: Sequence[Box] = (),
        about: Sequence[int] = (),
        example: Facts | None = None,
        repairs: Sequence[Repair] = (),
    ) -> None:
        """Note a finding; ``said`` are the parameters of its texts but for the first region."""
        regions = tuple(region_of(self.grid, self.table, box, self.explainer) for box in boxes)
        where = {"region_zh": regions[0].words("zh"), "region_en": regions[0].words("en")} if regions else {}
        self.findings.append(
            Finding(
                Diagnostic(code, at, {**where, **said}),
                verdict,
                regions,
                tuple(self.table.rows[n].id for n in about),
                sum(map(self.grid.size, boxes)),
                None if example is None else Example(example),
                tuple(repairs),
            )
        )

    def prove(self, question: Question, verdict: Verdict, *, listed: bool = True) -> None:
        self.proofs.append(Proof(question, verdict, listed))

    def shown(self, box: Box, *, accepts: Callable[[Facts], bool] | None = None, reason: Text = EXPRESSION_COLUMN) -> tuple[Verdict, Facts | None]:
        """A customer of the box (whom ``accepts`` takes) and the verdict it makes."""
        needs = self.table.needs if accepts else frozenset[str]()
        for facts in examples(self.program, self.table, self.grid, box, needs):
            if accepts is None or accepts(facts):
                return Refuted(), facts
        return Unknown(reason), None

    def row_at(self, row: int) -> Location:
        at = self.at.at("rows", row)
        return replace(at, row=self.table.rows[row].id, row_number=row + 1)

    def column_at(self, axis: Axis, row: int | None = None) -> Location:
        column = axis.columns[0]
        at = self.at.at("inputs", column) if row is None else self.row_at(row).at("when", column)
        return replace(at, column=axis.label)

    # --- gaps ---------------------------------------------------------------------------------------------------------------

    def gaps(self) -> Gaps:
        work = Work(self.budget)
        gaps = find_gaps(self.grid, work)
        closed = set(self.table.gives) <= self.table.default.keys()
        if closed:
            self.falls_to_default(gaps)
        else:
            verdicts = [self.gap(box, self.gap_code(box)) for box in gaps.boxes]
            empty = [self.empty_gap(boxes) for boxes in self.by_empty_columns(gaps.empty).values()]
            self.prove("complete", self.judged(verdicts, work, open_=gaps.open), listed=gaps.complete)
            self.prove("complete_empty", self.judged(empty, work, open_=gaps.open or not gaps.complete), listed=gaps.complete)
        return gaps

    def judged(self, verdicts: Sequence[Verdict], work: Work, *, open_: bool) -> Verdict:
        """The verdict that no box was found, given those of the boxes that were."""
        refuted = next((verdict for verdict in verdicts if isinstance(verdict, Refuted)), None)
        if refuted or (not verdicts and not open_):
            return refuted or Proven(work.done)
        return Unknown(BUDGET_SPENT, self.budget) if open_ else verdicts[0]

    def gap(self, box: Box, code: str) -> Verdict:
        verdict, facts = self.shown(box)
        self.found(code, self.at, verdict, self.outcome_names(), boxes=[box], example=facts, repairs=[self.mender.filler(box)])
        return verdict

    def by_empty_columns(self, boxes: Sequence[Box]) -> dict[tuple[int, ...], list[Box]]:
        """Boxes by the axes on which they hold nothing but the empty value."""
        groups: dict[tuple[int, ...], list[Box]] = {}
        for box in boxes:
            empty = tuple(n for n, axis in enumerate(self.grid.axes) if box[n] == axis.empty)
            groups.setdefault(empty, []).append(box)
        return groups

    def empty_gap(self, boxes: Sequence[Box]) -> Verdict:
        """What no row matches where some columns are empty; the example and the repair are of the first box that has a customer."""
        tried = [(box, *self.shown(box)) for box in boxes]
        first = next((made for made in tried if made[2] is not None), tried[0])
        box, verdict, facts = first
        ordered = [box, *(other for other in boxes if other != box)]
        labels = [axis.label for axis, mask in zip(self.grid.axes, box, strict=True) if mask == axis.empty]
        said = {"columns_zh": _listed([label.zh for label in labels], "zh"), "columns_en": _listed([label.en for label in labels], "en"), "count": len(boxes)}
        at = self.column_at(next(axis for axis, mask in zip(self.grid.axes, box, strict=True) if mask == axis.empty))
        self.found("I703", at, verdict, {**said, **self.outcome_names()}, boxes=ordered, example=facts, repairs=[self.mender.filler(box)])
        return verdict

    def gap_code(self, box: Box) -> str:
        """W702 where a choice is taken by no row at all."""
        limited = [(n, axis) for n, axis in enumerate(self.grid.axes) if box[n] != axis.full]
        choice = len(limited) == 1 and isinstance(limited[0][1].type, ChoiceType | BooleanType) and not limited[0][1].free
        return "W702" if choice and self.table.rows else "W701"

    def outcome_names(self) -> dict[str, str]:
        open_ = [self.program.fields[key].label for key in self.table.gives if key not in self.table.default]
        return {"outcomes_zh": "、".join(label.zh for label in open_), "outcomes_en": ", ".join(label.en for label in open_)}

    def falls_to_default(self, gaps: Gaps) -> None:
        boxes = (*gaps.boxes, *gaps.empty)
        if boxes:
            verdict, facts = self.shown(boxes[0])
            self.found("I704", self.at, verdict, {"count": len(boxes) if gaps.complete else f"{len(boxes)}+"}, boxes=boxes, example=facts)
        self.prove("complete", Proven())

    # --- overlaps ---------------------------------------------------------------------------------------------------------------

    def clashes(self) -> bool:
        """Overlaps under U and contradictions under A; whether there may be any."""
        if self.table.policy not in ("U", "A"):
            return False
        found = find_overlaps(self.grid, self.table)
        verdicts = [self.overlap(pair) if self.table.policy == "U" else self.contradiction(pair) for pair in found.pairs]
        question: Question = "disjoint" if self.table.policy == "U" else "consistent"
        self.prove(question, self.judged(verdicts, Work(self.budget), open_=False), listed=found.count == len(found.pairs))
        return bool(found.count)

    def overlap(self, pair: Pair) -> Verdict:
        verdict, facts = self.shown(pair.box)
        self.clash("E705", pair, verdict, facts)
        return verdict

    def contradiction(self, pair: Pair) -> Verdict:
        constant = all(isinstance(node, Literal_) for row in self.table.rows for node in row.outputs)
        verdict, facts = self.shown(pair.box) if constant else self.shown(pair.box, accepts=self.contradicts, reason=COMPUTED_OUTCOMES)
        self.clash("E706", pair, verdict, facts)
        return verdict

    def contradicts(self, facts: Facts) -> bool:
        try:
            fire(self.table, {key: value for key, value in facts.items() if key in self.table.needs}, self.program)
        except DecisionError as error:
            return error.diagnostics[0].code == "E502"
        return False

    def clash(self, code: str, pair: Pair, verdict: Verdict, facts: Facts | None) -> None:
        said = {"first": pair.first + 1, "second": pair.second + 1}
        rivals = pair.first, pair.second
        self.found(code, self.row_at(pair.second), verdict, said, boxes=[pair.box], about=rivals, example=facts, repairs=self.mender.apart(*rivals))

    # --- rows ---------------------------------------------------------------------------------------------------------------

    def impossible(self) -> list[int]:
        found = rows.impossible_rows(self.grid)
        for row in found:
            axis = next(axis for axis, mask in zip(self.grid.axes, self.grid.boxes[row], strict=True) if not mask)
            at = self.column_at(axis, row)
            said = {"row": row + 1, "column_zh": axis.label.zh, "column_en": axis.label.en}
            self.found("W708", at, Proven(), said, about=[row], repairs=[self.mender.without(row)])
        return found

    def dead(self) -> list[int]:
        """Rows that others cover: under F and P they never fire, under C< and C> they never decide."""
        found: list[int] = []
        if self.table.policy not in ("F", "P", "C<", "C>") or self.order is None:
            return found
        work = Work(self.budget)
        try:
            for dead in rows.dead_rows(self.grid, self.order, work):
                found.append(dead.row)
                self.never(dead)
        except OutOfBudget:
            self.prove("alive", Unknown(BUDGET_SPENT, self.budget), listed=False)
        else:
            self.prove("alive", Refuted() if found else Proven(work.done))
        return found

    def never(self, dead: rows.Dead) -> None:
        box, repairs = self.grid.boxes[dead.row], [self.mender.without(dead.row)]
        if self.table.policy in ("C<", "C>"):
            self.found("I709", self.row_at(dead.row), Proven(), {"row": dead.row + 1}, boxes=[box], about=[dead.row], repairs=repairs)
            return
        by = [str(n + 1) for n in dead.by]
        zh = f"第 {'、'.join(by)} 行{'合起来' if len(by) > 1 else ''}已经占先" if by else "别的行合起来已经占先"
        en = f"row {by[0]} comes first" if len(by) == 1 else f"rows {', '.join(by)} together come first" if by else "other rows together come first"
        said = {"row": dead.row + 1, "why_zh": zh, "why_en": en}
        self.found("W707", self.row_at(dead.row), Proven(), said, boxes=[box], about=[dead.row, *dead.by], repairs=repairs)

    def needless(self, gone: int, *, clash: bool) -> None:
        if self.order is None or clash:
            return
        work, found = Work(self.budget), 0
        try:
            for row in rows.needless_rows(self.grid, self.table, self.order, gone, work):
                found += 1
                box = [self.grid.boxes[row]]
                self.found("I709", self.row_at(row), Proven(), {"row": row + 1}, boxes=box, about=[row], repairs=[self.mender.without(row)])
        except OutOfBudget:
            self.prove("needed", Unknown(BUDGET_SPENT, self.budget), listed=False)
        else:
            self.prove("needed", Refuted() if found else Proven(work.done))

    def mergeable(self, gone: int) -> None:
        work, found = Work(self.budget), 0
        try:
            for merge in rows.mergeable_rows(self.grid, self.table, gone, work):
                found += 1
                self.merge(merge)
        except OutOfBudget:
            self.prove("mergeable", Unknown(BUDGET_SPENT, self.budget), listed=False)
        else:
            none = Unknown(GATHERED) if self.table.policy in ("R", "C") else Proven(work.done)
            self.prove("mergeable", Refuted() if found else none)

    def merge(self, merge: rows.Merge) -> None:
        label = self.grid.axes[merge.axis].label
        numbers = [str(row + 1) for row in merge.rows]
        said = {"rows_zh": _listed(numbers, "zh"), "rows_en": _listed(numbers, "en"), "column_zh": label.zh, "column_en": label.en}
        self.found("I710", self.row_at(merge.rows[0]), Proven(), said, boxes=[merge.box], about=merge.rows, repairs=[self.mender.merged(merge)])

    # --- columns, outcomes, cells ---------------------------------------------------------------------------------------------

    def idle(self, gone: int, *, clash: bool) -> None:
        if clash:
            self.prove("relevant", Unknown(ROWS_CLASH))
            return
        work, found = Work(self.budget), 0
        order = self.order if self.table.policy in SINGLE else None
        try:
            for n in columns.idle_axes(self.grid, self.table, order, self.grid.every_row & ~gone, work):
                found += 1
                self.idle_column(n)
        except OutOfBudget:
            self.prove("relevant", Unknown(BUDGET_SPENT, self.budget), listed=False)
        else:
            none = Unknown(GATHERED) if order is None else Proven(work.done)
            self.prove("relevant", Refuted() if found else none)

    def idle_column(self, number: int) -> None:
        axis = self.grid.axes[number]
        repairs = [self.mender.without_column(axis.columns[0])] if len(axis.columns) == 1 and self.removable(number) else []
        self.found("I712", self.column_at(axis), Proven(), {"column_zh": axis.label.zh, "column_en": axis.label.en}, repairs=repairs)

    def removable(self, number: int) -> bool:
        """Whether the rows mean the same without an idle column: not where they would overlap, or come to life."""
        if all(box[number] == self.grid.axes[number].full for box in self.grid.boxes):
            return True
        return self.table.policy in ("F", "A", "P") and not any(map(hollow, self.grid.boxes))

    def unreached(self, gone: int, gaps: Gaps | None, *, clash: bool) -> None:
        found = list(columns.unreached_choices(self.program, self.table, self.grid.every_row & ~gone, default_used=self.default_used(gaps)))
        for miss in found:
            known = self.program.fields[self.table.gives[miss.outcome]]
            item = outcome_item(known.type, self.table.policy)
            names = {"field_zh": known.label.zh, "field_en": known.label.en}
            values = {f"values_{language}": _listed([words(code, item, language) for code in miss.codes], language) for language in ("zh", "en")}
            self.found("I711", replace(self.at.at("outputs", miss.outcome), column=known.label), Proven(), {**names, **values})
        self.prove("reachable", Refuted() if found else self.all_reached(gaps, clash=clash))

    def all_reached(self, gaps: Gaps | None, *, clash: bool) -> Verdict:
        """The verdict where no choice was found that is never given."""
        unsure = any(isinstance(proof.verdict, Unknown) for proof in self.proofs if proof.question == "alive") or (gaps is not None and gaps.open)
        if unsure:
            return Unknown(BUDGET_SPENT, self.budget)
        if clash:
            return Unknown(ROWS_CLASH)
        return Proven() if columns.all_constant(self.program, self.table) else Unknown(COMPUTED)

    def default_used(self, gaps: Gaps | None) -> bool:
        """Whether some customer may be left to the default."""
        if gaps:
            return bool(gaps.boxes or gaps.empty or gaps.open)
        try:
            return not self.table.default or uncovered(self.grid, self.grid.whole, self.grid.every_row, Work(self.budget)) is not None
        except OutOfBudget:
            return True

    def outside(self) -> None:
        found = list(columns.cells_outside(self.table))
        for row, n in found:
            column = self.table.columns[n]
            assert isinstance(column.type, NumberType)
            axis = next(axis for axis in self.grid.axes if n in axis.columns)
            box = self.grid.boxes[row]
            repairs = [] if hollow(box) or len(axis.columns) > 1 else [self.mender.recelled(row, box, axis.label)]
            limits = {"low": bound(column.type.minimum), "high": bound(column.type.maximum)}
            at = replace(self.row_at(row).at("when", n), column=column.label)
            names = {"field_zh": column.label.zh, "field_en": column.label.en}
            self.found("I713", at, Proven(), {**names, **limits}, about=[row], repairs=repairs)
        self.prove("inside", Refuted() if found else Proven())


def _listed(values: Sequence[str], language: str) -> str:
    return ("、" if language == "zh" else ", ").join(values)


def _position(program: Program, table: Table) -> int:
    """The place of a table among the tables of its document."""
    return next(n for n, known in enumerate(program.ruleset(table.ruleset).tables) if known.id == table.id)
