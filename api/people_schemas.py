"""What do requests and answers about people, departments, keys and sign-ins look like?"""

from __future__ import annotations

from typing import Any, Final

from marshmallow import Schema, ValidationError, fields, validate

from api.schemas import Strict, TrueOrFalse
from api.version_schemas import NAME as RULESET
from api.version_schemas import said
from rulesets.clock import SECOND
from rulesets.keys import MAX_OVERLAP, SCOPES, SYSTEM
from rulesets.people import DEPARTMENT, NAME, ROLES

MAX_PASSWORD: Final = 1000
MAX_GRANTS: Final = 200
MAX_OUTCOMES: Final = 1000
MAX_OVERLAP_HOURS: Final = MAX_OVERLAP // (3600 * SECOND)


class Whole(validate.Regexp):
    """A text that matches from its beginning to its end, a line feed included; the published pattern says so in any dialect."""

    def __init__(self, pattern: str, *, error: str | None = None) -> None:
        super().__init__(f"^(?:{pattern})$", error=error)

    def __call__(self, value: Any) -> Any:
        if value.endswith("\n"):
            raise ValidationError(self._format_error(value))
        return super().__call__(value)


def _text(zh: str, en: str, longest: int, **options: Any) -> fields.String:
    """A text of one line."""
    line = Whole(r"[^\x00-\x1f\x7f]*", error="Must be one line without control characters.")
    return fields.String(validate=[validate.Length(1, longest), line], metadata=said(zh, en), **options)


def _named(pattern: str, zh: str, en: str, **options: Any) -> fields.String:
    return fields.String(validate=Whole(pattern), metadata=said(zh, en), **options)


def _instant(zh: str, en: str, **options: Any) -> fields.String:
    return fields.String(allow_none=True, metadata=said(f"{zh}，ISO 8601", f"{en}, ISO 8601"), **options)


def _reason() -> fields.String:
    return _text("原因，记入审计", "why, for the audit log", 500, load_default="")


# --- departments and users -------------------------------------------------------------------------------------------------


class DepartmentBody(Strict):
    id = _named(DEPARTMENT, "编号", "id", required=True)
    zh = _text("中文名", "name in Chinese", 128, required=True)
    en = _text("英文名", "name in English", 128, required=True)


class DepartmentList(Schema):
    departments = fields.List(fields.Nested(DepartmentBody), required=True)


class GrantBody(Strict):
    """A role for everything, or for one department's rulesets, or for one ruleset."""

    role = fields.String(required=True, validate=validate.OneOf(ROLES), metadata=said("角色", "role"))
    department = _named(
        DEPARTMENT, "只对这个部门主办的规则集", "only for the rulesets that this department is in charge of", allow_none=True, load_default=None
    )
    ruleset = _named(RULESET, "只对这个规则集", "only for this ruleset", allow_none=True, load_default=None)


class GrantsBody(Strict):
    grants = fields.List(
        fields.Nested(GrantBody), required=True, validate=validate.Length(0, MAX_GRANTS), metadata=said("全部授权", "everything that is granted")
    )
    reason = _reason()


class NewUser(Strict):
    name = _named(NAME, "登录名，不可更改，也不再给他人", "what they sign in as; never changed, never somebody else's", required=True)
    display = _text("姓名", "how they are shown", 128, required=True)
    department = _named(DEPARTMENT, "所属部门", "department", allow_none=True, load_default=None)
    single_sign_on = TrueOrFalse(load_default=False, metadata=said("只用单点登录，不设密码", "signs in elsewhere and gets no password"))


class UserChange(Strict):
    display = _text("姓名", "how they are shown", 128)
    department = _named(DEPARTMENT, "所属部门", "department", allow_none=True)
    active = TrueOrFalse(metadata=said("是否可以登录；停用即刻生效", "whether they may sign in; ends at once"))
    reason = _reason()


class UserSchema(Schema):
    name = fields.String(required=True, metadata=said("登录名", "name"))
    display = fields.String(required=True, metadata=said("姓名", "how they are shown"))
    department = fields.String(required=True, allow_none=True, metadata=said("所属部门", "department"))
    active = fields.Boolean(required=True, metadata=said("是否可以登录", "whether they may sign in"))
    single_sign_on = fields.Boolean(required=True, metadata=said("通过单点登录", "signs in elsewhere"))
    must_change_password = fields.Boolean(required=True, metadata=said("须先修改密码", "must change the password first"))
    locked_until = _instant("锁定至", "locked until", required=True)
    created_at = _instant("建立于", "made at", required=True)
    seen_at = _instant("最近使用", "last seen at", required=True)
    revision = fields.Integer(required=True, metadata=said("第几次修订", "revision"))
    grants = fields.List(fields.Nested(GrantBody), required=True, metadata=said("授权", "roles"))


class UserList(Schema):
    users = fields.List(fields.Nested(UserSchema), required=True)


class NewUserAnswer(Schema):
    user = fields.Nested(UserSchema, required=True)
    password = fields.String(required=True, allow_none=True, metadata=said("一次性密码，只显示这一次", "one-time password, shown this once"))


class OneTimePassword(Schema):
    password = fields.String(required=True, metadata=said("一次性密码，只显示这一次", "one-time password, shown this once"))


# --- signing in ------------------------------------------------------------------------------------------------------------


class SignInBody(Strict):
    name = fields.String(required=True, validate=validate.Length(1, 200), metadata=said("登录名", "name"))
    password = fields.String(required=True, validate=validate.Length(1, MAX_PASSWORD), metadata=said("密码", "password"))


class PasswordBody(Strict):
    current = fields.String(required=True, validate=validate.Length(1, MAX_PASSWORD), metadata=said("现在的密码", "the present password"))
    new = fields.String(
        required=True, validate=validate.Length(1, MAX_PASSWORD), metadata=said("新密码，至少 12 个字符", "the new one, at least 12 characters")
    )


class MeAnswer(Schema):
    user = fields.Nested(UserSchema, required=True)
    csrf_token = fields.String(required=True, metadata=said("修改时放在 X-CSRF-Token 头中", "to be sent as X-CSRF-Token with every change"))


# --- keys ------------------------------------------------------------------------------------------------------------------


class NewKey(Strict):
    system = _named(SYSTEM, "调用系统", "calling system", required=True)
    scopes = fields.List(fields.String(validate=validate.OneOf(SCOPES)), required=True, validate=validate.Length(1, 2), metadata=said("权限", "what it may do"))
    outcomes = fields.List(
        fields.String(),
        allow_none=True,
        load_default=None,
        validate=validate.Length(1, MAX_OUTCOMES),
        metadata=said("只可询问这些结论；省略则不限", "the only outcomes it may ask for; by default any"),
    )
    expires_at = _instant("失效时刻；省略则不失效", "when it ends; by default never", load_default=None)


class Rotation(Strict):
    overlap_hours = fields.Integer(
        strict=True,
        load_default=24,
        validate=validate.Range(0, MAX_OVERLAP_HOURS),
        metadata=said("旧密钥还可使用的小时数", "for how many hours the old key stays valid"),
    )
    expires_at = _instant("新密钥的失效时刻；省略则不失效", "when the new key ends; by default never", load_default=None)


class KeySchema(Schema):
    id = fields.String(required=True, metadata=said("编号", "id"))
    system = fields.String(required=True, metadata=said("调用系统", "calling system"))
    scopes = fields.List(fields.String(validate=validate.OneOf(SCOPES)), required=True, metadata=said("权限", "what it may do"))
    outcomes = fields.List(fields.String(), required=True, allow_none=True, metadata=said("只可询问的结论", "the only outcomes it may ask for"))
    state = fields.String(required=True, validate=validate.OneOf(["valid", "expired", "revoked"]), metadata=said("状态", "state"))
    created_by = fields.String(required=True, metadata=said("建立人", "made by"))
    created_at = _instant("建立于", "made at", required=True)
    expires_at = _instant("失效时刻", "when it ends", required=True)
    revoked_at = _instant("停用于", "revoked at", required=True)
    used_at = _instant("最近使用，精确到一分钟", "last used, to the minute", required=True)


class KeyList(Schema):
    keys = fields.List(fields.Nested(KeySchema), required=True)


class NewKeyAnswer(Schema):
    key = fields.Nested(KeySchema, required=True)
    secret = fields.String(required=True, metadata=said("密钥本身，只显示这一次", "the key itself, shown this once"))
