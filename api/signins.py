"""How does a person sign in, sign out, and learn who they are to the service? A cookie that scripts cannot read.

A sign-in must come as ``application/json``, which a page of another site cannot send; every later change needs the token
that only our own pages can read. The cookie goes nowhere but here (``SameSite=Strict``).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask import Response

from api.blueprint import ApiBlueprint, json_response, nothing_response
from api.callers import COOKIE, Caller, is_https
from api.people import user_view
from api.people_schemas import MeAnswer, PasswordBody, SignInBody
from api.problems import Problem
from api.service import Service, current_request
from rulesets import signins
from rulesets.signins import SignedIn

blueprint = ApiBlueprint("signins", "signins", url_prefix="/v1", description="登录 / Signing in")


@blueprint.route("/sign-in", methods=["POST"])
@blueprint.takes(SignInBody, MeAnswer, allow="anybody", summary="登录 / Sign in")
def sign_in(held: Service, caller: Caller, body: dict[str, Any]) -> Response:
    if wait := held.limits.wait("sign-in", caller.actor.origin):
        raise Problem("E614", wait=wait, retry_after=wait)
    signed_in, cookie = signins.sign_in(held.database, name=body["name"].strip().casefold(), password=body["password"], origin=caller.actor.origin)
    response = _me(held, signed_in, cookie)
    give_cookie(held, response, cookie)
    return response


@blueprint.route("/sign-in", methods=["DELETE"])
@blueprint.does(None, allow="oneself", summary="退出 / Sign out")
def sign_out(held: Service, caller: Caller) -> Response:
    assert caller.signed_in
    signins.end(held.database, caller.signed_in, caller.actor.origin)
    response = nothing_response()
    response.delete_cookie(COOKIE, secure=is_https(held), httponly=True, samesite="Strict")
    return response


@blueprint.route("/me")
@blueprint.reads(MeAnswer, allow="oneself", summary="我是谁 / Who am I")
def me(held: Service, caller: Caller) -> Response:
    assert caller.signed_in
    return _me(held, caller.signed_in, current_request().cookies[COOKIE])


@blueprint.route("/me/password", methods=["POST"])
@blueprint.takes(PasswordBody, MeAnswer, allow="oneself", summary="修改自己的密码 / Change one's password", refuses=[409])
def change_password(held: Service, caller: Caller, body: dict[str, Any]) -> Response:
    """The other browsers of this person are signed out."""
    signed_in = caller.signed_in
    assert signed_in
    name, keep = signed_in.user.name, signed_in.cookie_sha256
    user = signins.change_password(held.database, name=name, current=body["current"], new=body["new"], keep=keep, origin=caller.actor.origin)
    return _me(held, replace(signed_in, user=user), current_request().cookies[COOKIE])


def give_cookie(held: Service, response: Response, cookie: str) -> None:
    response.set_cookie(COOKIE, cookie, path="/", secure=is_https(held), httponly=True, samesite="Strict")


def _me(held: Service, signed_in: SignedIn, cookie: str) -> Response:
    return json_response({"user": user_view(held, signed_in.user, signed_in.grants), "csrf_token": signins.csrf_token(cookie)})
