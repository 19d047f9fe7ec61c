"""How is a decision made: admit the facts, replay the agenda, answer?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from engine.backends.reference import FAILURES, failed
from engine.backends.rete.agenda import Agenda, Agendas
from engine.backends.rete.emit import NO_ROW, SKIPPED, Emitted, Hits, emit
from engine.backends.rete.slots import UNKNOWN, Slot, careful_door, door, from_slot, show
from engine.datatypes import ChoiceType, Field, ListType
from engine.decision import Decision, Undecided
from engine.diagnostics import Diagnostic, Location, suggestion
from engine.errors import DecisionError, FactsError
from engine.explain import Explainer
from engine.operators import why
from engine.program import Program
from engine.source.check import Scope, find_choice
from engine.source.writer import local_id
from engine.values import Refused, Value, refusal, shown

MAX_SUGGESTIONS: Final = 10
"""Unknown names for which a near one is looked for; each look costs about a millisecond."""


class Engine:
    """A compiled set of rulesets, ready to decide. Safe to share between threads."""

    def __init__(self, program: Program) -> None:
        self.program = program
        derived = frozenset(program.producers)
        self._slots = {key: n for n, key in enumerate(program.fields)}
        self._emitted = {id(production): emit(production, self._slots, program.fields, derived) for production in program.productions}
        self._agendas = Agendas(program, self._emitted)
        self._doors = {known.id: (self._slots[known.id], door(known.type)) for known in program.vocabulary.fields.values()}
        self._shows = {key: (self._slots[key], show(program.fields[key].type)) for key in program.exported}
        self._blank: list[Slot] = [UNKNOWN] * len(self._slots)
        self._exported = tuple(program.exported)
        self._scope = Scope(program.vocabulary.fields)
        self.explainer = Explainer(program)

    def close(self) -> None:
        """Give back what the Rete network holds; the engine cannot decide about new sets of fields afterwards."""
        self._agendas.close()

    def sources(self) -> Iterable[str]:
        """The source of every emitted production, for ``python -m engine stages``."""
        return (emitted.source for emitted in self._emitted.values())

    def decide(
        self,
        facts: Mapping[str, Any],
        outcomes: Iterable[str] | None = None,
        *,
        ruleset: str | None = None,
        trace: bool = False,
        fresh_agenda: bool = False,
    ) -> Decision:
        """Decide about one customer.

        ``facts``: field → JSON value (numbers as ``int``, ``Decimal`` or plain decimal text; null is "known to be
        empty"). ``outcomes``: the exported outcomes wanted, by default all, or those of ``ruleset``. ``trace`` records
        steps and changes nothing else; ``fresh_agenda`` asks the network instead of the kept agenda.

        Raises ``FactsError`` with every refused fact or outcome, ``DecisionError`` when the rules fail, ``KeyError`` for
        an unknown ``ruleset``.
        """
        wanted = self._exports(ruleset) if outcomes is None else self._wanted(outcomes, ruleset)
        slots = self._blank.copy()
        try:
            for name, raw in facts.items():
                slot, enter = self._doors[name]
                slots[slot] = enter(raw)
            known = frozenset(facts)
        except (KeyError, TypeError, Refused):
            slots, known = self._admit_with_care(facts)
        request = ruleset if outcomes is None else wanted
        agenda = self._agendas.ask(known, wanted) if fresh_agenda else self._agendas.get(known, request, wanted)
        if trace:
            return self._traced(agenda, slots, known)
        try:
            for fire in agenda.fires:
                fire(slots)
        except FAILURES:
            raise self._failure(agenda, slots, known) from None
        return self._answer(agenda, slots)

    # --- the door -------------------------------------------------------------------------------------------------------

    def _exports(self, ruleset: str | None) -> tuple[str, ...]:
        return self._exported if ruleset is None else self.program.ruleset(ruleset).exports

    def _wanted(self, outcomes: Iterable[str], ruleset: str | None) -> tuple[str, ...]:
        exports, asked = self._exports(ruleset), list(outcomes)
        unknown = [(n, name) for n, name in enumerate(asked) if name not in exports]
        if unknown:
            raise FactsError([Diagnostic("E409", Location(path=("outcomes", n)), {"found": shown(name), **suggestion(name, exports)}) for n, name in unknown])
        return tuple(dict.fromkeys(asked))

    def _admit_with_care(self, facts: Mapping[str, Any]) -> tuple[list[Slot], frozenset[str]]:
        """Admit facts that may be spelled by label; raises ``FactsError`` with everything that is refused."""
        slots = self._blank.copy()
        faults: list[Diagnostic] = []
        given: dict[str, str] = {}
        for name, raw in facts.items():
            known = self._scope.find(name)
            if known is None:
                faults.append(self._unknown_field(name, suggest=len(faults) < MAX_SUGGESTIONS))
                continue
            if known.id in given:
                faults.append(
                    Diagnostic("E412", Location(path=("facts", name)), {"field_zh": known.label.zh, "field_en": known.label.en, "first": given[known.id]})
                )
            given[known.id] = name
            try:
                slots[self._slots[known.id]] = careful_door(known.type)(_by_code(raw, known))
            except Refused as refused:
                faults.append(refusal(refused, known, spelled=name))
        if faults:
            raise FactsError(faults)
        return slots, frozenset(given)

    def _unknown_field(self, name: object, *, suggest: bool) -> Diagnostic:
        names = [] if not suggest else [text for known in self.program.vocabulary.fields.values() for text in (known.id, known.label.zh, known.label.en)]
        return Diagnostic("E401", Location(path=("facts", str(name))), {"found": shown(name), **suggestion(str(name), names)})

    # --- the answer -----------------------------------------------------------------------------------------------------

    def _answer(self, agenda: Agenda, slots: list[Slot]) -> Decision:
        outcomes = {}
        undecided = agenda.undecided
        for name in agenda.wanted:
            position, shown_as = self._shows[name]
            slot = slots[position]
            if slot is UNKNOWN:
                undecided = (*undecided, self._left_open(name, slots))
            else:
                outcomes[name] = slot if shown_as is None else shown_as(slot)
        return Decision(outcomes, undecided, agenda.rulesets)

    def _left_open(self, name: str, slots: list[Slot]) -> Undecided:
        """Why an outcome stayed open although its facts were known."""
        production = self.program.producers[name]
        waiting = sorted(key for key in production.needs if slots[self._slots[key]] is UNKNOWN)
        if waiting:
            return Undecided(local_id(name), "upstream", because=tuple(local_id(key) for key in waiting))
        hits = self._emitted[id(production)].fire(slots.copy())
        return Undecided(local_id(name), "no_row_matched" if hits in (NO_ROW, []) else "empty_result")

    def _traced(self, agenda: Agenda, slots: list[Slot], known: frozenset[str]) -> Decision:
        fired: list[tuple[Emitted, Hits]] = []
        for emitted in agenda.emitted:
            hits = self._guarded(emitted, slots)
            if hits != SKIPPED:
                fired.append((emitted, hits))
        answer = self._answer(agenda, slots)
        values = self._values(slots)
        steps = self.explainer.steps([(emitted.production, _rows(hits)) for emitted, hits in fired], values, known, agenda.wanted)
        return Decision(answer.outcomes, answer.undecided, answer.rulesets, steps)

    def _values(self, slots: list[Slot]) -> dict[str, Value]:
        """The natural values of everything known."""
        fields = self.program.fields
        return {key: from_slot(slots[n], fields[key].type) for key, n in self._slots.items() if slots[n] is not UNKNOWN}

    def _guarded(self, emitted: Emitted, slots: list[Slot]) -> Hits:
        try:
            return emitted.fire(slots)
        except FAILURES as failure:
            raise failed(emitted.production, "E503", **why(failure)) from None

    def _failure(self, agenda: Agenda, slots: list[Slot], known: frozenset[str]) -> DecisionError:
        """Replay to find the production that failed."""
        again = [slot if key in known else UNKNOWN for key, slot in zip(self._slots, slots, strict=True)]
        try:
            for emitted in agenda.emitted:
                self._guarded(emitted, again)
        except DecisionError as error:
            return error
        raise AssertionError("a failing decision did not fail again")


def _rows(hits: Hits) -> list[int]:
    """The numbers of the rows that fired."""
    return hits if isinstance(hits, list) else [] if hits == NO_ROW else [hits]


def _by_code(raw: object, known: Field) -> object:
    """Choices spelled by label become their codes; anything else is left for the door to judge."""
    type_ = known.type.item if isinstance(known.type, ListType) else known.type
    if not isinstance(type_, ChoiceType):
        return raw
    if isinstance(raw, list):
        return [_code(item, type_) for item in raw]
    return _code(raw, type_)


def _code(raw: object, type_: ChoiceType) -> object:
    code = find_choice(type_, raw) if isinstance(raw, str) else None
    return raw if code is None else code
