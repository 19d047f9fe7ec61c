"""What do all endpoints have in common? A key, exact JSON, documented problems and entity tags."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from flask import Response, request
from flask_smorest import Blueprint
from marshmallow import Schema

from api.exact_json import dumps
from api.keys import requires_key
from api.parsing import ExactParser
from api.problems import PROBLEM_TYPE
from api.schemas import ProblemSchema

View = Callable[..., Any]
_REFUSALS = {
    400: "请求体无法读取 / The body cannot be read",
    401: "缺少或无效的密钥 / Missing or wrong key",
    404: "没有这个规则集 / No such ruleset",
    413: "请求体过大 / Body too large",
    415: "请求体类型不对 / Unsupported media type",
    422: "字段或请求不合要求 / Facts or request refused",
}


class ApiBlueprint(Blueprint):  # type: ignore[misc]  # flask-smorest has no types
    """A flask-smorest blueprint whose views need a key and document how they refuse."""

    ARGUMENTS_PARSER = ExactParser()

    def takes(self, body: type[Schema], answer: type[Schema], *, summary: str, missing: bool = False) -> Callable[[View], View]:
        """A view that takes a JSON body."""
        statuses = [400, 401, 413, 415, 422] + [404] * missing

        def decorate(view: View) -> View:
            documented = self.response(200, answer)(self.arguments(body, error_status_code=422)(view))
            return self._guarded(documented, statuses, summary)

        return decorate

    def reads(self, answer: type[Schema], *, summary: str, missing: bool = False) -> Callable[[View], View]:
        """A view that takes nothing but its address."""

        def decorate(view: View) -> View:
            return self._guarded(self.response(200, answer)(view), [401] + [404] * missing, summary)

        return decorate

    def _guarded(self, view: View, statuses: list[int], summary: str) -> View:
        for status in sorted(statuses):
            view = self.alt_response(status, schema=ProblemSchema, content_type=PROBLEM_TYPE, description=_REFUSALS[status])(view)
        described: View = self.doc(summary=summary, security=[{"key": []}])(view)
        return requires_key(described)


def json_response(data: object) -> Response:
    """An answer that nobody may keep."""
    response = Response(dumps(data), content_type="application/json")
    response.headers["Cache-Control"] = "no-store"
    return response


def tagged_response(data: object) -> Response:
    """An answer with an entity tag: 304 when the caller already has it."""
    body = dumps(data)
    response = Response(body, content_type="application/json")
    response.set_etag(hashlib.sha256(body).hexdigest()[:32])
    response.headers["Cache-Control"] = "private, no-cache"
    response.make_conditional(request)
    return response
