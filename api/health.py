"""Is the process alive, and is it ready to decide? For load balancers; no key, nothing secret."""

from __future__ import annotations

from flask import Response
from flask_smorest import Blueprint

from api.blueprint import json_response
from api.schemas import Health, Readiness
from api.service import service

blueprint = Blueprint("health", "health", description="健康检查 / Health")


@blueprint.route("/healthz")
@blueprint.response(200, Health)
@blueprint.doc(summary="进程存活 / Alive")
def healthz() -> Response:
    return json_response({"status": "ok"})


@blueprint.route("/readyz")
@blueprint.response(200, Readiness)
@blueprint.doc(summary="可以决策 / Ready to decide")
def readyz() -> Response:
    return json_response({"status": "ready", "rulesets": len(service().releases.current().references)})
