"""What do all endpoints have in common? A key, exact JSON, documented problems and entity tags.

flask-smorest registers and documents the views; reading bodies and writing answers is ours (``docs/decisions``: its
per-request layers cost more than a decision).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, Final, cast

from flask import Response, request
from flask_smorest import Api, Blueprint
from marshmallow import Schema
from werkzeug.datastructures import Headers

from api.callers import Caller, Who, requires
from api.exact_json import dumps
from api.problems import PROBLEM_TYPE
from api.requests import read_body, read_query, read_revision
from api.schemas import ProblemSchema
from api.service import Service

View = Callable[..., Response]
Allowed = Who | tuple[Who, ...]
_REFUSALS: Final = {
    400: "请求无法读取 / The request cannot be read",
    401: "未登录，或密钥缺少、无效 / Not signed in, or the key is missing or wrong",
    403: "没有权限 / Not allowed",
    404: "没有所指的对象 / No such thing",
    409: "与现状冲突 / In conflict with what is there",
    412: "已被他人修改 / Somebody else changed it",
    413: "请求体过大 / Body too large",
    415: "请求体类型不对 / Unsupported media type",
    422: "内容不合要求 / The content is refused",
    428: "需要 If-Match / If-Match is needed",
    429: "过于频繁 / Too many requests",
    503: "暂时无法服务 / Not available just now",
}
_WITH_BODY: Final = (400, 413, 415, 422)
_ALWAYS: Final = (401, 403, 429, 503)
_SECURITY: Final[dict[str, dict[str, list[str]]]] = {"key": {"key": []}, "cookie": {"cookie": []}}
_IF_MATCH: Final = {
    "in": "header",
    "name": "If-Match",
    "required": True,
    "schema": {"type": "string"},
    "description": "所基于的版次，即上次回答的 ETag / The revision the change was made on: the ETag of the last answer",
}


class OpenAPI(Api):  # type: ignore[misc]  # flask-smorest has no types
    """flask-smorest's registry and document, without the answers, headers and error handler of its own."""

    DEFAULT_ERROR_RESPONSE_NAME = None

    def _register_responses(self) -> None:
        """Errors are problems, documented where they can come."""

    def _register_etag_headers(self) -> None:
        """Our own."""

    def _register_pagination_header(self) -> None:
        """No answer comes in pages."""

    def _register_error_handlers(self) -> None:
        """``api.problems`` answers."""


class ApiBlueprint(Blueprint):  # type: ignore[misc]  # flask-smorest has no types
    """A flask-smorest blueprint whose views say who may ask, and document how they refuse.

    A view is called with the service, the caller, the body or query if it takes one, and what its address names.
    ``allow`` is what ``api.callers.requires`` understands; ``refuses`` are statuses beside those that go without saying.
    """

    def route(self, rule: str, **options: Any) -> Callable[[View], View]:
        """Answer at an address, relative to the blueprint's."""
        return cast(Callable[[View], View], super().route(rule, **options))

    def takes(
        self,
        body: type[Schema],
        answer: type[Schema],
        *,
        allow: Allowed,
        summary: str,
        refuses: Sequence[int] = (),
        status: int = 200,
        matches: bool = False,
        limit: int = 1,
    ) -> Callable[[View], View]:
        """A view that takes a JSON body (``limit`` times as long as others); with ``matches`` also ``revision``, from If-Match."""
        schema = body()

        def decorate(view: View) -> View:
            @wraps(view)
            def reading(held: Service, caller: Caller, **named: Any) -> Response:
                if matches:
                    named["revision"] = read_revision()
                return view(held, caller, read_body(schema, held.settings.max_body * limit), **named)

            content: dict[str, Any] = {"requestBody": {"required": True, "content": {"application/json": {"schema": body}}}}
            return self._described(reading, answer, allow, summary, (*_WITH_BODY, *refuses), status, matches=matches, **content)

        return decorate

    def does(
        self,
        answer: type[Schema] | None,
        *,
        allow: Allowed,
        summary: str,
        refuses: Sequence[int] = (),
        status: int = 200,
        matches: bool = False,
        file: str | None = None,
    ) -> Callable[[View], View]:
        """A view that changes something and takes no body; without ``answer`` it answers 204, or a ``file`` of that type."""

        def decorate(view: View) -> View:
            @wraps(view)
            def reading(held: Service, caller: Caller, **named: Any) -> Response:
                if matches:
                    named["revision"] = read_revision()
                return view(held, caller, **named)

            return self._described(reading, answer, allow, summary, refuses, status if answer or file else 204, matches=matches, file=file)

        return decorate

    def reads(
        self, answer: type[Schema], *, allow: Allowed, summary: str, refuses: Sequence[int] = (), query: type[Schema] | None = None
    ) -> Callable[[View], View]:
        """A view whose answer carries an entity tag; with ``query`` it takes the parameters of the address."""
        if query is None:
            return lambda view: self._described(view, answer, allow, summary, refuses, tagged=True)
        schema = query()

        def decorate(view: View) -> View:
            @wraps(view)
            def reading(held: Service, caller: Caller, **named: Any) -> Response:
                return view(held, caller, read_query(schema), **named)

            parameters = [{"in": "query", "schema": query}]
            return self._described(reading, answer, allow, summary, (422, *refuses), tagged=True, parameters=parameters)

        return decorate

    def _described(
        self,
        view: View,
        answer: type[Schema] | None,
        allow: Allowed,
        summary: str,
        refuses: Sequence[int],
        status: int = 200,
        *,
        tagged: bool = False,
        matches: bool = False,
        file: str | None = None,
        **operation: Any,
    ) -> View:
        content: dict[str, Any] = {"content": {"application/json": {"schema": answer}}} if answer else {}
        if file:
            content = {"content": {file: {"schema": {"type": "string", "format": "binary"}}}}
        responses: dict[str, Any] = {str(status): {"description": "OK", **content}}
        if tagged:
            responses["304"] = {"description": "没有变化 / Not modified"}
        for refused in sorted({*_ALWAYS, *refuses, *((412, 428) if matches else ())}):
            responses[str(refused)] = {"description": _REFUSALS[refused], "content": {PROBLEM_TYPE: {"schema": ProblemSchema}}}
        if matches:
            operation["parameters"] = [_IF_MATCH]
        guarded: Any = requires(*((allow,) if isinstance(allow, str) else allow))(view)
        described = self.doc(summary=summary, security=_security(allow), responses=responses, **operation)(guarded)
        guarded._apidoc = described._apidoc  # what registers it; the wrapper around it does nothing else
        return cast(View, guarded)


def _security(allow: Allowed) -> list[dict[str, list[str]]]:
    match allow:
        case "anybody":
            return []
        case "decide":
            return [_SECURITY["key"]]
        case "read":
            return [_SECURITY["key"], _SECURITY["cookie"]]
        case _:
            return [_SECURITY["cookie"]]


class Written(Response):
    """A response with all its headers: Werkzeug need not go through them for what it would add."""

    def get_wsgi_headers(self, environ: dict[str, Any]) -> Headers:
        return self.headers


def json_response(data: object, status: int = 200) -> Response:
    """An answer that nobody may keep."""
    body = dumps(data)
    headers = Headers([("Content-Type", "application/json"), ("Content-Length", str(len(body))), ("Cache-Control", "no-store")])
    return Written([body], status, headers)


def tagged_response(data: object) -> Response:
    """An answer with an entity tag: 304 when the caller already has it."""
    body = dumps(data)
    return _tagged(body, hashlib.sha256(body).hexdigest()[:32])


def revised_response(data: object, revision: int, status: int = 200) -> Response:
    """Something that changes by revisions: the entity tag is the revision, for If-Match."""
    response = _tagged(dumps(data), str(revision))
    if response.status_code == 200:
        response.status_code = status
    return response


def nothing_response() -> Response:
    return Response(status=204, headers=[("Cache-Control", "no-store")])


def _tagged(body: bytes, tag: str) -> Response:
    response = Response(body, content_type="application/json", headers=[("Cache-Control", "private, no-cache")])
    response.set_etag(tag)
    if request.method in ("GET", "HEAD"):
        response.make_conditional(request)
    return response
