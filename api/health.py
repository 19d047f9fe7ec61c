"""Is the process alive, and is it ready to decide? For load balancers; no key, nothing secret."""

from __future__ import annotations

from collections.abc import Iterator

from flask import Response
from flask_smorest import Blueprint

from api.blueprint import json_response
from api.problems import PROBLEM_TYPE, UNAVAILABLE, Problem
from api.schemas import Health, ProblemSchema, Readiness
from api.service import Service, service
from engine import EngineError, Text
from rulesets.database import newest_revision
from rulesets.log.sealing import missing_masters
from rulesets.log.writer import QUEUE
from rulesets.refusals import Refused

blueprint = Blueprint("health", "health", description="健康检查 / Health")
_NOT_READY = {"description": "尚不能决策，detail 说明原因 / Not ready; detail says why", "content": {PROBLEM_TYPE: {"schema": ProblemSchema}}}


@blueprint.route("/healthz")
@blueprint.response(200, Health)
@blueprint.doc(summary="进程存活 / Alive")
def healthz() -> Response:
    return json_response({"status": "ok"})


@blueprint.route("/readyz")
@blueprint.response(200, Readiness)
@blueprint.doc(summary="可以决策 / Ready to decide", responses={"503": _NOT_READY})
def readyz() -> Response:
    held = service()
    wrong = list(faults(held))
    if wrong:
        raise Problem("E690", detail_zh="；".join(fault.zh for fault in wrong), detail_en="; ".join(fault.en for fault in wrong), retry_after=2)
    return json_response({"status": "ready", "rulesets": len(held.releases.current().references)})


def faults(held: Service) -> Iterator[Text]:
    """What keeps the service from deciding."""
    try:
        if held.database.revision() != newest_revision():
            yield Text("数据库结构不是本版本所需的", "the schema of the store is not the one this program needs")
            return
        with held.database.reading() as session:
            if lacking := missing_masters(session, held.settings.master_keys):
                yield Text(f"缺少主密钥 {'、'.join(lacking)}", f"the master key {', '.join(lacking)} is not configured")
        held.releases.look()
        held.releases.current()
    except UNAVAILABLE:
        yield Text("数据库连不上", "the database cannot be reached")
    except (EngineError, Refused):
        yield Text("现行规则无法编译，或没有生效的规则", "the rules in force do not compile, or none are in force")
    if held.log and held.log.backlog > QUEUE // 2:
        yield Text("决策日志积压", "the decision log lags behind")
