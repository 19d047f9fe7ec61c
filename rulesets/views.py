"""How is a vocabulary or a ruleset shown to other systems and to people?"""

from __future__ import annotations

from typing import Any, Final, assert_never

from engine import Engine, Field, Ruleset, Table, Text, Type, types

MAX_ECHO: Final = 60


def cut(text: str) -> str:
    """What came from outside, as an error may repeat it: at most 60 characters."""
    return text if len(text) <= MAX_ECHO else text[: MAX_ECHO - 3] + "…"


def text_view(text: Text) -> dict[str, str]:
    return {"zh": text.zh, "en": text.en}


def vocabulary_view(engine: Engine) -> dict[str, Any]:
    """The vocabulary: every field with its type, and the ruleset that derives it, if any."""
    program = engine.program
    fields = [{**field_view(field), "derived_by": program.exported.get(field.id)} for field in program.vocabulary.fields.values()]
    return {"title": text_view(program.vocabulary.title), "fields": fields}


def field_view(field: Field) -> dict[str, Any]:
    return {"id": field.id, "label": text_view(field.label), **type_view(field.type), "sensitive": field.sensitive}


def type_view(type_: Type) -> dict[str, Any]:
    match type_:
        case types.NumberType():
            return {"type": "number", "unit": type_.unit, "scale": type_.scale, "min": type_.minimum, "max": type_.maximum, "rounding": type_.rounding}
        case types.ChoiceType():
            choices = [{"code": choice.code, "label": text_view(choice.label)} for choice in type_.choices]
            return {"type": "choice", "ordered": type_.ordered, "choices": choices}
        case types.TextType():
            return {"type": "text", "max_length": type_.max_length}
        case types.BooleanType():
            return {"type": "boolean"}
        case types.DateType():
            return {"type": "date"}
        case types.DurationType():
            return {"type": "duration"}
        case types.ListType(item):
            return {"type": "list", "item": type_view(item)}
        case types.RecordType(members):
            return {"type": "record", "members": [{"id": member.id, "label": text_view(member.label), **type_view(member.type)} for member in members]}
        case types.EmptyType():
            return {"type": "empty"}
        case _:
            assert_never(type_)


def summary_view(ruleset: Ruleset, version: int) -> dict[str, Any]:
    """What a list of rulesets says of each."""
    tables = list(ruleset.tables)
    return {
        "name": ruleset.id,
        "title": text_view(ruleset.title),
        "owner": text_view(ruleset.owner),
        "version": version,
        "sha256": ruleset.sha256,
        "exports": list(ruleset.exports),
        "tables": len(tables),
        "rows": sum(len(table.rows) for table in tables),
    }


def ruleset_view(engine: Engine, ruleset: Ruleset, version: int) -> dict[str, Any]:
    """A ruleset whole: the canonical document, what it takes from others, and every row as a sentence."""
    program, explainer = engine.program, engine.explainer
    own = {key for production in ruleset.productions for key in production.gives}
    needs = sorted({key for production in ruleset.productions for key in production.needs} - own)
    return {
        **summary_view(ruleset, version),
        "description": text_view(ruleset.description),
        "needs": [{"field": key, "derived_by": program.exported.get(key)} for key in needs],
        "document": ruleset.canonical,
        "sentences": {
            production.id: _sentences(engine, production) if isinstance(production, Table) else text_view(explainer.describe_formula(production))
            for production in ruleset.productions
        },
    }


def _sentences(engine: Engine, table: Table) -> dict[str, dict[str, str]]:
    said = {row.id: text_view(engine.explainer.describe(table, row)) for row in table.rows}
    return {**said, "default": text_view(engine.explainer.describe_default(table))} if table.default else said
