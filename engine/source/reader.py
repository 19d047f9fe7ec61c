"""How does plain data (from YAML or JSON) become a document, with every structural fault located at once?"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from typing import Any, Final, TypeVar, cast

from engine.datatypes import BooleanType, Choice, ChoiceType, DateType, Field, ListType, Member, NumberType, RecordType, Rounding, TextType, Type
from engine.diagnostics import Diagnostic, Location, Text
from engine.errors import DocumentError
from engine.source.document import (
    HIT_POLICIES,
    SOURCE_KINDS,
    Case,
    ColumnSource,
    Document,
    FormulaSource,
    HitPolicy,
    RowSource,
    Source,
    TableSource,
    Vocabulary,
)
from engine.values import PLAIN_DECIMAL, ROUNDINGS, lattice_point, plain

T = TypeVar("T")
Data = Mapping[str, Any]

_IDENTIFIER: Final = re.compile(r"[^\W\d]\w*")
_RULESET_ID: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*", re.ASCII)
_ROW_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,40}", re.ASCII)
_TYPES: Final = ("number", "choice", "text", "boolean", "date", "list", "record")
_KINDS: Final[dict[type, tuple[str, str]]] = {
    dict: ("一组键和值", "a mapping"),
    list: ("一个清单", "a list"),
    str: ("文字", "text"),
    bool: ("true 或 false", "true or false"),
    int: ("整数", "a whole number"),
}


def read_vocabulary(data: object) -> Vocabulary:
    """Read a vocabulary; raises ``DocumentError`` with all faults."""
    return _Reader("vocabulary").finish(lambda reader: reader.vocabulary(data))


def read_ruleset(data: object, *, choice_lists: Mapping[str, ChoiceType] | None = None) -> Document:
    """Read a ruleset; ``choice_lists`` are the vocabulary's named lists. Raises ``DocumentError`` with all faults."""
    name = data.get("ruleset") if isinstance(data, dict) else None
    return _Reader(name if isinstance(name, str) else "ruleset", choice_lists).finish(lambda reader: reader.ruleset(data))


def read_cases(data: object) -> tuple[Case, ...]:
    """Read the cases of a ruleset; raises ``DocumentError`` with all faults."""
    name = data.get("ruleset") if isinstance(data, dict) else None
    return _Reader(f"{name} cases").finish(lambda reader: reader.cases(data))


class _Reader:
    """Reads one document and gathers its faults; a reading method returns a stand-in after reporting a fault."""

    def __init__(self, document: str, choice_lists: Mapping[str, ChoiceType] | None = None) -> None:
        self.document = document
        self.faults: list[Diagnostic] = []
        self.choice_lists: dict[str, ChoiceType] = dict(choice_lists or {})

    def finish(self, read: Callable[[_Reader], T]) -> T:
        result = read(self)
        if self.faults:
            raise DocumentError(self.faults)
        return result

    # --- faults and primitive parts ---------------------------------------------------------------------------------

    def fault(self, code: str, at: Location, /, **parameters: object) -> None:
        self.faults.append(Diagnostic(code, at, parameters))

    def kind(self, value: object, kind: type[T], at: Location) -> T | None:
        """``value`` when it is of ``kind`` (a bool is no int), else report and return None."""
        if isinstance(value, kind) and not (kind is int and isinstance(value, bool)):
            return value
        zh, en = _KINDS[kind]
        self.fault("E104", at, expected_zh=zh, expected_en=en, found=_brief(value))
        return None

    def mapping(self, value: object, at: Location, *, required: Iterable[str] = (), optional: Iterable[str] = ()) -> dict[str, Any]:
        data = self.kind(value, dict, at)
        if data is None:
            return {}
        allowed = [*required, *optional]
        for key in data:
            if key not in allowed:
                self.fault("E102", at.at(str(key)), found=key, allowed=", ".join(allowed))
        for key in required:
            if key not in data:
                self.fault("E103", at, missing=key)
        return data

    def sequence(self, value: object, at: Location) -> list[Any]:
        return self.kind(value, list, at) or []

    def text(self, value: object, at: Location, default: str = "") -> str:
        found = self.kind(value, str, at)
        return default if found is None else found

    def bilingual(self, value: object, at: Location) -> Text:
        data = self.mapping(value, at, required=("zh", "en"))
        return Text(self.text(data.get("zh", ""), at.at("zh")), self.text(data.get("en", ""), at.at("en")))

    def identifier(self, value: object, at: Location, pattern: re.Pattern[str] = _IDENTIFIER) -> str:
        text = self.text(value, at)
        if text and not pattern.fullmatch(text):
            zh, en = _SHAPES[pattern.pattern]
            self.fault("E106", at, found=text, expected_zh=zh, expected_en=en)
        return text

    def decimal(self, value: object, at: Location) -> Decimal | None:
        if isinstance(value, int) and not isinstance(value, bool):
            return Decimal(value)
        if isinstance(value, Decimal) or (isinstance(value, str) and PLAIN_DECIMAL.fullmatch(value)):
            try:
                return Decimal(value)
            except InvalidOperation:
                pass
        self.fault("E104", at, expected_zh="十进制数", expected_en="a decimal number", found=_brief(value))
        return None

    def unique(self, ids: Iterable[tuple[str, Location]]) -> None:
        seen: set[str] = set()
        for id_, at in ids:
            if id_ and id_ in seen:
                self.fault("E105", at, found=id_)
            seen.add(id_)

    # --- vocabulary ---------------------------------------------------------------------------------------------------

    def vocabulary(self, value: object) -> Vocabulary:
        top = Location(self.document)
        data = self.mapping(value, top, required=("title", "fields"), optional=("choice_lists",))
        title = self.bilingual(data.get("title", {"zh": "", "en": ""}), top.at("title"))
        for name, choices in self.mapping_of(data.get("choice_lists", {}), top.at("choice_lists")):
            at = top.at("choice_lists", name)
            spec = self.mapping(choices, at, required=("choices",), optional=("ordered",))
            ordered = bool(self.kind(spec.get("ordered", False), bool, at.at("ordered")))
            self.choice_lists[name] = ChoiceType(self.choices(spec.get("choices", {}), at.at("choices")), ordered)
        fields = self.fields(data.get("fields", {}), top.at("fields"), owner="")
        self.check_labels(fields, top.at("fields"))
        return Vocabulary(title, fields, self.choice_lists)

    def mapping_of(self, value: object, at: Location) -> list[tuple[str, Any]]:
        data = self.kind(value, dict, at) or {}
        return [(self.identifier(key, at.at(str(key))), item) for key, item in data.items()]

    def fields(self, value: object, at: Location, *, owner: str) -> dict[str, Field]:
        return {id_: self.field(id_, item, at.at(id_), owner=owner) for id_, item in self.mapping_of(value, at)}

    def field(self, id_: str, value: object, at: Location, *, owner: str) -> Field:
        data = self.mapping(value, at, required=("label", "type"), optional=(*_TYPE_KEYS, "sensitive"))
        label = self.bilingual(data.get("label", {"zh": id_, "en": id_}), at.at("label"))
        here = replace(at, field=label)
        sensitive = bool(self.kind(data.get("sensitive", False), bool, here.at("sensitive")))
        return Field(id_, label, self.type(id_, data, here, bounded=not owner), sensitive, owner)

    def check_labels(self, fields: Mapping[str, Field], at: Location) -> None:
        """Labels and ids together name one field each."""
        owners: dict[str, str] = {}
        for field in fields.values():
            for spelling in dict.fromkeys((field.id, field.label.zh, field.label.en)):
                other = owners.setdefault(spelling, field.id)
                if other != field.id:
                    self.fault("E111", replace(at.at(field.id), field=field.label), found=spelling, first=other, second=field.id)

    def type(self, id_: str, data: Data, at: Location, *, bounded: bool) -> Type:
        match data.get("type"):
            case "number":
                return self.number(id_, data, at, bounded=bounded)
            case "choice":
                return self.choice_type(data, at)
            case "text":
                return TextType(self.kind(data.get("max_length", 1000), int, at.at("max_length")) or 1000)
            case "boolean":
                return BooleanType()
            case "date":
                return DateType()
            case "list":
                item = self.mapping(data.get("item", {}), at.at("item"), required=("type",), optional=_TYPE_KEYS)
                return ListType(self.type(id_, item, at.at("item"), bounded=False))
            case "record":
                return RecordType(
                    tuple(self.member(name, item, at.at("members", name)) for name, item in self.mapping_of(data.get("members", {}), at.at("members")))
                )
            case other:
                self.fault("E104", at.at("type"), expected_zh="、".join(_TYPES), expected_en=", ".join(_TYPES), found=_brief(other))
                return TextType()

    def member(self, name: str, value: object, at: Location) -> Member:
        data = self.mapping(value, at, required=("label", "type"), optional=_TYPE_KEYS)
        return Member(name, self.bilingual(data.get("label", {"zh": name, "en": name}), at.at("label")), self.type(name, data, at, bounded=False))

    def number(self, id_: str, data: Data, at: Location, *, bounded: bool) -> NumberType:
        bounds = {key: self.decimal(data[key], at.at(key)) for key in ("min", "max") if key in data}
        for key in ("scale", "min", "max"):
            if bounded and key not in data:
                self.fault(
                    "E110",
                    at,
                    field=id_,
                    missing=key,
                    why_zh="词汇表的每个数字字段都要有小数位数和取值范围",
                    why_en="every number of the vocabulary has a scale and bounds",
                )
        scale = self.kind(data.get("scale", 10), int, at.at("scale"))
        if scale is not None and not 0 <= scale <= 15:
            self.fault("E104", at.at("scale"), expected_zh="0 到 15 的整数", expected_en="a whole number from 0 to 15", found=scale)
            scale = 0
        rounding = data.get("rounding", "half_up")
        if rounding not in ROUNDINGS:
            self.fault("E104", at.at("rounding"), expected_zh="、".join(ROUNDINGS), expected_en=", ".join(ROUNDINGS), found=_brief(rounding))
            rounding = "half_up"
        for key, value in bounds.items():
            if value is not None and scale is not None and lattice_point(value, scale) is None:
                self.fault("E206", at.at(key), found=plain(value), field_zh=id_, field_en=id_, scale=scale)
        low, high = bounds.get("min"), bounds.get("max")
        if low is not None and high is not None and low > high:
            self.fault("E112", at, low=low, high=high)
        return NumberType(scale or 0, self.text(data.get("unit", ""), at.at("unit")), low, high, cast(Rounding, rounding))

    def choice_type(self, data: Data, at: Location) -> ChoiceType:
        spec = data.get("choices", {})
        if isinstance(spec, str):
            if spec in self.choice_lists:
                return self.choice_lists[spec]
            self.fault("E103", at.at("choices"), missing=f"choice_lists/{spec}")
            return ChoiceType(())
        return ChoiceType(self.choices(spec, at.at("choices")), bool(self.kind(data.get("ordered", False), bool, at.at("ordered"))))

    def choices(self, value: object, at: Location) -> tuple[Choice, ...]:
        data = self.kind(value, dict, at) or {}
        if not data:
            self.fault("E103", at, missing="choices")
        choices = tuple(Choice(self.text(code, at), self.bilingual(label, at.at(str(code)))) for code, label in data.items())
        owners: dict[str, str] = {}
        for choice in choices:
            for spelling in dict.fromkeys((choice.code, choice.label.zh, choice.label.en)):
                if owners.setdefault(spelling, choice.code) != choice.code:
                    self.fault("E111", at.at(choice.code), found=spelling, first=owners[spelling], second=choice.code)
        return choices

    # --- rulesets -----------------------------------------------------------------------------------------------------

    def ruleset(self, value: object) -> Document:
        top = Location(self.document)
        data = self.mapping(
            value,
            top,
            required=("ruleset", "title", "owner", "exports"),
            optional=("description", "notes", "locals", "tables", "formulas"),
        )
        id_ = self.identifier(data.get("ruleset", ""), top.at("ruleset"), _RULESET_ID)
        tables = tuple(self.table(item, top.at("tables", n)) for n, item in enumerate(self.sequence(data.get("tables", []), top.at("tables"))))
        formulas = tuple(self.formula(item, top.at("formulas", n)) for n, item in enumerate(self.sequence(data.get("formulas", []), top.at("formulas"))))
        self.unique([(table.id, table.location.at("id")) for table in tables] + [(formula.outcome, formula.location.at("outcome")) for formula in formulas])
        locals_ = self.fields(data.get("locals", {}), top.at("locals"), owner=id_)
        exports = [self.identifier(item, top.at("exports", n)) for n, item in enumerate(self.sequence(data.get("exports", []), top.at("exports")))]
        self.unique((name, top.at("exports", n)) for n, name in enumerate(exports))
        return Document(
            id=id_,
            title=self.bilingual(data.get("title", {"zh": "", "en": ""}), top.at("title")),
            owner=self.bilingual(data.get("owner", {"zh": "", "en": ""}), top.at("owner")),
            exports=tuple(exports),
            locals=locals_,
            tables=tables,
            formulas=formulas,
            description=self.bilingual(data.get("description", {"zh": "", "en": ""}), top.at("description")),
            notes=tuple(self.text(note, top.at("notes", n)) for n, note in enumerate(self.sequence(data.get("notes", []), top.at("notes")))),
            raw=data,
        )

    def table(self, value: object, at: Location) -> TableSource:
        data = self.mapping(value, at, required=("id", "title", "hit_policy", "inputs", "outputs", "rows"), optional=("default", "note"))
        title = self.bilingual(data.get("title", {"zh": "", "en": ""}), at.at("title"))
        here = Location(at.document, at.path, part=title)
        inputs = tuple(self.column(item, here.at("inputs", n)) for n, item in enumerate(self.sequence(data.get("inputs", []), here.at("inputs"))))
        outputs = tuple(self.identifier(item, here.at("outputs", n)) for n, item in enumerate(self.sequence(data.get("outputs", []), here.at("outputs"))))
        self.unique((name, here.at("outputs", n)) for n, name in enumerate(outputs))
        rows = tuple(self.row(item, n, here, len(inputs), len(outputs)) for n, item in enumerate(self.sequence(data.get("rows", []), here.at("rows"))))
        self.unique((row.id, here.at("rows", n, "id")) for n, row in enumerate(rows))
        default = self.mapping(data.get("default", {}), here.at("default"), optional=outputs)
        return TableSource(
            id=self.identifier(data.get("id", ""), here.at("id")),
            title=title,
            hit_policy=self.policy(data.get("hit_policy", "U"), here.at("hit_policy")),
            inputs=inputs,
            outputs=outputs,
            rows=rows,
            default={name: self.text(text, here.at("default", name)) for name, text in default.items()},
            note=self.text(data.get("note", ""), here.at("note")),
            location=here,
        )

    def policy(self, value: object, at: Location) -> HitPolicy:
        if value in HIT_POLICIES:
            return value
        allowed = [f"{code}({name.zh})" for code, name in HIT_POLICIES.items()], [f"{code} ({name.en})" for code, name in HIT_POLICIES.items()]
        self.fault("E109", at, found=value, allowed_zh="、".join(allowed[0]), allowed_en=", ".join(allowed[1]))
        return "F"

    def column(self, value: object, at: Location) -> ColumnSource:
        if isinstance(value, str):
            return ColumnSource(value)
        data = self.mapping(value, at, required=("expression", "label"), optional=("scale",))
        scale = self.kind(data["scale"], int, at.at("scale")) if "scale" in data else None
        return ColumnSource(self.text(data.get("expression", ""), at), self.bilingual(data.get("label", {"zh": "", "en": ""}), at), scale, is_expression=True)

    def row(self, value: object, number: int, table: Location, inputs: int, outputs: int) -> RowSource:
        at = table.at("rows", number)
        data = self.mapping(value, at, required=("id", "when", "then"), optional=("source", "note"))
        id_ = self.identifier(data.get("id", ""), at.at("id"), _ROW_ID)
        here = Location(at.document, at.path, at.part, row=id_, row_number=number + 1)
        when = self.cells(data.get("when", []), here.at("when"), inputs, Text("条件", "condition"))
        then = self.cells(data.get("then", []), here.at("then"), outputs, Text("结论", "output"))
        return RowSource(id_, when, then, self.sources(data.get("source", []), here.at("source")), self.text(data.get("note", ""), here.at("note")))

    def cells(self, value: object, at: Location, expected: int, what: Text) -> tuple[str, ...]:
        cells = tuple(
            self.cell(item, replace(at.at(n), column=Text(f"{what.zh} {n + 1}", f"{what.en} {n + 1}"))) for n, item in enumerate(self.sequence(value, at))
        )
        if len(cells) != expected:
            self.fault("E108", at, found=len(cells), expected=expected, what_zh=what.zh, what_en=what.en)
        return cells

    def cell(self, value: object, at: Location) -> str:
        if isinstance(value, str):
            return value
        self.fault("E104", at, expected_zh="加引号的文字", expected_en="text in quotes", found=_brief(value))
        return "-"

    def sources(self, value: object, at: Location) -> tuple[Source, ...]:
        sources = []
        for n, item in enumerate(self.sequence(value, at)):
            data = self.mapping(item, at.at(n), required=("kind", "ref"))
            kind = self.text(data.get("kind", ""), at.at(n, "kind"))
            if kind not in SOURCE_KINDS:
                self.fault("E104", at.at(n, "kind"), expected_zh="、".join(SOURCE_KINDS), expected_en=", ".join(SOURCE_KINDS), found=kind)
            sources.append(Source(kind, self.text(data.get("ref", ""), at.at(n, "ref"))))
        return tuple(sources)

    def formula(self, value: object, at: Location) -> FormulaSource:
        data = self.mapping(value, at, required=("outcome", "title", "expression"), optional=("source", "note"))
        title = self.bilingual(data.get("title", {"zh": "", "en": ""}), at.at("title"))
        here = Location(at.document, at.path, part=title)
        return FormulaSource(
            outcome=self.identifier(data.get("outcome", ""), here.at("outcome")),
            title=title,
            text=self.text(data.get("expression", ""), here.at("expression")),
            sources=self.sources(data.get("source", []), here.at("source")),
            note=self.text(data.get("note", ""), here.at("note")),
            location=here,
        )

    # --- cases --------------------------------------------------------------------------------------------------------

    def cases(self, value: object) -> tuple[Case, ...]:
        top = Location(self.document)
        data = self.mapping(value, top, required=("ruleset", "cases"))
        cases = tuple(self.case(item, top.at("cases", n)) for n, item in enumerate(self.sequence(data.get("cases", []), top.at("cases"))))
        self.unique((case.name, top.at("cases", n)) for n, case in enumerate(cases))
        return cases

    def case(self, value: object, at: Location) -> Case:
        data = self.mapping(value, at, required=("name", "given", "expect"), optional=("because", "source"))
        because = tuple(self.text(item, at.at("because", n)) for n, item in enumerate(self.sequence(data.get("because", []), at.at("because"))))
        given = self.kind(data.get("given", {}), dict, at.at("given")) or {}
        expect = self.kind(data.get("expect", {}), dict, at.at("expect")) or {}
        return Case(self.text(data.get("name", ""), at.at("name")), given, expect, because, self.text(data.get("source", ""), at.at("source")))


_TYPE_KEYS: Final = ("type", "unit", "scale", "min", "max", "rounding", "choices", "ordered", "max_length", "item", "members")
_SHAPES: Final = {
    _IDENTIFIER.pattern: ("以字母或汉字开头，只含字母、汉字、数字和下划线", "letters, digits and underscores, starting with a letter"),
    _RULESET_ID.pattern: ("小写英文、数字，以短横线连接", "lower-case letters and digits joined by hyphens"),
    _ROW_ID.pattern: ("1 到 40 个英文字母、数字、- 或 _", "1 to 40 letters, digits, - or _"),
}


def _brief(value: object) -> str:
    text = repr(value) if not isinstance(value, str) else f"“{value}”"
    return text if len(text) <= 60 else text[:57] + "…"
