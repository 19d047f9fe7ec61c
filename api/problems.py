"""How does the service say no? RFC 9457 problems with codes, JSON pointers and texts in the caller's language."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final

from flask import Flask, Response, request
from werkzeug.exceptions import ClientDisconnected, HTTPException

from api.exact_json import Malformed, dumps
from engine import CODES, DecisionError, Diagnostic, FactsError, Language, Location, Text
from rulesets.views import cut

log = logging.getLogger("zhunsheng.api")

PROBLEM_TYPE: Final = "application/problem+json"
MAX_ERRORS: Final = 50
"""How many errors a problem lists; one more says how many there are beside them."""
DRAIN_LIMIT: Final = 64 * 1024 * 1024
DRAIN_PIECE: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class ProblemCode:
    """One way the HTTP layer refuses: its status, title and message template in both languages."""

    status: int
    title: Text
    message: Text


HTTP_CODES: Final[dict[str, ProblemCode]] = {
    "E601": ProblemCode(400, Text("JSON 无法读取", "Malformed JSON"),
        Text("第 {line} 行第 {column} 个字符起不是有效的 JSON：{detail_zh}。", "No valid JSON from line {line}, column {column}: {detail_en}.")),
    "E602": ProblemCode(400, Text("键重复", "Duplicate key"), Text("键「{found}」在同一个对象里出现了不止一次。", "The key “{found}” appears more than once in one object.")),
    "E603": ProblemCode(400, Text("嵌套过深", "Nested too deep"), Text("JSON 最多嵌套 {limit} 层。", "JSON may be nested at most {limit} levels deep.")),
    "E604": ProblemCode(400, Text("数字过长或过大", "Number too long or too large"), Text("{detail_zh}。", "{detail_en}.")),
    "E605": ProblemCode(400, Text("不是 UTF-8", "Not UTF-8"), Text("请求体从第 {position} 个字节起不是 UTF-8。", "The body stops being UTF-8 at byte {position}.")),
    "E606": ProblemCode(400, Text("不是数", "Not a number"), Text("JSON 里没有 {found}，请提供有限的十进制数。", "JSON has no {found}: send finite decimal numbers.")),
    "E607": ProblemCode(422, Text("请求不合要求", "Invalid request"), Text("{detail_zh}", "{detail_en}")),
    "E608": ProblemCode(422, Text("问题过多", "Too many faults"), Text("另有 {more} 处未逐一列出。", "{more} more are not listed one by one.")),
    "E610": ProblemCode(401, Text("缺少密钥", "Missing key"), Text("请在 Authorization 头中提供 Bearer 密钥。", "Send an API key: Authorization: Bearer <key>.")),
    "E611": ProblemCode(401, Text("密钥无效", "Wrong key"), Text("这个密钥不存在或已停用。", "This key does not exist or is no longer valid.")),
    "E620": ProblemCode(404, Text("没有这个地址", "Not found"), Text("这里没有 {path}。", "There is nothing at {path}.")),
    "E621": ProblemCode(404, Text("没有这个规则集", "No such ruleset"), Text("没有名为「{found}」的规则集。可用：{allowed}。", "There is no ruleset “{found}”. Available: {allowed}.")),
    "E622": ProblemCode(405, Text("方法不允许", "Method not allowed"), Text("{path} 不接受 {method}。", "{path} does not accept {method}.")),
    "E623": ProblemCode(413, Text("请求体过大", "Body too large"), Text("请求体最多 {limit} 字节。", "A body may have at most {limit} bytes.")),
    "E624": ProblemCode(415, Text("请求体类型不对", "Unsupported media type"), Text("请以 Content-Type: application/json 发送请求体。", "Send the body as Content-Type: application/json.")),
    "E625": ProblemCode(400, Text("请求无法处理", "Bad request"), Text("请求不符合 HTTP 的规定：{detail_zh}。", "The request is not proper HTTP: {detail_en}.")),
    "E690": ProblemCode(503, Text("尚未就绪", "Not ready"), Text("服务正在启动，请稍后再试。", "The service is starting; try again shortly.")),
    "E699": ProblemCode(500, Text("系统故障", "Our fault"), Text("这是我们的故障，请求无误。报修时请提供编号 {incident}。", "Our fault, not your request's. Quote {incident} when reporting.")),
}  # fmt: skip


class Problem(Exception):
    """A refusal with one of ``HTTP_CODES``; ``pointer`` places it in the request body."""

    def __init__(self, code: str, /, *, pointer: str = "", **parameters: object) -> None:
        self.code, self.pointer, self.parameters = code, pointer, parameters
        super().__init__(code)


class InvalidRequest(Exception):
    """Several faults of one request body, as (pointer, message) pairs."""

    def __init__(self, faults: Sequence[tuple[str, Text]]) -> None:
        self.faults = tuple(faults)
        super().__init__(f"{len(faults)} faults")


class TooManyFacts(FactsError):
    """What is wrong with the first facts or outcomes of far too many; ``more`` were not looked at."""

    def __init__(self, found: FactsError, more: int) -> None:
        super().__init__(found.diagnostics)
        self.more = more


def language() -> Language:
    """The language of the answer: by ``Accept-Language``, Chinese when it says nothing."""
    accepted = request.accept_languages.best_match(["zh-CN", "zh", "en-US", "en-GB", "en"], default="zh-CN")
    return "en" if accepted.startswith("en") else "zh"


def _error(code: str, pointer: str, title: str, detail: str) -> dict[str, str]:
    return {"code": code, "pointer": pointer, "title": title, "detail": detail}


def _respond(status: int, errors: Sequence[Mapping[str, str]], more: int = 0) -> Response:
    """The response that lists ``errors`` and says how many ``more`` there are."""
    spoken = language()
    first = errors[0]
    body: dict[str, Any] = {
        "type": f"/docs/errors#{first['code']}",
        "title": first["title"],
        "status": status,
        "detail": first["detail"],
        "code": first["code"],
        "errors": [*errors, _left_out(more, spoken)] if more else list(errors),
    }
    response = Response(dumps(body), status, content_type=PROBLEM_TYPE)
    response.headers["Content-Language"] = "zh-CN" if spoken == "zh" else "en"
    response.headers["Vary"] = "Accept-Language"
    if status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="zhunsheng"'
    return response


def _left_out(count: int, spoken: Language) -> dict[str, str]:
    kind = HTTP_CODES["E608"]
    return _error("E608", "", kind.title.in_(spoken), kind.message.in_(spoken).format(more=count))


def problem(code: str, /, *, pointer: str = "", **parameters: object) -> Response:
    """The response of one ``HTTP_CODES`` problem."""
    kind = HTTP_CODES[code]
    spoken = language()
    detail = kind.message.in_(spoken).format_map(parameters)
    return _respond(kind.status, [_error(code, pointer, kind.title.in_(spoken), detail)])


def pointer_to(path: Iterable[object]) -> str:
    """The RFC 6901 pointer of ``path``, names cut as errors repeat them."""
    return "".join("/" + cut(str(step)).replace("~", "~0").replace("/", "~1") for step in path)


def _from_diagnostics(findings: Sequence[Diagnostic], more: int = 0) -> Response:
    spoken = language()
    errors = [_error(found.code, pointer_to(found.location.path), found.title(spoken), _told(found, spoken)) for found in findings[:MAX_ERRORS]]
    return _respond(422, errors, len(findings) - len(errors) + more)


def _told(finding: Diagnostic, spoken: Language) -> str:
    message, mend = finding.message(spoken), finding.mend(spoken)
    return f"{message}{'' if spoken == 'zh' else ' '}{mend}"


def register(app: Flask) -> None:
    """Answer every refusal and failure of ``app`` with a problem."""
    app.register_error_handler(Problem, lambda error: problem(error.code, pointer=error.pointer, **error.parameters))
    app.register_error_handler(Malformed, lambda error: problem(error.code, **error.parameters))
    app.register_error_handler(InvalidRequest, _invalid)
    app.register_error_handler(TooManyFacts, lambda error: _from_diagnostics(error.diagnostics, error.more))
    app.register_error_handler(FactsError, lambda error: _from_diagnostics(error.diagnostics))
    app.register_error_handler(DecisionError, lambda error: _from_diagnostics([replace(found, location=Location()) for found in error.diagnostics]))
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _our_fault)


def _invalid(error: InvalidRequest) -> Response:
    spoken = language()
    title = HTTP_CODES["E607"].title.in_(spoken)
    return _respond(422, [_error("E607", pointer, title, text.in_(spoken)) for pointer, text in error.faults[:MAX_ERRORS]], len(error.faults[MAX_ERRORS:]))


def _http(error: HTTPException) -> Response:
    match error.code:
        case 404:
            return problem("E620", path=cut(request.path))
        case 405:
            response = problem("E622", path=cut(request.path), method=cut(request.method))
            response.headers["Allow"] = ", ".join(sorted(getattr(error, "valid_methods", None) or ()))
            return response
        case 413:
            _drain()
            return problem("E623", limit=request.max_content_length)
        case 415:
            return problem("E624")
        case int(code) if code >= 500:
            return _our_fault(getattr(error, "original_exception", None) or error)
        case _ if isinstance(error, ClientDisconnected):
            return problem("E625", detail_zh="请求体不完整，或分块写法有误", detail_en="the body is incomplete or wrongly chunked")
        case _:
            return problem("E625", detail_zh="请求头或地址有误", detail_en=error.name)


def _drain() -> None:
    """Read what is still coming (bounded), so that the caller gets to see the answer instead of a reset connection."""
    ends_itself = "wsgi.input_terminated" in request.environ
    left, stream = DRAIN_LIMIT if ends_itself else min(request.content_length or 0, DRAIN_LIMIT), request.environ["wsgi.input"]
    with suppress(Exception):  # whatever a server makes of wrong framing: the caller is refused already
        while left > 0 and (piece := stream.read(min(left, DRAIN_PIECE))):
            left -= len(piece)


def _our_fault(error: Exception) -> Response:
    incident = uuid.uuid4().hex[:12]
    log.error("incident %s", incident, exc_info=error)
    return problem("E699", incident=incident)


def known_codes() -> dict[str, tuple[int | None, Text]]:
    """Every code a problem may carry: its HTTP status (None for findings of documents) and title."""
    engine_codes = {code.id: (422 if code.id[1] in "45" else None, Text(code.title_zh, code.title_en)) for code in CODES.values()}
    return {**engine_codes, **{code: (kind.status, kind.title) for code, kind in HTTP_CODES.items()}}
