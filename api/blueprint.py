"""What do all endpoints have in common? A key, exact JSON, documented problems and entity tags.

flask-smorest registers and documents the views; reading bodies and writing answers is ours (``docs/decisions``: its
per-request layers cost more than a decision).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import wraps
from typing import Any, Final, cast

from flask import Response, request
from flask_smorest import Api, Blueprint
from marshmallow import Schema
from werkzeug.datastructures import Headers

from api.exact_json import dumps
from api.keys import requires_key
from api.problems import PROBLEM_TYPE
from api.requests import read_body
from api.schemas import ProblemSchema
from api.service import Service

View = Callable[..., Response]
_REFUSALS: Final = {
    400: "请求体无法读取 / The body cannot be read",
    401: "缺少或无效的密钥 / Missing or wrong key",
    404: "没有这个规则集 / No such ruleset",
    413: "请求体过大 / Body too large",
    415: "请求体类型不对 / Unsupported media type",
    422: "字段或请求不合要求 / Facts or request refused",
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
    """A flask-smorest blueprint whose views need a key and document how they refuse."""

    def takes(self, body: type[Schema], answer: type[Schema], *, summary: str, missing: bool = False) -> Callable[[View], View]:
        """A view that takes the service, a JSON body and what its address names."""
        schema = body()

        def decorate(view: View) -> View:
            @wraps(view)
            def reading(held: Service, **named: str) -> Response:
                return view(held, read_body(schema, held.settings.max_body), **named)

            content = {"application/json": {"schema": body}}
            statuses = [400, 401, 413, 415, 422] + [404] * missing
            return self._described(reading, answer, statuses, summary, requestBody={"required": True, "content": content})

        return decorate

    def reads(self, answer: type[Schema], *, summary: str, missing: bool = False) -> Callable[[View], View]:
        """A view that takes the service and what its address names, and whose answer carries an entity tag."""
        return lambda view: self._described(view, answer, [401] + [404] * missing, summary, tagged=True)

    def _described(self, view: View, answer: type[Schema], statuses: list[int], summary: str, *, tagged: bool = False, **operation: Any) -> View:
        responses: dict[str, Any] = {"200": {"description": "OK", "content": {"application/json": {"schema": answer}}}}
        if tagged:
            responses["304"] = {"description": "没有变化 / Not modified"}
        for status in sorted(statuses):
            responses[str(status)] = {"description": _REFUSALS[status], "content": {PROBLEM_TYPE: {"schema": ProblemSchema}}}
        guarded: Any = requires_key(view)
        described = self.doc(summary=summary, security=[{"key": []}], responses=responses, **operation)(guarded)
        guarded._apidoc = described._apidoc  # what registers it; the wrapper around it does nothing else
        return cast(View, guarded)


class Written(Response):
    """A response with all its headers: Werkzeug need not go through them for what it would add."""

    def get_wsgi_headers(self, environ: dict[str, Any]) -> Headers:
        return self.headers


def json_response(data: object) -> Response:
    """An answer that nobody may keep."""
    body = dumps(data)
    headers = Headers([("Content-Type", "application/json"), ("Content-Length", str(len(body))), ("Cache-Control", "no-store")])
    return Written([body], 200, headers)


def tagged_response(data: object) -> Response:
    """An answer with an entity tag: 304 when the caller already has it."""
    body = dumps(data)
    response = Response(body, content_type="application/json", headers=[("Cache-Control", "private, no-cache")])
    response.set_etag(hashlib.sha256(body).hexdigest()[:32])
    response.make_conditional(request)
    return response
