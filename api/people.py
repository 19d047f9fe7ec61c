"""Who may work with the rules, and which systems may ask? Users, departments, grants and keys, for administrators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from flask import Response

from api.blueprint import ApiBlueprint, json_response, nothing_response, tagged_response
from api.callers import Caller
from api.instants import asked, shown
from api.people_schemas import (
    DepartmentBody,
    DepartmentList,
    GrantsBody,
    KeyList,
    NewKey,
    NewKeyAnswer,
    NewUser,
    NewUserAnswer,
    OneTimePassword,
    Rotation,
    UserChange,
    UserList,
    UserSchema,
)
from api.problems import InvalidRequest
from api.service import Service
from engine import Text
from rulesets import clock, keys, people
from rulesets.models import ApiKey, Department, User
from rulesets.people import Granted
from rulesets.views import cut

blueprint = ApiBlueprint("people", "people", url_prefix="/v1", description="用户、部门与密钥 / Users, departments and keys")


# --- departments -----------------------------------------------------------------------------------------------------------


@blueprint.route("/departments")
@blueprint.reads(DepartmentList, allow="signed-in", summary="部门一览 / All departments")
def departments(held: Service, caller: Caller) -> Response:
    with held.database.reading() as session:
        return tagged_response({"departments": [_department(found) for found in people.departments(session)]})


@blueprint.route("/departments", methods=["POST"])
@blueprint.takes(DepartmentBody, DepartmentBody, allow="administrator", summary="新建部门 / A new department", refuses=[409], status=201)
def create_department(held: Service, caller: Caller, body: dict[str, Any]) -> Response:
    caller.must_be_global("administrator")
    with held.database.writing() as session:
        made = people.create_department(session, caller.actor, **body)
    return json_response(_department(made), 201)


# --- users -----------------------------------------------------------------------------------------------------------------


@blueprint.route("/users")
@blueprint.reads(UserList, allow="administrator", summary="用户一览 / All users")
def users(held: Service, caller: Caller) -> Response:
    caller.must_be_global("administrator")
    with held.database.reading() as session:
        granted = people.grants_of_all(session)
        return tagged_response({"users": [user_view(held, found, granted.get(found.name, ())) for found in people.users(session)]})


@blueprint.route("/users", methods=["POST"])
@blueprint.takes(NewUser, NewUserAnswer, allow="administrator", summary="新建用户 / A new user", refuses=[409], status=201)
def create_user(held: Service, caller: Caller, body: dict[str, Any]) -> Response:
    caller.must_be_global("administrator")
    with held.database.writing() as session:
        made, password = people.create(session, caller.actor, **body)
    return json_response({"user": user_view(held, made, ()), "password": password}, 201)


@blueprint.route("/users/<name>")
@blueprint.reads(UserSchema, allow="administrator", summary="一个用户 / One user", refuses=[404])
def user(held: Service, caller: Caller, name: str) -> Response:
    caller.must_be_global("administrator")
    with held.database.reading() as session:
        found = people.user(session, name)
        return _user_response(held, found, people.grants(session, name))


@blueprint.route("/users/<name>", methods=["PATCH"])
@blueprint.takes(UserChange, UserSchema, allow="administrator", summary="修改或停用用户 / Change or deactivate a user", refuses=[404, 409], matches=True)
def change_user(held: Service, caller: Caller, body: dict[str, Any], name: str, revision: int) -> Response:
    caller.must_be_global("administrator")
    reason = body.pop("reason")
    with held.database.writing() as session:
        changed = people.change(session, caller.actor, name, revision=revision, values=body, reason=reason)
        granted = people.grants(session, name)
    return _user_response(held, changed, granted)


@blueprint.route("/users/<name>/grants", methods=["PUT"])
@blueprint.takes(GrantsBody, UserSchema, allow="administrator", summary="设定授权 / Set what a user may do", refuses=[404, 409], matches=True)
def grant(held: Service, caller: Caller, body: dict[str, Any], name: str, revision: int) -> Response:
    caller.must_be_global("administrator")
    wanted = [Granted(**one) for one in body["grants"]]
    if faults := [(f"/grants/{number}", _ONE_SCOPE) for number, one in enumerate(wanted) if one.department and one.ruleset]:
        raise InvalidRequest(faults)
    with held.database.writing() as session:
        changed = people.grant(session, caller.actor, name, revision=revision, granted=wanted, reason=body["reason"])
        granted = people.grants(session, name)
    return _user_response(held, changed, granted)


@blueprint.route("/users/<name>/password", methods=["POST"])
@blueprint.does(OneTimePassword, allow="administrator", summary="设一次性密码 / Set a one-time password", refuses=[404])
def set_password(held: Service, caller: Caller, name: str) -> Response:
    caller.must_be_global("administrator")
    with held.database.writing() as session:
        password = people.set_one_time_password(session, caller.actor, name)
    return json_response({"password": password})


def user_view(held: Service, found: User, granted: Sequence[Granted]) -> dict[str, Any]:
    return {
        "name": found.name,
        "display": found.display,
        "department": found.department,
        "active": found.active,
        "single_sign_on": found.subject is not None or found.password is None,
        "must_change_password": found.must_change,
        "locked_until": shown(held, found.locked_until if (found.locked_until or 0) > clock.now() else None),
        "created_at": shown(held, found.created_at),
        "seen_at": shown(held, found.seen_at),
        "revision": found.revision,
        "grants": [{"role": one.role, "department": one.department, "ruleset": one.ruleset} for one in granted],
    }


# --- keys ------------------------------------------------------------------------------------------------------------------


@blueprint.route("/keys")
@blueprint.reads(KeyList, allow="administrator", summary="密钥一览 / All keys")
def all_keys(held: Service, caller: Caller) -> Response:
    caller.must_be_global("administrator")
    with held.database.reading() as session:
        return tagged_response({"keys": [_key(held, found) for found in keys.listed(session)]})


@blueprint.route("/keys", methods=["POST"])
@blueprint.takes(NewKey, NewKeyAnswer, allow="administrator", summary="新建密钥 / A new key", status=201)
def create_key(held: Service, caller: Caller, body: dict[str, Any]) -> Response:
    caller.must_be_global("administrator")
    _must_be_outcomes(held, body["outcomes"] or [])
    body["expires_at"] = _future(held, body)
    with held.database.writing() as session:
        made, key = keys.create(session, caller.actor, **body)
    return json_response({"key": _key(held, made), "secret": key}, 201)


@blueprint.route("/keys/<id>/rotate", methods=["POST"])
@blueprint.takes(Rotation, NewKeyAnswer, allow="administrator", summary="更换密钥 / Replace a key", refuses=[404, 409], status=201)
def rotate_key(held: Service, caller: Caller, body: dict[str, Any], id: str) -> Response:  # noqa: A002
    caller.must_be_global("administrator")
    overlap, expires_at = body["overlap_hours"] * 3600 * clock.SECOND, _future(held, body)
    with held.database.writing() as session:
        made, key = keys.rotate(session, caller.actor, id, overlap=overlap, expires_at=expires_at)
    held.key_ring.forget()
    return json_response({"key": _key(held, made), "secret": key}, 201)


@blueprint.route("/keys/<id>", methods=["DELETE"])
@blueprint.does(None, allow="administrator", summary="停用密钥 / Revoke a key", refuses=[404])
def revoke_key(held: Service, caller: Caller, id: str) -> Response:  # noqa: A002
    caller.must_be_global("administrator")
    with held.database.writing() as session:
        keys.revoke(session, caller.actor, id)
    held.key_ring.forget()
    return nothing_response()


def _key(held: Service, found: ApiKey) -> dict[str, Any]:
    return {
        "id": found.id,
        "system": found.system,
        "scopes": keys.scopes_of(found),
        "outcomes": keys.outcomes_of(found),
        "state": keys.state_of(found),
        "created_by": found.created_by,
        "created_at": shown(held, found.created_at),
        "expires_at": shown(held, found.expires_at),
        "revoked_at": shown(held, found.revoked_at),
        "used_at": shown(held, found.used_at),
    }


# --- reading and writing ---------------------------------------------------------------------------------------------------

_PAST: Final = Text("应在将来。", "It must be in the future.")
_ONE_SCOPE: Final = Text("部门与规则集只能给一个。", "Give a department or a ruleset, not both.")


def _must_be_outcomes(held: Service, outcomes: Sequence[str]) -> None:
    known = held.releases.current().engine.program.exported
    if unknown := [(number, name) for number, name in enumerate(outcomes) if name not in known]:
        raise InvalidRequest(
            [(f"/outcomes/{number}", Text(f"没有名为「{cut(name)}」的结论。", f"There is no outcome “{cut(name)}”.")) for number, name in unknown]
        )


def _future(held: Service, body: Mapping[str, Any]) -> clock.Instant | None:
    instant = asked(held, body, "expires_at")
    if instant is not None and not clock.now() < instant <= clock.FAR_FUTURE:
        raise InvalidRequest([("/expires_at", _PAST)])
    return instant


def _department(found: Department) -> dict[str, str]:
    return {"id": found.id, "zh": found.zh, "en": found.en}


def _user_response(held: Service, found: User, granted: Sequence[Granted]) -> Response:
    """The user as of now; the entity tag is the revision, which sign-ins do not count in."""
    response = json_response(user_view(held, found, granted))
    response.set_etag(str(found.revision))
    return response
