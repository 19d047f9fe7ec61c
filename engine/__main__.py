"""What does a program look like after each stage, and what does a code mean? ``python -m engine stages | explain CODE``.

``stages`` reads one JSON object, ``{"vocabulary": …, "rulesets": […]}``, from standard input.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Final, assert_never

from engine import CODES, DocumentError, Engine, Formula, Table, Text, types
from engine.pipeline import STAGES, Work, run_stages
from engine.program import Column, Production, Row
from engine.source.writer import local_id, write_expression, write_test
from engine.values import plain

# --- stages --------------------------------------------------------------------------------------------------------------


def stages(vocabulary: object, rulesets: Iterable[object], say: Callable[[str], None] = print) -> bool:
    """Say the program after each stage, and the Python source that runs; or every finding. Whether it compiles."""

    def show(name: str, work: Work) -> None:
        why = next(why for stage, _, why in STAGES if stage == name)
        say("\n".join((f"== {name}: {why}", *_VIEWS[name](work), "")))

    try:
        engine = Engine(run_stages(vocabulary, rulesets, after=show))
    except DocumentError as error:
        say("\n\n".join(f"{finding.render('zh')}\n{finding.render('en')}" for finding in error.diagnostics))
        return False
    say("== emitted: the Python function of each production")
    for production, source in zip(engine.program.productions, engine.sources(), strict=True):
        say(f"# {_name(production)}\n{source}")
    engine.close()
    return True


def _documents(work: Work) -> Iterator[str]:
    yield f"vocabulary {_both(work.vocabulary.title)}: {len(work.vocabulary.fields)} fields"
    for document in work.documents:
        yield f"ruleset {document.id} {_both(document.title)}: exports {_list(document.exports)}"
        for table in document.tables:
            yield f"  table {table.id} {table.hit_policy}: {_list(column.text for column in table.inputs)} → {_list(table.outputs)}, {len(table.rows)} rows"
        for formula in document.formulas:
            yield f"  formula {formula.outcome}: {formula.text}"


def _fields(work: Work) -> Iterator[str]:
    return (f"{field.key} {_both(field.label)}: {_type(field.type)}" for field in work.fields.values())


def _productions(work: Work) -> Iterator[str]:
    for ruleset in work.rulesets:
        yield f"ruleset {ruleset.id}" + ("" if work.faults else f" {ruleset.sha256}")
        for production in ruleset.productions:
            match production:
                case Table():
                    yield from _table(production)
                case Formula():
                    yield f"  formula {_list(production.gives)} = {write_expression(production.expression)}"
                case _:
                    assert_never(production)


def _table(table: Table) -> Iterator[str]:
    yield f"  table {table.id} {table.policy}: {' | '.join(map(_column, table.columns))} → {_list(table.gives)}"
    yield from (f"    {row.id}: {_row(row)}" for row in table.rows)
    yield from (f"    default: {local_id(key)} = {write_expression(node)}" for key, node in table.default.items())


def _column(column: Column) -> str:
    return column.field or f"{write_expression(column.expression)} ({_type(column.type)})"


def _row(row: Row) -> str:
    return f"{' | '.join(map(write_test, row.tests))} → {' | '.join(map(write_expression, row.outputs))}"


def _order(work: Work) -> Iterator[str]:
    for number, production in enumerate(work.ordered, 1):
        yield f"{number}. {_name(production)}: needs {_list(sorted(production.needs))}; gives {_list(production.gives)}"


_VIEWS: Final[dict[str, Callable[[Work], Iterator[str]]]] = {"read": _documents, "declare": _fields, "understand": _productions, "link": _order}


def _name(production: Production) -> str:
    return f"{production.ruleset}/{production.id}"


def _both(text: Text) -> str:
    return f"「{text.zh}」“{text.en}”"


def _list(names: Iterable[str]) -> str:
    return ", ".join(names) or "nothing"


def _type(type_: types.Type) -> str:
    match type_:
        case types.NumberType(scale, unit, low, high, rounding):
            bounds = f"{'−∞' if low is None else plain(low)} to {'∞' if high is None else plain(high)}"
            return f"number{f' in {unit}' if unit else ''}, {scale} decimals, {rounding}, {bounds}"
        case types.ChoiceType(ordered=True):
            return f"choice {' < '.join(type_.codes)}"
        case types.ChoiceType():
            return f"choice {', '.join(type_.codes)}"
        case types.TextType(length):
            return f"text of at most {length} characters"
        case types.BooleanType():
            return "boolean"
        case types.DateType():
            return "date"
        case types.DurationType(kind):
            return f"duration in {kind}"
        case types.ListType(item):
            return f"list of ({_type(item)})"
        case types.RecordType(members):
            return "record " + "; ".join(f"{member.id}: {_type(member.type)}" for member in members)
        case types.EmptyType():
            return "empty"
        case _:
            assert_never(type_)


# --- explain -------------------------------------------------------------------------------------------------------------


def explain(code: str) -> str:
    """What a finding with this code says and how it is mended, in Chinese and English; raises ``KeyError``."""
    known = CODES[code]
    blanks: dict[str, str] = defaultdict(lambda: "…")
    zh = (f"{code} {known.title_zh}", known.zh, known.mend_zh)
    en = (f"{code} {known.title_en}", known.en, known.mend_en)
    return "\n".join((*(line.format_map(blanks) for line in zh), "", *(line.format_map(blanks) for line in en)))


# --- the command line ------------------------------------------------------------------------------------------------------


def main(arguments: Sequence[str]) -> int:
    """Run one command; 1 when the documents do not compile or there is no such code."""
    parser = argparse.ArgumentParser(prog="python -m engine", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("stages", help="逐步显示规则如何被理解 / show the program after each stage")
    commands.add_parser("explain", help="说明一个代码 / say what a code means").add_argument("code")
    asked = parser.parse_args(arguments)
    if asked.command == "explain":
        return _explain(asked.code.upper())
    try:
        data = json.load(sys.stdin, parse_float=Decimal)
        vocabulary, rulesets = data["vocabulary"], list(data["rulesets"])
    except (ValueError, LookupError, TypeError) as error:
        parser.error(f'standard input is not {{"vocabulary": …, "rulesets": […]}}: {error}')
    return 0 if stages(vocabulary, rulesets) else 1


def _explain(code: str) -> int:
    if code not in CODES:
        print(f"没有代码 {code};可用 / no such code; known: {' '.join(CODES)}")
        return 1
    print(explain(code))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
