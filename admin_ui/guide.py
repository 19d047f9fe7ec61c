"""How is the API explained to a person, in Chinese and English, without internet or scripts?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from flask import Blueprint, Response, current_app, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from api.problems import known_codes, language
from engine import Language

blueprint = Blueprint("guide", __name__, template_folder="templates", static_folder="static", static_url_path="/static")
_METHODS: Final = ("get", "post", "put", "patch", "delete")
_PAGE_HEADERS: Final = {"Referrer-Policy": "no-referrer", "Cross-Origin-Opener-Policy": "same-origin", "Vary": "Accept-Language"}


@dataclass(frozen=True, slots=True)
class Part:
    """One member of a request or an answer, nested members indented by ``depth``."""

    name: str
    kind: str
    required: bool
    text: str
    depth: int


@dataclass(frozen=True, slots=True)
class Operation:
    """One endpoint as the guide shows it."""

    id: str
    method: str
    path: str
    title: str
    open: bool
    request: tuple[Part, ...]
    answer: tuple[Part, ...]
    statuses: tuple[tuple[str, str], ...]


@blueprint.get("/")
def home() -> BaseResponse:
    return redirect(url_for("guide.show"))


@blueprint.get("/docs")
def show() -> Response:
    spoken = _language()
    spec = current_app.extensions["flask-smorest"]["apis"][""]["ext_obj"].spec.to_dict()
    demo = current_app.extensions["zhunsheng"].settings.demo
    return _page("guide.html", spoken, operations=list(_operations(spec, spoken)), address=request.host_url.rstrip("/"), demo=demo)


@blueprint.get("/docs/errors")
def errors() -> Response:
    spoken = _language()
    codes = [(code, status, title.in_(spoken)) for code, (status, title) in sorted(known_codes().items())]
    return _page("errors.html", spoken, codes=codes)


def _language() -> Language:
    asked = request.args.get("lang")
    return "en" if asked == "en" else "zh" if asked == "zh" else language()


def _page(template: str, spoken: Language, **content: Any) -> Response:
    response = Response(render_template(template, lang=spoken, zh=spoken == "zh", **content), content_type="text/html; charset=utf-8")
    response.headers.update(_PAGE_HEADERS)
    response.headers["Content-Language"] = "zh-CN" if spoken == "zh" else "en"
    return response


# --- OpenAPI → what is shown ---------------------------------------------------------------------------------------------


def _operations(spec: dict[str, Any], spoken: Language) -> Iterator[Operation]:
    for path, item in spec["paths"].items():
        for method in _METHODS:
            if method in item:
                yield _operation(spec, path, method, item[method], spoken)


def _operation(spec: dict[str, Any], path: str, method: str, operation: dict[str, Any], spoken: Language) -> Operation:
    answers = operation["responses"]
    return Operation(
        id=f"{method}{path}".replace("/", "-").replace("{", "").replace("}", ""),
        method=method.upper(),
        path=path,
        title=_half(operation.get("summary", ""), spoken),
        open=not operation.get("security"),
        request=tuple(_parts(spec, _schema(operation.get("requestBody", {})), spoken)),
        answer=tuple(_parts(spec, _schema(answers.get("200", {})), spoken)),
        statuses=tuple((status, _half(answer.get("description", ""), spoken)) for status, answer in answers.items() if status != "200"),
    )


def _schema(holder: dict[str, Any]) -> dict[str, Any]:
    content: dict[str, Any] = holder.get("content", {}).get("application/json", {})
    found: dict[str, Any] = content.get("schema", {})
    return found


def _parts(spec: dict[str, Any], schema: dict[str, Any], spoken: Language, depth: int = 0) -> Iterator[Part]:
    schema = _resolved(spec, schema)
    for name, member in schema.get("properties", {}).items():
        resolved = _resolved(spec, member)
        yield Part(name, _kind(resolved, spoken), name in schema.get("required", ()), _half(resolved.get("description", ""), spoken), depth)
        yield from _parts(spec, resolved.get("items", resolved), spoken, depth + 1)


def _resolved(spec: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        schema = spec["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


_KINDS: Final = {
    "string": ("文字", "text"),
    "integer": ("整数", "whole number"),
    "boolean": ("是/否", "true or false"),
    "array": ("清单", "list"),
    "object": ("对象", "object"),
}


def _kind(schema: dict[str, Any], spoken: Language) -> str:
    declared = schema.get("type", "")
    name = next((part for part in declared if part != "null"), "") if isinstance(declared, list) else declared
    zh, en = _KINDS.get(name, ("任意", "any"))
    return zh if spoken == "zh" else en


def _half(text: str, spoken: Language) -> str:
    """Texts in the OpenAPI document are written "中文 / English"."""
    zh, _, en = text.partition(" / ")
    return zh if spoken == "zh" or not en else en
