"""What do requests and answers look like?

Written by scripts/client from the OpenAPI document: change that, and run it again.
"""

# ruff: noqa: A001

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict


class Approval(TypedDict):
    # 意见 / comment
    comment: NotRequired[str]


class AuditList(TypedDict):
    entries: list[Entry]
    # 下一页的 before / the `before` of the next page
    next: int | None


class BatchAnswer(TypedDict):
    items: list[BatchResult]


class BatchItem(TypedDict):
    facts: dict[str, Any]
    reference: NotRequired[str]


class BatchRequest(TypedDict):
    # 想要的结论 / outcomes wanted
    outcomes: NotRequired[list[str]]
    # 时刻，ISO 8601；不写时区则按本行时区 / an instant, ISO 8601; in the bank's time zone unless it says otherwise
    as_of: NotRequired[str]
    trace: NotRequired[bool]
    # 客户 / the customers
    items: list[BatchItem]
    ruleset: NotRequired[str]
    # 时刻，ISO 8601；不写时区则按本行时区 / an instant, ISO 8601; in the bank's time zone unless it says otherwise
    known_as_of: NotRequired[str]
    versions: NotRequired[dict[str, int]]


class BatchResult(TypedDict):
    # 这一项的状态码 / the status of this item
    status: int
    decision: NotRequired[DecisionAnswer]
    # 这一项的问题 / the problem of this item
    problem: NotRequired[dict[str, Any]]


class Bilingual(TypedDict):
    # 中文 / Chinese
    zh: str
    # 英文 / English
    en: str


class CarryForward(TypedDict):
    version: int


class Change(TypedDict):
    path: list[Any]
    kind: str
    before: NotRequired[Any]
    after: NotRequired[Any]


class CheckAnswer(TypedDict):
    findings: list[Finding]


class Comment(TypedDict):
    # 意见 / comment
    comment: str


class DecisionAnswer(TypedDict):
    # 本次决策的编号 / Id of this decision
    decision_id: str
    # 结论 → 值，数字精确 / Outcome → value, numbers exact
    outcomes: dict[str, Any]
    # 未定的结论 / Outcomes without a value
    undecided: list[Undecided]
    # 用到的规则集及版本 / Rulesets used, with versions
    rulesets: list[RulesetReference]
    # 逐步依据（请求时） / Steps and reasons, on request
    trace: NotRequired[list[Step]]


class DecisionList(TypedDict):
    decisions: list[KeptSummary]
    next: str | None


class DecisionRequest(TypedDict):
    # 字段 → 值。数字可写 JSON 数字或十进制文字；null 表示已知为空 / Field → value; numbers as JSON numbers or plain decimal text; null means known to be empty
    facts: dict[str, Any]
    # 想要的结论；省略则为全部对外结论 / Outcomes wanted; by default all exported ones
    outcomes: NotRequired[list[str]]
    # 是否附上逐步依据 / Whether to add the steps and reasons
    trace: NotRequired[bool]
    # 调用方的参考号：同一参考号和请求总得到同一决策 / The caller's reference: the same reference and request give the same decision
    reference: NotRequired[str]
    # 按何时生效的规则 / By the rules in force at this instant
    as_of: NotRequired[str]
    # 按何时所知的规则 / As the rules were known at this instant
    known_as_of: NotRequired[str]
    # 指定规则集的版本 / Pin rulesets to versions
    versions: NotRequired[dict[str, int]]


class Delivery(TypedDict):
    # 消息的 id / the id in the message
    id: str
    ruleset: str
    version: int
    state: Literal["waiting", "delivered", "given-up"]
    attempts: int
    # 下次尝试 / when it is tried next
    due_at: str | None
    # 送达或放弃的时刻 / when it was accepted or given up
    done_at: str | None
    # 最近一次失败 / how it last failed
    failure: str | None


class DeliveryList(TypedDict):
    # 最新的 100 条 / the newest 100
    deliveries: list[Delivery]


class DepartmentBody(TypedDict):
    # 编号 / id
    id: str
    # 中文名 / name in Chinese
    zh: str
    # 英文名 / name in English
    en: str


class DepartmentList(TypedDict):
    departments: list[DepartmentBody]


Difference = TypedDict(
    "Difference",
    {
        "kind": "Literal['outcome', 'undecided', 'failure', 'input']",
        "name": "str",
        "was": "NotRequired[Any]",
        "is": "NotRequired[Any]",
    },
)


class DraftContent(TypedDict):
    # 标题 / title
    title: NotRequired[str]
    # 文档，可以有错 / the document, right or wrong
    document: dict[str, Any]
    # 用例 / the cases
    cases: dict[str, Any]


class DraftDetail(TypedDict):
    id: str
    ruleset: str
    title: str
    state: Literal["draft", "submitted", "rejected", "approved", "discarded"]
    revision: int
    # 所基于的版本 / the version it builds on
    base: int
    created_by: str
    created_at: str
    changed_by: str
    changed_at: str
    submitted_by: str | None
    submitted_at: str | None
    decided_by: str | None
    decided_at: str | None
    comment: str | None
    reason: str | None
    effective_from: str | None
    # 发布成的版本 / the version it became
    version: int | None
    document: Any
    cases: Any
    contributors: list[str]
    # 是否需要变基 / whether it must be rebased
    stale: bool
    # 与所基于版本的逐格差异 / what differs from its base, cell by cell
    changes: list[Change]
    # 时间线提醒 / warnings about the timeline
    warnings: list[Warning]


class DraftList(TypedDict):
    drafts: list[DraftSummary]


class DraftSummary(TypedDict):
    id: str
    ruleset: str
    title: str
    state: Literal["draft", "submitted", "rejected", "approved", "discarded"]
    revision: int
    # 所基于的版本 / the version it builds on
    base: int
    created_by: str
    created_at: str
    changed_by: str
    changed_at: str
    submitted_by: str | None
    submitted_at: str | None
    decided_by: str | None
    decided_at: str | None
    comment: str | None
    reason: str | None
    effective_from: str | None
    # 发布成的版本 / the version it became
    version: int | None


class Entry(TypedDict):
    number: int
    at: str
    actor: str
    origin: str
    action: str
    object: str
    reason: str
    # 改动前内容的 SHA-256 / SHA-256 of the content before
    before: str | None
    # 改动后内容的 SHA-256 / SHA-256 of the content after
    after: str | None
    details: dict[str, Any]
    hash: str


class ErrorDetail(TypedDict):
    code: str
    pointer: str
    title: str
    detail: str


class Finding(TypedDict):
    code: str
    # 在哪个规则集 / in which ruleset
    document: str
    # 在文档中的位置 / place in the document
    pointer: str
    # 位置的说法 / the place in words
    place: str
    start: int
    end: int
    title: str
    detail: str


class GrantBody(TypedDict):
    # 角色 / role
    role: Literal["viewer", "editor", "approver", "compliance", "administrator"]
    # 只对这个部门主办的规则集 / only for the rulesets that this department is in charge of
    department: NotRequired[str | None]
    # 只对这个规则集 / only for this ruleset
    ruleset: NotRequired[str | None]


class GrantsBody(TypedDict):
    # 全部授权 / everything that is granted
    grants: list[GrantBody]
    # 原因，记入审计 / why, for the audit log
    reason: NotRequired[str]


class Head(TypedDict):
    name: str
    # 主办部门 / department in charge
    department: str
    # 版本数 / number of versions
    versions: int


class Health(TypedDict):
    # 状态 / Status
    status: str


class KeptDecision(TypedDict):
    decision_id: str
    at: str
    system: str
    reference: str | None
    as_of: str
    known_as_of: str
    facts: dict[str, Any]
    outcomes: dict[str, Any]
    undecided: list[KeptUndecided]
    failure: list[str]
    versions: list[RulesetReference]
    hash: str
    trace: NotRequired[list[Step]]


class KeptSummary(TypedDict):
    decision_id: str
    at: str
    system: str
    reference: str | None
    as_of: str
    known_as_of: str
    facts: dict[str, Any]
    outcomes: dict[str, Any]
    undecided: list[KeptUndecided]
    failure: list[str]
    versions: list[RulesetReference]
    hash: str


class KeptUndecided(TypedDict):
    outcome: str
    reason: str


class Key(TypedDict):
    # 编号 / id
    id: str
    # 调用系统 / calling system
    system: str
    # 权限 / what it may do
    scopes: list[Literal["decide", "read"]]
    # 只可询问的结论 / the only outcomes it may ask for
    outcomes: list[str] | None
    # 状态 / state
    state: Literal["valid", "expired", "revoked"]
    # 建立人 / made by
    created_by: str
    # 建立于，ISO 8601 / made at, ISO 8601
    created_at: str | None
    # 失效时刻，ISO 8601 / when it ends, ISO 8601
    expires_at: str | None
    # 停用于，ISO 8601 / revoked at, ISO 8601
    revoked_at: str | None
    # 最近使用，精确到一分钟，ISO 8601 / last used, to the minute, ISO 8601
    used_at: str | None


class KeyList(TypedDict):
    keys: list[Key]


class MeAnswer(TypedDict):
    user: User
    # 修改时放在 X-CSRF-Token 头中 / to be sent as X-CSRF-Token with every change
    csrf_token: str


class Miss(TypedDict):
    # 未命中的行 / Row that did not match
    row: str
    # 不成立的列 / Column that failed
    column: str
    # 该格的条件 / Test of that cell
    test: str
    # 读到的值 / Value read
    value: NotRequired[Any]


class Need(TypedDict):
    # 字段 / Field
    field: str
    # 由哪个规则集得出 / Ruleset that derives it
    derived_by: str | None


class NewDraft(TypedDict):
    ruleset: str
    # 标题 / title
    title: str
    # 从哪个版本开始，默认现行版本 / from which version; the one in force by default
    version: NotRequired[int]


class NewKey(TypedDict):
    # 调用系统 / calling system
    system: str
    # 权限 / what it may do
    scopes: list[Literal["decide", "read"]]
    # 只可询问这些结论；省略则不限 / the only outcomes it may ask for; by default any
    outcomes: NotRequired[list[str] | None]
    # 失效时刻；省略则不失效，ISO 8601 / when it ends; by default never, ISO 8601
    expires_at: NotRequired[str | None]


class NewKeyAnswer(TypedDict):
    key: Key
    # 密钥本身，只显示这一次 / the key itself, shown this once
    secret: str


class NewRuleset(TypedDict):
    # 名称 / name
    name: str
    # 主办部门 / department in charge
    department: str


class NewUser(TypedDict):
    # 登录名，不可更改，也不再给他人 / what they sign in as; never changed, never somebody else's
    name: str
    # 姓名 / how they are shown
    display: str
    # 所属部门 / department
    department: NotRequired[str | None]
    # 只用单点登录，不设密码 / signs in elsewhere and gets no password
    single_sign_on: NotRequired[bool]


class NewUserAnswer(TypedDict):
    user: User
    # 一次性密码，只显示这一次 / one-time password, shown this once
    password: str | None


class NewWebhook(TypedDict):
    # 接收通知的地址 / where to send the messages
    url: str
    # 只通知这些规则集；不给则全部 / only of these rulesets; left out: of all
    rulesets: NotRequired[list[str] | None]


class NewWebhookAnswer(TypedDict):
    webhook: Webhook
    # 签名用的密钥，只显示这一次 / what signs the messages; shown this once
    secret: str


class OneTimePassword(TypedDict):
    # 一次性密码，只显示这一次 / one-time password, shown this once
    password: str


class PasswordBody(TypedDict):
    # 现在的密码 / the present password
    current: str
    # 新密码，至少 12 个字符 / the new one, at least 12 characters
    new: str


class Problem(TypedDict):
    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: list[ErrorDetail]


class Readiness(TypedDict):
    # 状态 / Status
    status: str
    # 已装载的规则集数 / Rulesets loaded
    rulesets: int


Reading = TypedDict(
    "Reading",
    {
        "field": "str",
        "value": "NotRequired[Any]",
        "from": "str",
    },
)


class Reason(TypedDict):
    # 原因 / why
    reason: str


class Rebase(TypedDict):
    resolutions: NotRequired[list[Resolution]]


class ReplayAnswer(TypedDict):
    result: Literal["identical", "different"]
    differences: list[Difference]


class Resolution(TypedDict):
    path: list[str | int]
    # 选定的值；不写表示删除 / the value chosen; left out to remove it
    value: NotRequired[Any]


class RollBack(TypedDict):
    # 原因 / why
    reason: str
    # 要恢复的版本号 / the version to bring back
    version: int
    # 时刻，ISO 8601；不写时区则按本行时区 / an instant, ISO 8601; in the bank's time zone unless it says otherwise
    effective_from: NotRequired[str]


class Rotation(TypedDict):
    # 旧密钥还可使用的小时数 / for how many hours the old key stays valid
    overlap_hours: NotRequired[int]
    # 新密钥的失效时刻；省略则不失效，ISO 8601 / when the new key ends; by default never, ISO 8601
    expires_at: NotRequired[str | None]


class RulesetDetail(TypedDict):
    # 规则集 / Ruleset
    name: str
    # 版本号 / Version
    version: int
    # 内容的 SHA-256 / SHA-256 of the content
    sha256: str
    # 名称 / Title
    title: Bilingual
    # 归口部门 / Owning department
    owner: Bilingual
    # 对外结论 / Exported outcomes
    exports: list[str]
    # 表数 / Tables
    tables: int
    # 行数 / Rows
    rows: int
    # 用途 / Purpose
    description: Bilingual
    # 需要的字段 / Fields it needs
    needs: list[Need]
    # 规范形式的文档 / The canonical document
    document: dict[str, Any]
    # 每一行的一句话说明 / Every row in plain words
    sentences: dict[str, Any]


class RulesetList(TypedDict):
    # 现行规则集 / Rulesets in force
    rulesets: list[RulesetSummary]


class RulesetReference(TypedDict):
    # 规则集 / Ruleset
    name: str
    # 版本号 / Version
    version: int
    # 内容的 SHA-256 / SHA-256 of the content
    sha256: str


class RulesetSummary(TypedDict):
    # 规则集 / Ruleset
    name: str
    # 版本号 / Version
    version: int
    # 内容的 SHA-256 / SHA-256 of the content
    sha256: str
    # 名称 / Title
    title: Bilingual
    # 归口部门 / Owning department
    owner: Bilingual
    # 对外结论 / Exported outcomes
    exports: list[str]
    # 表数 / Tables
    tables: int
    # 行数 / Rows
    rows: int


class SignInBody(TypedDict):
    # 登录名 / name
    name: str
    # 密码 / password
    password: str


class Step(TypedDict):
    # 规则集 / Ruleset
    ruleset: str
    # 表或公式 / Table or formula
    production: str
    # table、formula 或 given / table, formula or given
    kind: Literal["table", "formula", "given"]
    # 这一步得到的结论 / Outcomes of this step
    outcomes: dict[str, Any]
    # 读到的值和来源 / Values read, and where from
    read: list[Reading]
    # 命中的行 / Rows that fired
    rows: list[str]
    # 上面各行为何不命中 / Why rows above did not match
    misses: list[Miss]
    # 一句话说明 / In plain words
    text: Bilingual


class Submission(TypedDict):
    # 原因 / why
    reason: str
    # 时刻，ISO 8601；不写时区则按本行时区 / an instant, ISO 8601; in the bank's time zone unless it says otherwise
    effective_from: NotRequired[str]


class Tried(TypedDict):
    accepted: bool
    failure: str | None


class TryAnswer(TypedDict):
    outcomes: dict[str, Any]
    undecided: list[Undecided]
    # 草稿的版本号为 0 / a draft has version 0
    rulesets: list[RulesetReference]
    trace: NotRequired[list[Step]]


class TryRequest(TypedDict):
    # 想要的结论 / outcomes wanted
    outcomes: NotRequired[list[str]]
    # 时刻，ISO 8601；不写时区则按本行时区 / an instant, ISO 8601; in the bank's time zone unless it says otherwise
    as_of: NotRequired[str]
    trace: NotRequired[bool]
    facts: dict[str, Any]
    # 草稿编号 / ids of drafts
    drafts: NotRequired[list[str]]


class Undecided(TypedDict):
    # 未定的结论 / The undecided outcome
    outcome: str
    # 原因：缺字段、无行命中、结果为空、上游未定 / missing_facts, no_row_matched, empty_result or upstream
    reason: Literal["missing_facts", "no_row_matched", "empty_result", "upstream"]
    # 还需提供的字段 / Facts still needed
    missing: list[str]
    # 所等待的结论 / Outcomes it waits for
    because: list[str]


class User(TypedDict):
    # 登录名 / name
    name: str
    # 姓名 / how they are shown
    display: str
    # 所属部门 / department
    department: str | None
    # 是否可以登录 / whether they may sign in
    active: bool
    # 通过单点登录 / signs in elsewhere
    single_sign_on: bool
    # 须先修改密码 / must change the password first
    must_change_password: bool
    # 锁定至，ISO 8601 / locked until, ISO 8601
    locked_until: str | None
    # 建立于，ISO 8601 / made at, ISO 8601
    created_at: str | None
    # 最近使用，ISO 8601 / last seen at, ISO 8601
    seen_at: str | None
    # 第几次修订 / revision
    revision: int
    # 授权 / roles
    grants: list[GrantBody]


class UserChange(TypedDict):
    # 姓名 / how they are shown
    display: NotRequired[str]
    # 所属部门 / department
    department: NotRequired[str | None]
    # 是否可以登录；停用即刻生效 / whether they may sign in; ends at once
    active: NotRequired[bool]
    # 原因，记入审计 / why, for the audit log
    reason: NotRequired[str]


class UserList(TypedDict):
    users: list[User]


class Verification(TypedDict):
    result: Literal["intact", "broken"]
    # 审计条数 / audit entries
    entries: NotRequired[int]
    # 最后一条的哈希 / hash of the last entry
    head: NotRequired[str]
    # 决策条数 / decisions
    decisions: NotRequired[int]
    # 已成链、尚未锚定的决策 / decisions chained but not yet anchored
    unanchored: NotRequired[int]
    # 第一处有问题的行 / the first line that is wrong
    line: NotRequired[int]
    zh: NotRequired[str]
    en: NotRequired[str]


class Version(TypedDict):
    ruleset: str
    version: int
    sha256: str
    state: Literal["scheduled", "in_force", "superseded", "withdrawn"]
    based_on: int | None
    author: str
    approver: str
    reason: str
    # 自何时生效 / binds from
    effective_from: str
    # 何时发布 / published at
    published_at: str
    withdrawn_at: str | None


class VersionDetail(TypedDict):
    ruleset: str
    version: int
    sha256: str
    state: Literal["scheduled", "in_force", "superseded", "withdrawn"]
    based_on: int | None
    author: str
    approver: str
    reason: str
    # 自何时生效 / binds from
    effective_from: str
    # 何时发布 / published at
    published_at: str
    withdrawn_at: str | None
    # 规范形式的文档 / the canonical document
    document: dict[str, Any]
    # 用例 / the cases
    cases: Any


class VersionList(TypedDict):
    versions: list[Version]


class VocabularyAnswer(TypedDict):
    # 版本号 / Version
    version: int
    # 内容的 SHA-256 / SHA-256 of the content
    sha256: str
    # 名称 / Title
    title: Bilingual
    # 字段：编号、名称、类型、单位、小数位、范围、取值 / Fields: id, labels, type, unit, scale, bounds, choices
    fields: list[dict[str, Any]]


class Warning(TypedDict):
    # 稍后生效的版本 / the version that takes effect later
    version: int
    effective_from: str
    text: Bilingual


class Webhook(TypedDict):
    id: str
    url: str
    rulesets: list[str] | None
    created_by: str
    # ISO 8601 时刻 / an instant, ISO 8601
    created_at: str


class WebhookList(TypedDict):
    webhooks: list[Webhook]
