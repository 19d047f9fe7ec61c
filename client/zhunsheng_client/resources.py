"""What can be asked of the service?

Written by scripts/client from the OpenAPI document: change that, and run it again.
"""

# ruff: noqa: A002

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal, cast

from zhunsheng_client import types
from zhunsheng_client.transport import NOT_GIVEN, NotGiven, Transport, given, place


class Decisions:
    """决策 / Decisions."""

    def __init__(self, transport: Transport) -> None:
        self._transport: Final = transport

    def decide(
        self,
        facts: Mapping[str, Any],
        *,
        outcomes: Sequence[str] | None = None,
        trace: bool | None = None,
        reference: str | None = None,
        as_of: str | None = None,
        known_as_of: str | None = None,
        versions: Mapping[str, int] | None = None,
    ) -> types.DecisionAnswer:
        """按规则决策 / Decide by the rules."""
        return cast(
            "types.DecisionAnswer",
            self._transport.call(
                "POST",
                "/v1/decisions",
                body=given(
                    {
                        "facts": facts,
                        "outcomes": outcomes,
                        "trace": trace,
                        "reference": reference,
                        "as_of": as_of,
                        "known_as_of": known_as_of,
                        "versions": versions,
                    }
                ),
                repeatable=reference is not None,
            ),
        )

    def search(
        self,
        *,
        reference: str | None = None,
        system: str | None = None,
        outcome: str | None = None,
        ruleset: str | None = None,
        version: int | None = None,
        since: str | None = None,
        until: str | None = None,
        after: str | None = None,
        limit: int | None = None,
    ) -> types.DecisionList:
        """查询决策记录 / Search decisions."""
        return cast(
            "types.DecisionList",
            self._transport.call(
                "GET",
                "/v1/decisions",
                query=given(
                    {
                        "reference": reference,
                        "system": system,
                        "outcome": outcome,
                        "ruleset": ruleset,
                        "version": version,
                        "since": since,
                        "until": until,
                        "after": after,
                        "limit": limit,
                    }
                ),
                repeatable=True,
            ),
        )

    def decide_by_ruleset(
        self,
        name: str,
        facts: Mapping[str, Any],
        *,
        outcomes: Sequence[str] | None = None,
        trace: bool | None = None,
        reference: str | None = None,
        as_of: str | None = None,
        known_as_of: str | None = None,
        versions: Mapping[str, int] | None = None,
    ) -> types.DecisionAnswer:
        """只问一个规则集 / Decide by one ruleset."""
        return cast(
            "types.DecisionAnswer",
            self._transport.call(
                "POST",
                place("/v1/rulesets/{name}/decisions", name=name),
                body=given(
                    {
                        "facts": facts,
                        "outcomes": outcomes,
                        "trace": trace,
                        "reference": reference,
                        "as_of": as_of,
                        "known_as_of": known_as_of,
                        "versions": versions,
                    }
                ),
                repeatable=reference is not None,
            ),
        )

    def batch(
        self,
        items: Sequence[types.BatchItem],
        *,
        outcomes: Sequence[str] | None = None,
        as_of: str | None = None,
        trace: bool | None = None,
        ruleset: str | None = None,
        known_as_of: str | None = None,
        versions: Mapping[str, int] | None = None,
    ) -> types.BatchAnswer:
        """一次决策多位客户 / Decide about many at once."""
        return cast(
            "types.BatchAnswer",
            self._transport.call(
                "POST",
                "/v1/decisions/batch",
                body=given(
                    {"outcomes": outcomes, "as_of": as_of, "trace": trace, "items": items, "ruleset": ruleset, "known_as_of": known_as_of, "versions": versions}
                ),
                repeatable=all("reference" in item for item in items),
            ),
        )

    def get(self, id: str) -> types.KeptDecision:
        """一个决策及其依据 / One decision, with its steps."""
        return cast("types.KeptDecision", self._transport.call("GET", place("/v1/decisions/{id}", id=id), repeatable=True))

    def replay(self, id: str) -> types.ReplayAnswer:
        """重算并比对 / Decide again and compare."""
        return cast("types.ReplayAnswer", self._transport.call("POST", place("/v1/decisions/{id}/replay", id=id)))


class Drafts:
    """决策 / Decisions; 草稿与审批 / Drafts and approval."""

    def __init__(self, transport: Transport) -> None:
        self._transport: Final = transport

    def try_out(
        self,
        facts: Mapping[str, Any],
        *,
        outcomes: Sequence[str] | None = None,
        as_of: str | None = None,
        trace: bool | None = None,
        drafts: Sequence[str] | None = None,
    ) -> types.TryAnswer:
        """用草稿试算，不留记录 / Try drafts on a customer; nothing is kept."""
        return cast(
            "types.TryAnswer",
            self._transport.call("POST", "/v1/try", body=given({"outcomes": outcomes, "as_of": as_of, "trace": trace, "facts": facts, "drafts": drafts})),
        )

    def list(self, *, ruleset: str | None = None, state: Literal["draft", "submitted", "rejected", "approved", "discarded"] | None = None) -> types.DraftList:
        """草稿一览 / All drafts."""
        return cast("types.DraftList", self._transport.call("GET", "/v1/drafts", query=given({"ruleset": ruleset, "state": state}), repeatable=True))

    def open(self, ruleset: str, *, title: str, version: int | None = None) -> types.DraftDetail:
        """新建草稿 / Open a draft."""
        return cast("types.DraftDetail", self._transport.call("POST", "/v1/drafts", body=given({"ruleset": ruleset, "title": title, "version": version})))

    def get(self, id: str) -> types.DraftDetail:
        """一份草稿 / One draft."""
        return cast("types.DraftDetail", self._transport.call("GET", place("/v1/drafts/{id}", id=id), repeatable=True))

    def save(self, id: str, document: Mapping[str, Any], *, cases: Mapping[str, Any], revision: int, title: str | None = None) -> types.DraftDetail:
        """保存草稿 / Save a draft."""
        return cast(
            "types.DraftDetail",
            self._transport.call("PUT", place("/v1/drafts/{id}", id=id), body=given({"title": title, "document": document, "cases": cases}), revision=revision),
        )

    def discard(self, id: str, *, revision: int) -> types.DraftDetail:
        """放弃草稿 / Discard a draft."""
        return cast("types.DraftDetail", self._transport.call("DELETE", place("/v1/drafts/{id}", id=id), revision=revision))

    def check(self, id: str) -> types.CheckAnswer:
        """检查草稿 / Check a draft."""
        return cast("types.CheckAnswer", self._transport.call("POST", place("/v1/drafts/{id}/check", id=id)))

    def rebase(self, id: str, *, revision: int, resolutions: Sequence[types.Resolution] | None = None) -> types.DraftDetail:
        """变基到现行版本 / Rebase onto the version in force."""
        return cast(
            "types.DraftDetail",
            self._transport.call("POST", place("/v1/drafts/{id}/rebase", id=id), body=given({"resolutions": resolutions}), revision=revision),
        )

    def carry_forward(self, id: str, version: int) -> types.DraftDetail:
        """把改动带到稍后生效的版本 / Make the change to a later version too."""
        return cast("types.DraftDetail", self._transport.call("POST", place("/v1/drafts/{id}/carry-forward", id=id), body=given({"version": version})))

    def submit(self, id: str, reason: str, *, revision: int, effective_from: str | None = None) -> types.DraftDetail:
        """送审 / Submit for approval."""
        return cast(
            "types.DraftDetail",
            self._transport.call(
                "POST", place("/v1/drafts/{id}/submit", id=id), body=given({"reason": reason, "effective_from": effective_from}), revision=revision
            ),
        )

    def take_back(self, id: str, *, revision: int) -> types.DraftDetail:
        """撤回送审 / Take back."""
        return cast("types.DraftDetail", self._transport.call("POST", place("/v1/drafts/{id}/take-back", id=id), revision=revision))

    def reject(self, id: str, comment: str, *, revision: int) -> types.DraftDetail:
        """退回 / Reject."""
        return cast(
            "types.DraftDetail", self._transport.call("POST", place("/v1/drafts/{id}/reject", id=id), body=given({"comment": comment}), revision=revision)
        )

    def approve(self, id: str, *, revision: int, comment: str | None = None) -> types.DraftDetail:
        """批准并发布 / Approve and publish."""
        return cast(
            "types.DraftDetail", self._transport.call("POST", place("/v1/drafts/{id}/approve", id=id), body=given({"comment": comment}), revision=revision)
        )


class Vocabulary:
    """词汇表与规则集 / Vocabulary and rulesets."""

    def __init__(self, transport: Transport) -> None:
        self._transport: Final = transport

    def get(self, *, as_of: str | None = None, known_as_of: str | None = None) -> types.VocabularyAnswer:
        """词汇表 / The vocabulary."""
        return cast(
            "types.VocabularyAnswer", self._transport.call("GET", "/v1/vocabulary", query=given({"as_of": as_of, "known_as_of": known_as_of}), repeatable=True)
        )


class Rulesets:
    """词汇表与规则集 / Vocabulary and rulesets; 版本与时间线 / Versions and the timeline."""

    def __init__(self, transport: Transport) -> None:
        self._transport: Final = transport

    def list(self, *, as_of: str | None = None, known_as_of: str | None = None) -> types.RulesetList:
        """规则集一览 / All rulesets."""
        return cast(
            "types.RulesetList", self._transport.call("GET", "/v1/rulesets", query=given({"as_of": as_of, "known_as_of": known_as_of}), repeatable=True)
        )

    def open(self, name: str, *, department: str) -> types.Head:
        """新建规则集 / Open a ruleset."""
        return cast("types.Head", self._transport.call("POST", "/v1/rulesets", body=given({"name": name, "department": department})))

    def get(self, name: str, *, as_of: str | None = None, known_as_of: str | None = None) -> types.RulesetDetail:
        """一个规则集 / One ruleset."""
        return cast(
            "types.RulesetDetail",
            self._transport.call("GET", place("/v1/rulesets/{name}", name=name), query=given({"as_of": as_of, "known_as_of": known_as_of}), repeatable=True),
        )

    def versions(self, name: str) -> types.VersionList:
        """版本与时间线 / Versions of a ruleset."""
        return cast("types.VersionList", self._transport.call("GET", place("/v1/rulesets/{name}/versions", name=name), repeatable=True))

    def version(self, name: str, number: int) -> types.VersionDetail:
        """一个版本的全文 / One version, whole."""
        return cast(
            "types.VersionDetail", self._transport.call("GET", place("/v1/rulesets/{name}/versions/{number}", name=name, number=number), repeatable=True)
        )

    def withdraw(self, name: str, number: int, reason: str) -> types.Version:
        """撤回尚未生效的版本 / Withdraw a version before it takes effect."""
        return cast(
            "types.Version",
            self._transport.call("POST", place("/v1/rulesets/{name}/versions/{number}/withdraw", name=name, number=number), body=given({"reason": reason})),
        )

    def roll_back(self, name: str, reason: str, *, version: int, effective_from: str | None = None) -> types.DraftDetail:
        """以旧版内容提请回滚 / Ask to bring an older version back."""
        return cast(
            "types.DraftDetail",
            self._transport.call(
                "POST", place("/v1/rulesets/{name}/rollback", name=name), body=given({"reason": reason, "version": version, "effective_from": effective_from})
            ),
        )


class Me:
    """登录 / Signing in."""

    def __init__(self, transport: Transport) -> None:
        self._transport: Final = transport

    def get(self) -> types.MeAnswer:
        """我是谁 / Who am I."""
        return cast("types.MeAnswer", self._transport.call("GET", "/v1/me", repeatable=True))

    def change_password(self, current: str, *, new: str) -> types.MeAnswer:
        """修改自己的密码 / Change one's password."""
        return cast("types.MeAnswer", self._transport.call("POST", "/v1/me/password", body=given({"current": current, "new": new})))


class Departments:
    """用户、部门与密钥 / Users, departments and keys."""

    def __init__(self, transport: Transport) -> None:
        self._transport: Final = transport

    def list(self) -> types.DepartmentList:
        """部门一览 / All departments."""
        return cast("types.DepartmentList", self._transport.call("GET", "/v1/departments", repeatable=True))

    def create(self, id: str, *, zh: str, en: str) -> types.DepartmentBody:
        """新建部门 / A new department."""
        return cast("types.DepartmentBody", self._transport.call("POST", "/v1/departments", body=given({"id": id, "zh": zh, "en": en})))


class Users:
    """用户、部门与密钥 / Users, departments and keys."""

    def __init__(self, transport: Transport) -> None:
        self._transport: Final = transport

    def list(self) -> types.UserList:
        """用户一览 / All users."""
        return cast("types.UserList", self._transport.call("GET", "/v1/users", repeatable=True))

    def create(self, name: str, *, display: str, department: str | None = None, single_sign_on: bool | None = None) -> types.NewUserAnswer:
        """新建用户 / A new user."""
        return cast(
            "types.NewUserAnswer",
            self._transport.call(
                "POST", "/v1/users", body=given({"name": name, "display": display, "department": department, "single_sign_on": single_sign_on})
            ),
        )

    def get(self, name: str) -> types.User:
        """一个用户 / One user."""
        return cast("types.User", self._transport.call("GET", place("/v1/users/{name}", name=name), repeatable=True))

    def change(
        self,
        name: str,
        *,
        revision: int,
        display: str | None = None,
        department: str | NotGiven | None = NOT_GIVEN,
        active: bool | None = None,
        reason: str | None = None,
    ) -> types.User:
        """修改或停用用户 / Change or deactivate a user."""
        return cast(
            "types.User",
            self._transport.call(
                "PATCH",
                place("/v1/users/{name}", name=name),
                body=given({"display": display, "active": active, "reason": reason}, {"department": department}),
                revision=revision,
            ),
        )

    def grant(self, name: str, grants: Sequence[types.GrantBody], *, revision: int, reason: str | None = None) -> types.User:
        """设定授权 / Set what a user may do."""
        return cast(
            "types.User",
            self._transport.call("PUT", place("/v1/users/{name}/grants", name=name), body=given({"grants": grants, "reason": reason}), revision=revision),
        )

    def set_one_time_password(self, name: str) -> types.OneTimePassword:
        """设一次性密码 / Set a one-time password."""
        return cast("types.OneTimePassword", self._transport.call("POST", place("/v1/users/{name}/password", name=name)))


class Keys:
    """用户、部门与密钥 / Users, departments and keys."""

    def __init__(self, transport: Transport) -> None:
        self._transport: Final = transport

    def list(self) -> types.KeyList:
        """密钥一览 / All keys."""
        return cast("types.KeyList", self._transport.call("GET", "/v1/keys", repeatable=True))

    def create(
        self, system: str, *, scopes: Sequence[Literal["decide", "read"]], outcomes: Sequence[str] | None = None, expires_at: str | None = None
    ) -> types.NewKeyAnswer:
        """新建密钥 / A new key."""
        return cast(
            "types.NewKeyAnswer",
            self._transport.call("POST", "/v1/keys", body=given({"system": system, "scopes": scopes, "outcomes": outcomes, "expires_at": expires_at})),
        )

    def rotate(self, id: str, *, overlap_hours: int | None = None, expires_at: str | None = None) -> types.NewKeyAnswer:
        """更换密钥 / Replace a key."""
        return cast(
            "types.NewKeyAnswer",
            self._transport.call("POST", place("/v1/keys/{id}/rotate", id=id), body=given({"overlap_hours": overlap_hours, "expires_at": expires_at})),
        )

    def revoke(self, id: str) -> None:
        """停用密钥 / Revoke a key."""
        self._transport.call("DELETE", place("/v1/keys/{id}", id=id))


class Audit:
    """审计 / Audit."""

    def __init__(self, transport: Transport) -> None:
        self._transport: Final = transport

    def list(
        self,
        *,
        actor: str | None = None,
        action: str | None = None,
        object: str | None = None,
        since: str | None = None,
        until: str | None = None,
        before: int | None = None,
        limit: int | None = None,
    ) -> types.AuditList:
        """审计日志 / The audit log."""
        return cast(
            "types.AuditList",
            self._transport.call(
                "GET",
                "/v1/audit",
                query=given({"actor": actor, "action": action, "object": object, "since": since, "until": until, "before": before, "limit": limit}),
                repeatable=True,
            ),
        )

    def verify(self) -> types.Verification:
        """核对全部日志 / Verify the whole log."""
        return cast("types.Verification", self._transport.call("POST", "/v1/audit/verify"))

    def export(self, file: Path) -> None:
        """导出可离线核对的日志 / Export the log for checking offline."""
        self._transport.save("POST", "/v1/audit/export", file)


class Webhooks:
    """通知其他系统 / Telling other systems."""

    def __init__(self, transport: Transport) -> None:
        self._transport: Final = transport

    def list(self) -> types.WebhookList:
        """通知地址一览 / All webhooks."""
        return cast("types.WebhookList", self._transport.call("GET", "/v1/webhooks", repeatable=True))

    def create(self, url: str, *, rulesets: Sequence[str] | None = None) -> types.NewWebhookAnswer:
        """新建通知地址 / A new webhook."""
        return cast("types.NewWebhookAnswer", self._transport.call("POST", "/v1/webhooks", body=given({"url": url, "rulesets": rulesets})))

    def remove(self, id: str) -> None:
        """删除通知地址 / Remove a webhook."""
        self._transport.call("DELETE", place("/v1/webhooks/{id}", id=id))

    def test(self, id: str) -> types.Tried:
        """立即发送一条测试消息 / Send a test message at once."""
        return cast("types.Tried", self._transport.call("POST", place("/v1/webhooks/{id}/test", id=id)))

    def deliveries(self, id: str) -> types.DeliveryList:
        """发给一个地址的消息 / The messages to a webhook."""
        return cast("types.DeliveryList", self._transport.call("GET", place("/v1/webhooks/{id}/deliveries", id=id), repeatable=True))


class Health:
    """健康检查 / Health."""

    def __init__(self, transport: Transport) -> None:
        self._transport: Final = transport

    def alive(self) -> types.Health:
        """进程存活 / Alive."""
        return cast("types.Health", self._transport.call("GET", "/healthz", repeatable=True))

    def ready(self) -> types.Readiness:
        """可以决策 / Ready to decide."""
        return cast("types.Readiness", self._transport.call("GET", "/readyz", repeatable=True))


class Resources:
    """Everything that can be asked, by what it is asked about."""

    def __init__(self, transport: Transport) -> None:
        self.decisions: Final = Decisions(transport)
        self.drafts: Final = Drafts(transport)
        self.vocabulary: Final = Vocabulary(transport)
        self.rulesets: Final = Rulesets(transport)
        self.me: Final = Me(transport)
        self.departments: Final = Departments(transport)
        self.users: Final = Users(transport)
        self.keys: Final = Keys(transport)
        self.audit: Final = Audit(transport)
        self.webhooks: Final = Webhooks(transport)
        self.health: Final = Health(transport)
