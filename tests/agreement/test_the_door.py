"""Does the engine admit exactly the facts that ``values.admit`` admits, and read them the same?"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from hypothesis import given, note
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from engine import FactsError, compile_program
from engine.datatypes import Field, Type
from engine.diagnostics import Text
from engine.values import Refused, admit, render
from tests.agreement.oracle import shown
from tests.strategies.facts import Constants, value
from tests.strategies.pen import Pen
from tests.strategies.vocabularies import FIELD_NAMES, field_type, label, vocabulary_data

RAW: Final[tuple[Any, ...]] = (
    None, True, False, 0, 1, -1, 10**40, 1.5, float("nan"), float("inf"), "", "1", "1.5", "-0", "01", "1e6", "1,000", " 1", "١", "１", "NaN", "Infinity",
    "+1", "1.", ".5", "9" * 41, "0." + "0" * 40 + "1", "2024-02-30", "2024-1-1", "2024-02-29", "0000-01-01", "gold", "黄金", "Gold", "true", [], {}, [None],
    [[1]], {"x": 1}, (), b"1", Decimal("NaN"), Decimal("sNaN"), Decimal("-Infinity"), Decimal("1E+400"), Decimal("1E-400"), Decimal("-0.00"), Decimal("1.5"),
    Decimal("100.000"), Decimal("0E+7000"), Decimal("0E-7000"), Decimal("99999999999999999999.999"), "x" * 1001,
)  # fmt: skip
"""What no caller should send, and what looks like it."""
STEPS: Final = tuple(Decimal(text) for text in ("0.5", "0.001", "0.000000000001", "1000000", "-1000000", "1000000000000"))


@st.composite
def facts_of_any_kind(draw: DrawFn) -> tuple[Field, Any]:
    """A field, and something given for it."""
    pen = Pen.drawing(draw)
    id_, zh, en = pen.pick(FIELD_NAMES)
    known = Field(id_, Text(zh, en), field_type(pen))
    return known, _given(pen, known.type)


def _given(pen: Pen, type_: Type) -> Any:
    raw = value(pen, type_, Constants())
    match pen.number(0, 3), raw:
        case 0, _:
            return raw
        case 1, list() if raw:
            return [*raw[1:], pen.pick(RAW)]
        case 1, dict():
            return raw | {pen.pick((*raw, "other")): pen.pick(RAW)}
        case 2, dict():
            return dict(list(raw.items())[1:])
        case _, int() | Decimal() if not isinstance(raw, bool):
            return raw + pen.pick(STEPS)
        case _:
            return pen.pick(RAW)


@given(facts_of_any_kind())
def test_facts_are_admitted_and_refused_alike(made: tuple[Field, Any]) -> None:
    known, raw = made
    note(made)
    engine = compile_program(*_echo(known))
    assert _by_engine(engine, known, raw) == _by_admit(known, raw)
    engine.close()


def _echo(known: Field) -> tuple[Any, list[Any]]:
    """A ruleset whose outcome repeats a field."""
    echo = Field("echo", Text("回声", "echo"), known.type)
    ruleset = {
        "ruleset": "echo",
        "title": {"zh": "回声", "en": "echo"},
        "owner": {"zh": "测试", "en": "tests"},
        "exports": ["echo"],
        "formulas": [{"outcome": "echo", "title": label(echo.label), "expression": known.id}],
    }
    return vocabulary_data([known, echo]), [ruleset]


def _by_admit(known: Field, raw: Any) -> str:
    """What the field holds, or the code of the refusal."""
    try:
        admitted = admit(raw, known.type)
    except Refused as refused:
        return refused.code
    return "undecided" if admitted is None else shown(render(admitted))


def _by_engine(engine: Any, known: Field, raw: Any) -> str:
    try:
        decision = engine.decide({known.id: raw})
    except FactsError as error:
        (finding,) = error.diagnostics
        return str(finding.code)
    return shown(decision.outcomes["echo"]) if decision.outcomes else "undecided"
