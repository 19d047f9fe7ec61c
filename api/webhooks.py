"""Which systems are told that a version has taken effect? Webhooks and their messages, for administrators."""

from __future__ import annotations

import json
from typing import Any, Final

from flask import Response
from marshmallow import Schema, fields, validate

from api.blueprint import ApiBlueprint, json_response, nothing_response, tagged_response
from api.callers import Caller
from api.instants import shown
from api.schemas import Strict
from api.service import Service
from api.version_schemas import NAME as RULESET
from api.version_schemas import said
from rulesets import webhooks
from rulesets.models import Delivery, Webhook

blueprint = ApiBlueprint("webhooks", "webhooks", url_prefix="/v1", description="通知其他系统 / Telling other systems")

MOST_RULESETS: Final = 200
MOST_DELIVERIES: Final = 100
STATES: Final = ("waiting", "delivered", "given-up")


_RULESET: Final = fields.String(validate=validate.Regexp(rf"(?:{RULESET})\Z"))
_INSTANT: Final = said("ISO 8601 时刻", "an instant, ISO 8601")


class NewWebhook(Strict):
    url = fields.String(required=True, validate=validate.Length(1, webhooks.MAX_URL), metadata=said("接收通知的地址", "where to send the messages"))
    rulesets = fields.List(
        _RULESET,
        allow_none=True,
        load_default=None,
        validate=validate.Length(1, MOST_RULESETS),
        metadata=said("只通知这些规则集；不给则全部", "only of these rulesets; left out: of all"),
    )


class WebhookSchema(Schema):
    id = fields.String(required=True)
    url = fields.String(required=True)
    rulesets = fields.List(fields.String(), required=True, allow_none=True)
    created_by = fields.String(required=True)
    created_at = fields.String(required=True, metadata=_INSTANT)


class WebhookList(Schema):
    webhooks = fields.List(fields.Nested(WebhookSchema), required=True)


class NewWebhookAnswer(Schema):
    webhook = fields.Nested(WebhookSchema, required=True)
    secret = fields.String(required=True, metadata=said("签名用的密钥，只显示这一次", "what signs the messages; shown this once"))


class Tried(Schema):
    accepted = fields.Boolean(required=True)
    failure = fields.String(required=True, allow_none=True)


class DeliverySchema(Schema):
    id = fields.String(required=True, metadata=said("消息的 id", "the id in the message"))
    ruleset = fields.String(required=True)
    version = fields.Integer(required=True)
    state = fields.String(required=True, validate=validate.OneOf(STATES))
    attempts = fields.Integer(required=True)
    due_at = fields.String(required=True, allow_none=True, metadata=said("下次尝试", "when it is tried next"))
    done_at = fields.String(required=True, allow_none=True, metadata=said("送达或放弃的时刻", "when it was accepted or given up"))
    failure = fields.String(required=True, allow_none=True, metadata=said("最近一次失败", "how it last failed"))


class DeliveryList(Schema):
    deliveries = fields.List(fields.Nested(DeliverySchema), required=True, metadata=said(f"最新的 {MOST_DELIVERIES} 条", f"the newest {MOST_DELIVERIES}"))


@blueprint.route("/webhooks")
@blueprint.reads(WebhookList, allow="administrator", summary="通知地址一览 / All webhooks")
def all_webhooks(held: Service, caller: Caller) -> Response:
    caller.must_be_global("administrator")
    with held.database.reading() as session:
        return tagged_response({"webhooks": [_webhook(held, found) for found in webhooks.listed(session)]})


@blueprint.route("/webhooks", methods=["POST"])
@blueprint.takes(NewWebhook, NewWebhookAnswer, allow="administrator", summary="新建通知地址 / A new webhook", status=201)
def create(held: Service, caller: Caller, body: dict[str, Any]) -> Response:
    caller.must_be_global("administrator")
    made, secret = webhooks.create(held.database, held.sealer, caller.actor, url=body["url"], rulesets=body["rulesets"])
    return json_response({"webhook": _webhook(held, made), "secret": secret}, 201)


@blueprint.route("/webhooks/<id_>", methods=["DELETE"])
@blueprint.does(None, allow="administrator", summary="删除通知地址 / Remove a webhook", refuses=[404])
def remove(held: Service, caller: Caller, id_: str) -> Response:
    caller.must_be_global("administrator")
    with held.database.writing() as session:
        webhooks.remove(session, caller.actor, id_)
    return nothing_response()


@blueprint.route("/webhooks/<id_>/test", methods=["POST"])
@blueprint.does(Tried, allow="administrator", summary="立即发送一条测试消息 / Send a test message at once", refuses=[404])
def try_out(held: Service, caller: Caller, id_: str) -> Response:
    caller.must_be_global("administrator")
    failure = webhooks.send_test(held.database, held.sealer, id_)
    return json_response({"accepted": failure is None, "failure": failure})


@blueprint.route("/webhooks/<id_>/deliveries")
@blueprint.reads(DeliveryList, allow="administrator", summary="发给一个地址的消息 / The messages to a webhook", refuses=[404])
def sent(held: Service, caller: Caller, id_: str) -> Response:
    caller.must_be_global("administrator")
    with held.database.reading() as session:
        return tagged_response({"deliveries": [_delivery(held, found) for found in webhooks.deliveries(session, id_, limit=MOST_DELIVERIES)]})


def _webhook(held: Service, found: Webhook) -> dict[str, Any]:
    return {
        "id": found.id,
        "url": found.url,
        "rulesets": webhooks.rulesets_of(found),
        "created_by": found.created_by,
        "created_at": shown(held, found.created_at),
    }


def _delivery(held: Service, found: Delivery) -> dict[str, Any]:
    event = json.loads(found.event_json)
    return {
        "id": event["id"],
        "ruleset": found.ruleset,
        "version": event["version"],
        "state": STATES[0] if found.done_at is None else STATES[2 if found.failure else 1],
        "attempts": found.attempts,
        "due_at": shown(held, found.due_at) if found.done_at is None else None,
        "done_at": shown(held, found.done_at),
        "failure": found.failure,
    }
