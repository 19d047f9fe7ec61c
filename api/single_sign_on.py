"""How does a person sign in by the bank's own provider? Away to it with a secret state, and back with a code.

The state travels in a signed cookie of its own for ten minutes (``SameSite=Lax``: it must come back from the provider's
site). The last answer is a page that goes on to ours: a redirect would still count as coming from the other site, and the
browser would keep the new cookie to itself.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
from collections.abc import Callable
from dataclasses import asdict
from functools import lru_cache
from typing import Any, Final, TypeVar

from flask import Response
from itsdangerous import BadData, URLSafeTimedSerializer
from marshmallow import EXCLUDE, Schema, fields

from api.blueprint import ApiBlueprint
from api.callers import Caller, is_https, requires
from api.oidc import Attempt, Identity, Provider, Unreachable, Untrusted
from api.problems import PROBLEM_TYPE, Problem
from api.requests import read_query
from api.schemas import ProblemSchema
from api.service import Service, current_request
from api.signins import give_cookie
from rulesets import people, signins
from rulesets.people import OIDC
from rulesets.views import cut

T = TypeVar("T")
log = logging.getLogger("zhunsheng.single_sign_on")

blueprint = ApiBlueprint("single_sign_on", "single_sign_on", url_prefix="/v1", description="单点登录 / Single sign-on")
COOKIE: Final = "zhunsheng_sso"
PATH: Final = "/v1/single-sign-on"
MINUTES: Final = 10
_ONWARD: Final = """<!doctype html>
<html lang="zh-CN">
<meta charset="utf-8">
<meta http-equiv="refresh" content="0;url=/">
<title>准绳 Zhunsheng</title>
<p><a href="/">继续 / Continue</a></p>
</html>
"""


class CallbackQuery(Schema):
    """What a provider sends back; providers add things of their own."""

    class Meta:
        unknown = EXCLUDE

    state = fields.String(load_default="")
    code = fields.String(load_default="")
    error = fields.String(load_default="")


def _refusal(description: str) -> dict[str, Any]:
    return {"description": description, "content": {PROBLEM_TYPE: {"schema": ProblemSchema}}}


_REFUSALS: Final = {
    "403": _refusal("未完成，或没有账户 / Refused, or no account"),
    "404": _refusal("未启用单点登录 / No single sign-on here"),
    "422": _refusal("参数不合要求 / The parameters are refused"),
    "429": _refusal("过于频繁 / Too many requests"),
    "503": _refusal("登录服务或存储无法访问 / The provider or the store cannot be reached"),
}


@blueprint.route("/single-sign-on")
@blueprint.doc(
    summary="开始单点登录 / Begin to sign in elsewhere", security=[], responses={"302": {"description": "到登录服务 / To the provider"}, **_REFUSALS}
)
@requires("anybody")
def begin(held: Service, caller: Caller) -> Response:
    oidc = _configured(held)
    attempt = Attempt.begin(f"{'https' if is_https(held) else 'http'}://{current_request().host}{PATH}/callback")
    address = _reached(lambda: _provider(oidc).address(attempt))
    response = Response(status=302, headers=[("Location", address), ("Cache-Control", "no-store")])
    response.set_cookie(COOKIE, _serializer(oidc).dumps(asdict(attempt)), max_age=MINUTES * 60, path=PATH, secure=is_https(held), httponly=True, samesite="Lax")
    return response


@blueprint.route("/single-sign-on/callback")
@blueprint.doc(
    summary="单点登录归来 / Come back from the provider",
    security=[],
    parameters=[{"in": "query", "schema": CallbackQuery}],
    responses={"200": {"description": "已登录 / Signed in", "content": {"text/html": {}}}, **_REFUSALS},
)
@requires("anybody")
def callback(held: Service, caller: Caller) -> Response:
    oidc = _configured(held)
    if wait := held.limits.wait("sign-in", caller.actor.origin):
        raise Problem("E614", wait=wait, retry_after=wait)
    attempt, code = _returned(oidc, read_query(CallbackQuery()))
    who = _reached(lambda: _provider(oidc).identify(attempt, code))
    response = Response(_ONWARD, content_type="text/html; charset=utf-8", headers=[("Cache-Control", "no-store")])
    give_cookie(held, response, _signed_in(held, who, caller.actor.origin))
    response.delete_cookie(COOKIE, path=PATH, secure=is_https(held), httponly=True, samesite="Lax")
    return response


def _configured(held: Service) -> OIDC:
    if held.settings.oidc is None:
        raise Problem("E644")
    return held.settings.oidc


def _returned(oidc: OIDC, query: dict[str, str]) -> tuple[Attempt, str]:
    """The attempt that this browser made, and the code it brings; raises E646."""
    try:
        attempt = Attempt(**_serializer(oidc).loads(current_request().cookies.get(COOKIE, ""), max_age=MINUTES * 60))
    except BadData:
        raise Problem("E646", detail_zh="登录已超时，或不是从这个浏览器开始的", detail_en="it took too long or was not begun in this browser") from None
    if not hmac.compare_digest(query["state"].encode(), attempt.state.encode()):
        raise Problem("E646", detail_zh="返回的状态不符", detail_en="another state came back")
    if query["error"] or not query["code"]:
        raise Problem("E646", detail_zh="登录服务未予登录", detail_en="the provider did not sign you in")
    return attempt, query["code"]


def _signed_in(held: Service, who: Identity, origin: str) -> str:
    """The cookie of a new sign-in; raises E647 for people without an active account, which is entered in the audit log."""
    with held.database.writing() as session:
        user = people.recognise(session, subject=who.subject, preferred=who.preferred, origin=origin)
        if user is not None:
            return signins.begin(session, user, origin=origin, how="single sign-on")[1]
        signins.enter_stranger(session, who.subject, origin=origin)
    raise Problem("E647", found=cut(who.preferred or who.subject))


def _reached(ask: Callable[[], T]) -> T:
    try:
        return ask()
    except Unreachable as error:
        log.warning("single sign-on: %s", error)
        raise Problem("E645", retry_after=30) from None
    except Untrusted as error:
        log.warning("single sign-on: %s", error)
        raise Problem("E646", detail_zh=error.text.zh, detail_en=error.text.en) from None


def _serializer(oidc: OIDC) -> URLSafeTimedSerializer:
    """Signs with what all workers and hosts share and nobody else knows."""
    return URLSafeTimedSerializer(
        oidc.client_secret, salt="zhunsheng single sign-on", signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256}
    )


@lru_cache(maxsize=1)
def _provider(oidc: OIDC) -> Provider:
    return Provider(oidc)
