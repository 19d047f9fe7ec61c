"""How does the service say no? RFC 9457 problems with codes, JSON pointers and texts in the caller's language."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Final

from flask import Flask, Response, request
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import ClientDisconnected, HTTPException

from api.exact_json import Malformed, dumps
from engine import CODES, DecisionError, Diagnostic, EngineError, Language, Location, Text
from rulesets.deciding import TooManyFacts
from rulesets.drafts import Conflicting, Found
from rulesets.log.sealing import Unavailable
from rulesets.merge import conflict_view
from rulesets.refusals import Refused
from rulesets.views import cut

log = logging.getLogger("zhunsheng.api")

PROBLEM_TYPE: Final = "application/problem+json"
MAX_ERRORS: Final = 50
"""How many errors a problem lists; one more says how many there are beside them."""
RETRY_SECONDS: Final = 2
UNAVAILABLE: Final = (OperationalError, InterfaceError, PoolTimeout, Unavailable)
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
    "E610": ProblemCode(401, Text("缺少密钥", "Missing key"), Text("请登录，或在 Authorization 头中提供 Bearer 密钥。", "Sign in, or send an API key: Authorization: Bearer <key>.")),
    "E611": ProblemCode(401, Text("密钥无效", "Wrong key"), Text("这个密钥不存在或已停用。", "This key does not exist or is no longer valid.")),
    "E612": ProblemCode(401, Text("登录已结束", "Signed out"), Text("登录已过期或已退出，请重新登录。", "You are signed out or were away too long: sign in again.")),
    "E613": ProblemCode(401, Text("登录失败", "Sign-in refused"),
        Text("用户名或密码不正确，或账户暂不能登录；连续五次失败后锁定 15 分钟。", "Wrong name or password, or the account may not sign in now; five failures in a row lock it for 15 minutes.")),
    "E614": ProblemCode(429, Text("请求过于频繁", "Too many requests"), Text("请在 {wait} 秒后再试。", "Try again in {wait} seconds.")),
    "E615": ProblemCode(403, Text("密钥不可询问此结论", "Outcome not allowed"), Text("这个密钥不可询问「{found}」。", "This key may not ask for “{found}”.")),
    "E616": ProblemCode(403, Text("密钥权限不足", "Scope missing"), Text("这个密钥没有所需的权限：{needed}。", "This key lacks the scope {needed}.")),
    "E617": ProblemCode(403, Text("没有权限", "Not allowed"), Text("需要角色：{roles_zh}{where_zh}。", "This needs the role {roles_en}{where_en}.")),
    "E618": ProblemCode(403, Text("须先修改密码", "Change the password first"), Text("一次性密码只能用来设置新密码。", "A one-time password is only good for choosing a new one.")),
    "E619": ProblemCode(403, Text("缺少页面令牌", "Page token missing"),
        Text("修改须带登录时或 GET /v1/me 给出的 X-CSRF-Token。", "A change needs the X-CSRF-Token that the sign-in or GET /v1/me gave.")),
    "E620": ProblemCode(404, Text("没有这个地址", "Not found"), Text("这里没有 {path}。", "There is nothing at {path}.")),
    "E621": ProblemCode(404, Text("没有这个规则集", "No such ruleset"), Text("没有名为「{found}」的规则集。可用：{allowed}。", "There is no ruleset “{found}”. Available: {allowed}.")),
    "E622": ProblemCode(405, Text("方法不允许", "Method not allowed"), Text("{path} 不接受 {method}。", "{path} does not accept {method}.")),
    "E623": ProblemCode(413, Text("请求体过大", "Body too large"), Text("请求体最多 {limit} 字节。", "A body may have at most {limit} bytes.")),
    "E624": ProblemCode(415, Text("请求体类型不对", "Unsupported media type"), Text("请以 Content-Type: application/json 发送请求体。", "Send the body as Content-Type: application/json.")),
    "E625": ProblemCode(400, Text("请求无法处理", "Bad request"), Text("请求不符合 HTTP 的规定：{detail_zh}。", "The request is not proper HTTP: {detail_en}.")),
    "E630": ProblemCode(409, Text("登录名已用过", "Name taken"), Text("登录名「{found}」已经有人用过，不能再用。", "The name “{found}” is or was somebody's; names are not used twice.")),
    "E631": ProblemCode(404, Text("没有这个用户", "No such user"), Text("没有登录名为「{found}」的用户。", "There is no user “{found}”.")),
    "E632": ProblemCode(422, Text("没有这个部门", "No such department"), Text("没有编号为「{found}」的部门。", "There is no department “{found}”.")),
    "E633": ProblemCode(422, Text("没有这个规则集", "No such ruleset"), Text("没有名为「{found}」的规则集。", "There is no ruleset “{found}”.")),
    "E634": ProblemCode(403, Text("不能对自己操作", "Not for yourself"),
        Text("不能给自己授权或设一次性密码，请由另一位管理员操作。", "Nobody grants to themselves or sets their own one-time password: ask another administrator.")),
    "E635": ProblemCode(409, Text("最后一位管理员", "Last administrator"), Text("至少要留一位可用的全行管理员。", "At least one active administrator for everything must remain.")),
    "E636": ProblemCode(422, Text("密码不合要求", "Password not good enough"), Text("新密码{detail_zh}。", "The new password: {detail_en}.")),
    "E637": ProblemCode(422, Text("原密码不正确", "Wrong password"), Text("原密码不正确，或账户已锁定。", "The present password is wrong, or the account is locked.")),
    "E638": ProblemCode(409, Text("部门已存在", "Department exists"), Text("编号「{found}」或这个中文名已被使用。", "The id “{found}” or the Chinese name is taken.")),
    "E639": ProblemCode(404, Text("没有这个密钥", "No such key"), Text("没有编号为「{found}」的密钥。", "There is no key “{found}”.")),
    "E640": ProblemCode(409, Text("密钥已失效", "Key no longer valid"), Text("密钥「{found}」已停用或过期，请新建。", "The key “{found}” is revoked or expired: make a new one.")),
    "E643": ProblemCode(409, Text("没有密码", "No password"), Text("这个账户通过单点登录，没有密码。", "This account signs in elsewhere and has no password.")),
    "E644": ProblemCode(404, Text("未启用单点登录", "No single sign-on"), Text("本系统未配置单点登录。", "Single sign-on is not configured here.")),
    "E645": ProblemCode(503, Text("单点登录服务无法访问", "Sign-in provider unreachable"),
        Text("单点登录服务没有回应或回应有误，请稍后再试。", "The sign-in provider does not answer, or not properly; try again shortly.")),
    "E646": ProblemCode(403, Text("单点登录未完成", "Single sign-on refused"), Text("{detail_zh}，请重新登录。", "{detail_en}; sign in again.")),
    "E647": ProblemCode(403, Text("没有账户", "No account"),
        Text("「{found}」在本系统没有可用的账户，请联系管理员。", "“{found}” has no active account here: ask an administrator.")),
    "E648": ProblemCode(403, Text("只供系统调用", "For systems only"), Text("请使用有此权限的密钥：{needed}。", "Use an API key with the scope {needed}.")),
    "E649": ProblemCode(403, Text("只供登录用户使用", "For people only"), Text("密钥不可使用，请登录后操作。", "API keys may not do this: sign in.")),
    "E650": ProblemCode(403, Text("不能批准自己参与的草稿", "Own work"), Text("您参与过这份草稿，须由他人批准或退回。", "You had a hand in this draft: somebody else must approve or reject it.")),
    "E651": ProblemCode(428, Text("需要 If-Match", "If-Match is needed"),
        Text("请在 If-Match 头中给出您所基于的版次（上次回答的 ETag）。", "Send If-Match with the revision your change was made on: the ETag of the last answer.")),
    "E652": ProblemCode(412, Text("已被他人修改", "Somebody else changed it"),
        Text("您修改期间，内容已有变化。请重新读取，合并后再保存。", "It changed while you worked. Read it again, merge, and save.")),
    "E653": ProblemCode(409, Text("当前状态不允许", "Not in this state"), Text("草稿现在的状态是「{state_zh}」，不能这样做。", "The draft is {state_en}, so this cannot be done.")),
    "E654": ProblemCode(409, Text("所基于的版本已被取代", "Based on an older version"),
        Text("这份草稿基于第 {based_on} 版，而届时生效的是第 {found} 版。请先变基合并。", "This draft builds on version {based_on}, but version {found} will be in force then. Rebase it first.")),
    "E655": ProblemCode(409, Text("合并有冲突", "Conflicts"), Text("双方改了同一处，共 {count} 处。请逐处选定。", "Both sides changed the same {count} parts. Choose for each.")),
    "E656": ProblemCode(404, Text("没有这份草稿", "No such draft"), Text("没有编号为「{found}」的草稿。", "There is no draft “{found}”.")),
    "E657": ProblemCode(404, Text("没有这个版本", "No such version"), Text("没有版本「{found}」。", "There is no version “{found}”.")),
    "E658": ProblemCode(409, Text("不能撤回", "Cannot be withdrawn"),
        Text("只有尚未生效的版本可以撤回；已生效的请用回滚。", "Only a version that has not taken effect can be withdrawn; roll back one that has.")),
    "E659": ProblemCode(404, Text("当时没有生效的规则", "Nothing was in force"), Text("所问时刻没有生效的规则。", "No rules were in force at the instant asked for.")),
    "E660": ProblemCode(409, Text("名称已被使用", "Name taken"), Text("已有名为「{found}」的规则集。", "There is a ruleset called “{found}” already.")),
    "E661": ProblemCode(409, Text("参考号已被使用", "Reference taken"), Text("参考号「{found}」已用于另一个不同的请求。", "The reference “{found}” was used for a different request.")),
    "E662": ProblemCode(503, Text("存储暂时不可用", "The store is not available"),
        Text("数据库暂时连不上或太忙，请稍后重试；没有任何内容被改动或丢失。", "The database cannot be reached or is too busy. Try again shortly; nothing was changed or lost.")),
    "E663": ProblemCode(404, Text("没有这个决策", "No such decision"), Text("没有编号为「{found}」的决策记录。", "There is no decision “{found}”.")),
    "E665": ProblemCode(409, Text("请稍后再试", "Try again"), Text("同时有多个版本正在发布，请再试一次。", "Several versions are being published at once. Try again.")),
    "E670": ProblemCode(403, Text("不可读取指标", "No metrics for you"),
        Text("指标只给本机、获准的地址和有 read 权限的密钥。", "Metrics are for this machine, allowed addresses and keys with the scope read.")),
    "E671": ProblemCode(404, Text("没有这个通知", "No such webhook"), Text("没有编号为「{found}」的 Webhook。", "There is no webhook “{found}”.")),
    "E672": ProblemCode(422, Text("通知地址不合要求", "Webhook address refused"), Text("通知地址{detail_zh}。", "The address of the webhook: {detail_en}.")),
    "E666": ProblemCode(422, Text("不能按此值查询", "Not searchable by value"),
        Text("「{found}」是敏感字段，不能按值查询。", "“{found}” is sensitive and cannot be searched by value.")),
    "E690": ProblemCode(503, Text("尚未就绪", "Not ready"), Text("{detail_zh}。", "{detail_en}.")),
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


def language() -> Language:
    """The language of the answer: by ``Accept-Language``, Chinese when it says nothing."""
    accepted = request.accept_languages.best_match(["zh-CN", "zh", "en-US", "en-GB", "en"], default="zh-CN")
    return "en" if accepted.startswith("en") else "zh"


def _error(code: str, pointer: str, title: str, detail: str) -> dict[str, str]:
    return {"code": code, "pointer": pointer, "title": title, "detail": detail}


@dataclass(frozen=True, slots=True)
class Told:
    """A problem in the caller's language: its body, and the headers that go with it."""

    body: dict[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)

    def response(self) -> Response:
        response = Response(dumps(self.body), self.body["status"], content_type=PROBLEM_TYPE)
        response.headers["Content-Language"] = "zh-CN" if language() == "zh" else "en"
        response.headers["Vary"] = "Accept-Language"
        if response.status_code == 401:
            response.headers["WWW-Authenticate"] = 'Bearer realm="zhunsheng"'
        response.headers.update(self.headers)
        return response


def _tell(status: int, errors: Sequence[Mapping[str, str]], more: int = 0, **members: object) -> Told:
    """The problem that lists ``errors`` and says how many ``more`` there are; ``members`` are added to it."""
    first = errors[0]
    body: dict[str, Any] = {
        "type": f"/docs/errors#{first['code']}",
        "title": first["title"],
        "status": status,
        "detail": first["detail"],
        "code": first["code"],
        "errors": [*errors, _left_out(more, language())] if more else list(errors),
        **members,
    }
    return Told(body)


def _left_out(count: int, spoken: Language) -> dict[str, str]:
    kind = HTTP_CODES["E608"]
    return _error("E608", "", kind.title.in_(spoken), kind.message.in_(spoken).format(more=count))


def problem(code: str, /, *, pointer: str = "", **parameters: object) -> Response:
    """The response of one ``HTTP_CODES`` problem; ``retry_after`` (seconds) becomes its header."""
    return _one(code, pointer, parameters).response()


def _one(code: str, pointer: str, parameters: Mapping[str, object]) -> Told:
    kind = HTTP_CODES[code]
    spoken = language()
    told = _tell(kind.status, [_error(code, pointer, kind.title.in_(spoken), kind.message.in_(spoken).format_map(parameters))])
    return replace(told, headers={"Retry-After": str(parameters["retry_after"])}) if "retry_after" in parameters else told


def pointer_to(path: Iterable[object]) -> str:
    """The RFC 6901 pointer of ``path``, names cut as errors repeat them."""
    return "".join("/" + cut(str(step)).replace("~", "~0").replace("/", "~1") for step in path)


def _from_diagnostics(findings: Sequence[Diagnostic], more: int = 0) -> Told:
    spoken = language()
    errors = [_error(found.code, pointer_to(found.location.path), found.title(spoken), _told(found, spoken)) for found in findings[:MAX_ERRORS]]
    return _tell(422, errors, len(findings) - len(errors) + more)


def _told(finding: Diagnostic, spoken: Language) -> str:
    message, mend = finding.message(spoken), finding.mend(spoken)
    return f"{message}{'' if spoken == 'zh' else ' '}{mend}"


def register(app: Flask) -> None:
    """Answer every refusal and failure of ``app`` with a problem."""
    for kind in (Problem, Malformed, InvalidRequest, EngineError, Refused, Found, Conflicting, *UNAVAILABLE):
        app.register_error_handler(kind, lambda error: tell(error).response())
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _our_fault)


def tell(error: Exception) -> Told:
    """What a refusal or failure says, in the caller's language."""
    match error:
        case Problem() | Malformed() | Refused():
            return _one(error.code, getattr(error, "pointer", ""), error.parameters)
        case InvalidRequest():
            return _invalid(error)
        case TooManyFacts():
            return _from_diagnostics(error.diagnostics, error.more)
        case DecisionError():
            return _from_diagnostics([replace(found, location=Location()) for found in error.diagnostics])
        case EngineError():
            return _from_diagnostics(error.diagnostics)
        case Found():
            return _from_diagnostics(error.findings)
        case Conflicting():
            return _conflicting(error)
        case _ if isinstance(error, UNAVAILABLE):
            log.warning("the store is not available: %s", type(error).__name__)
            return _one("E662", "", {"retry_after": RETRY_SECONDS})
        case _:
            return _fault(error)


def _conflicting(error: Conflicting) -> Told:
    """The cells that both sides changed, in the member ``conflicts``."""
    kind, spoken = HTTP_CODES["E655"], language()
    detail = kind.message.in_(spoken).format(count=len(error.conflicts))
    conflicts = [conflict_view(conflict) for conflict in error.conflicts]
    return _tell(kind.status, [_error("E655", "", kind.title.in_(spoken), detail)], conflicts=conflicts)


def _invalid(error: InvalidRequest) -> Told:
    spoken = language()
    title = HTTP_CODES["E607"].title.in_(spoken)
    return _tell(422, [_error("E607", pointer, title, text.in_(spoken)) for pointer, text in error.faults[:MAX_ERRORS]], len(error.faults[MAX_ERRORS:]))


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
    return _fault(error).response()


def _fault(error: Exception) -> Told:
    incident = uuid.uuid4().hex[:12]
    log.error("incident %s", incident, exc_info=error)
    return _one("E699", "", {"incident": incident})


def known_codes() -> dict[str, tuple[int | None, Text]]:
    """Every code a problem may carry: its HTTP status (None for findings of documents) and title."""
    engine_codes = {code.id: (422 if code.id[1] in "45" else None, Text(code.title_zh, code.title_en)) for code in CODES.values()}
    return {**engine_codes, **{code: (kind.status, kind.title) for code, kind in HTTP_CODES.items()}}
