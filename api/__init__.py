"""The HTTP API: JSON over Flask."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask
from werkzeug.routing import Map, UnicodeConverter

from api import audit, catalogue, decisions, drafts, health, logs, metrics, people, problems, signins, single_sign_on, versions, webhooks
from api.blueprint import OpenAPI
from api.callers import COOKIE
from api.exact_json import ExactJSON
from api.headers import protected
from api.service import Service

_OPENAPI = {
    "API_TITLE": "准绳 Zhunsheng",
    "API_VERSION": "v1",
    "OPENAPI_VERSION": "3.1.0",
    "OPENAPI_URL_PREFIX": "/v1",
    "OPENAPI_JSON_PATH": "openapi.json",
    "API_SPEC_OPTIONS": {
        "info": {"description": "银行客户关系规则服务 / Rules service for customer-relationship work in banks"},
        "components": {"securitySchemes": {"key": {"type": "http", "scheme": "bearer"}, "cookie": {"type": "apiKey", "in": "cookie", "name": COOKIE}}},
    },
}


class Part(UnicodeConverter):
    """A part of an address: any text without a null character, which no store can look for."""

    def __init__(self, map: Map) -> None:  # noqa: A002 - the router's name
        super().__init__(map)
        self.regex = "[^/\0]{1,}"


class Application(Flask):
    """Flask, spared the question before every call whether a function is asynchronous: none is."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        return func


def create_app(held: Service) -> Flask:
    """The API of a service."""
    app = Application("zhunsheng", static_folder=None)
    app.url_map.converters["default"] = Part
    app.config.update(_OPENAPI, MAX_CONTENT_LENGTH=held.settings.max_body)
    app.json = ExactJSON(app)
    app.extensions["zhunsheng"] = held
    api = OpenAPI(app)
    for part in (decisions, catalogue, versions, drafts, signins, single_sign_on, people, audit, webhooks, health, metrics):
        api.register_blueprint(part.blueprint)
    problems.register(app)
    counted = metrics.install(app, held)
    app.wsgi_app = protected(app.wsgi_app)  # type: ignore[method-assign, assignment]
    logs.watch(app, counted.observe, logs.tell)
    return app
