"""How does gunicorn run the service? Bound and sized by the environment; rules are compiled once, before the workers fork."""

from __future__ import annotations

import gc
import os
from typing import Any

bind = os.environ.get("ZHUNSHENG_BIND", "127.0.0.1:8000")
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
preload_app = True
control_socket_disable = True
loglevel = "warning"
graceful_timeout = 30
_demo_key = os.environ.pop("ZHUNSHENG_DEMO_KEY", "")

_FACTS = (
    '{"facts": {"term_months": 12, "lpr_1y_pct": 3.0, "lpr_5y_pct": 3.5, "credit_grade": "AA", "guarantee_class": "mortgage", '
    '"policy_fixed_rate": false, "related_person": false, "risk_class": "normal", "vip_tier": "gold"}, "trace": true}'
)
_BANNER = """
准绳 Zhunsheng 已就绪 / ready:  {url}
接口说明 / API guide:  {url}/docs

{warning}
试一试 / try it:

curl -s {url}/v1/rulesets/loan-pricing/decisions -H "Authorization: Bearer {key}" -H "Content-Type: application/json" -d '{facts}'

Ctrl-C 停止 / stops.
"""


def when_ready(server: Any) -> None:
    """Keep the rules out of garbage collections (and shared by the workers that fork from here), and say where the service is."""
    gc.collect()
    gc.freeze()
    url = f"http://{bind}"
    if _demo_key:
        warning = "演示模式：仅限本机，密钥只在本次运行有效 / demo mode: this machine only, the key is valid for this run only."
        print(_BANNER.format(url=url, key=_demo_key, warning=warning, facts=_FACTS), flush=True)
    else:
        print(f"准绳 Zhunsheng 已就绪 / ready:  {url}", flush=True)
