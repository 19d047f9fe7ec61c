"""Does reading what was written give back the same, for cells, expressions, documents and YAML?"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from hypothesis import given, note
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from engine import Text, compile_program
from engine.datatypes import ChoiceType, Field, NumberType, Type
from engine.source.cells import parse_cell, parse_expression
from engine.source.check import Scope, check_cell, check_expression
from engine.source.syntax import Expression, Test
from engine.source.writer import write_expression, write_test
from rulesets.catalog import load_catalog
from rulesets.yaml_text import dump_yaml, load_yaml
from tests.strategies.cells import cell, constants
from tests.strategies.expressions import Phrases
from tests.strategies.pen import Pen
from tests.strategies.programs import LONGEST, Written, programs
from tests.strategies.vocabularies import FIELD_NAMES, field_type, scalar_type

LABEL = Text("列", "column")


@st.composite
def scopes(draw: DrawFn) -> tuple[Pen, Scope]:
    """Fields with Chinese and English names, and a pen to write over them."""
    pen = Pen.drawing(draw)
    names = pen.several(FIELD_NAMES, pen.number(1, 6))
    return pen, Scope({id_: Field(id_, Text(zh, en), field_type(pen)) for id_, zh, en in names})


@st.composite
def cells(draw: DrawFn) -> tuple[Scope, Type, Test]:
    pen, scope = draw(scopes())
    type_ = scalar_type(pen)
    column = Field("column_1", LABEL, type_)
    return Scope({**scope.fields, column.key: column}), type_, cell(pen, type_, constants(pen, type_, 3))


@st.composite
def expressions(draw: DrawFn) -> tuple[Scope, Type, Expression]:
    pen, scope = draw(scopes())
    fields = {key: known.type for key, known in scope.fields.items()}
    type_ = pen.pick((NumberType(), *fields.values()))
    return scope, type_, Phrases(pen, fields).expression(type_, pen.number(0, 4))


@given(cells())
def test_a_cell_is_read_back_as_it_was_written(made: tuple[Scope, Type, Test]) -> None:
    scope, type_, test = made
    text = write_test(test)
    note(text)
    again = check_cell(parse_cell(text, scope.lexicon), type_, scope, LABEL)
    assert again == test
    assert write_test(again) == text


@given(expressions())
def test_an_expression_is_read_back_as_it_was_written(made: tuple[Scope, Type, Expression]) -> None:
    scope, type_, node = made
    text = write_expression(node)
    note(text)
    if len(text) <= LONGEST:
        again, _ = check_expression(parse_expression(text, scope.lexicon), scope, type_)
        assert again == node
        assert write_expression(again) == text


def typed_texts(document: Mapping[str, Any]) -> list[Any]:
    """All that is typed in a document's cells and formulas."""
    tables = document.get("tables", [])
    cells = [[table["inputs"], table["outputs"], *((row["when"], row["then"]) for row in table["rows"]), table.get("default", {})] for table in tables]
    return [*cells, *((formula["outcome"], formula["expression"]) for formula in document.get("formulas", []))]


@given(programs())
def test_a_canonical_document_compiles_to_itself(written: Written) -> None:
    note(written)
    engine = written.compile()
    canonical = [ruleset.canonical for ruleset in engine.program.rulesets]
    assert list(map(typed_texts, canonical)) == list(map(typed_texts, written.documents))
    again = compile_program(written.vocabulary, canonical)
    assert [ruleset.sha256 for ruleset in again.program.rulesets] == [ruleset.sha256 for ruleset in engine.program.rulesets]
    assert [ruleset.canonical for ruleset in again.program.rulesets] == canonical
    assert again.program.productions == engine.program.productions
    engine.close()
    again.close()


@given(programs())
def test_the_vocabulary_is_read_as_it_was_written(written: Written) -> None:
    engine = written.compile()
    for id_, data in written.vocabulary["fields"].items():
        type_ = engine.program.fields[id_].type
        if isinstance(type_, NumberType):
            assert (type_.scale, type_.unit, type_.minimum, type_.maximum) == (data["scale"], data["unit"], data["min"], data["max"])
        if isinstance(type_, ChoiceType):
            assert list(type_.codes) == list(data["choices"])
    engine.close()


def test_the_shipped_rulesets_compile_to_themselves() -> None:
    catalog = load_catalog()
    engine = catalog.compile()
    canonical = [load_yaml(dump_yaml(dict(ruleset.canonical)), ruleset.id) for ruleset in engine.program.rulesets]
    again = compile_program(load_yaml(dump_yaml(catalog.vocabulary), "vocabulary"), canonical)
    assert [ruleset.sha256 for ruleset in again.program.rulesets] == [ruleset.sha256 for ruleset in engine.program.rulesets]
    assert again.program.fields == engine.program.fields
    engine.close()
    again.close()


# --- YAML ---------------------------------------------------------------------------------------------------------------

TRICKY = (
    "yes", "No", "on", "~", "null", "true", "1", "-1", "007", "0x1F", "0o7", "1_000", "1e3", "1.5", ".5", "5.", "+1", "1:30", "2024-01-31", "-", "- a",
    "? a", "a: b", "a #b", "#", "&a", "*a", "!t", "!!str x", "%x", "@x", "`", "<<", "=", "{a}", "[a]", ">= 100", "|", ">", "", " ", " a ", "a\nb",
    "\n", "a\n\nb\n", "\t", "\u2028", "\u0085", "\ufeff", "\u200b", '"', "'", "''", "\\", "：", "万", "𠮷", "😀", "é", "e\u0301", "\x00", "\x7f",
)  # fmt: skip
texts = st.one_of(st.sampled_from(TRICKY), st.text(max_size=20), st.sampled_from(TRICKY).map(lambda text: f"{text}{text}"))
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**30), 10**30),
    st.decimals(-(10**18), 10**18, allow_nan=False, allow_infinity=False, places=4),
    st.sampled_from([Decimal(5), Decimal("1E+3"), Decimal("0.10"), Decimal("-0.5"), Decimal("1E-10"), Decimal(10) ** 30]),
    texts,
)
data = st.recursive(scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4), max_leaves=20)


@given(data)
def test_yaml_is_read_back_as_it_was_written(value: Any) -> None:
    text = dump_yaml(value)
    note(text)
    again = load_yaml(text, "test")
    assert again == value
    assert kinds(again) == kinds(value)


def kinds(value: Any) -> Any:
    """What kind of thing each part is; a whole number may come back as one, exactly."""
    match value:
        case dict():
            return {key: kinds(part) for key, part in value.items()}
        case list():
            return [kinds(part) for part in value]
        case bool() | str() | None:
            return type(value)
        case int() | Decimal():
            return Decimal
        case _:
            return type(value)
