"""How does gunicorn run the service? Bound and sized by the environment; rules are compiled once, before the workers fork."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import tempfile
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

_METRICS = "" if "PROMETHEUS_MULTIPROC_DIR" in os.environ else tempfile.mkdtemp(prefix="zhunsheng-metrics-")
"""A folder of our own where the workers put their counts together, unless we are told of one, which we then do not remove."""
os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", _METRICS)

bind = os.environ.get("ZHUNSHENG_BIND", "127.0.0.1:8000")
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
threads = int(os.environ.get("ZHUNSHENG_THREADS", "16"))
preload_app = True
control_socket_disable = True
loglevel = "warning"
graceful_timeout = 30
keepalive = 30
_STOPPING = {signal.SIGTERM, signal.SIGINT, signal.SIGQUIT}
"""A worker that is told to stop while it is being forked would miss it: these wait until it listens."""


class worker_class(ThreadWorker):  # noqa: N801 - gunicorn's name of the setting
    """gunicorn's worker with threads, but that SIGINT and SIGQUIT are as graceful as SIGTERM.

    Its own handler takes a lock that the code it interrupts may hold, and then never ends.
    """

    def handle_quit(self, sig: int, frame: Any) -> None:
        self.handle_exit(sig, frame)


_FACTS = (
    '{"facts": {"term_months": 12, "lpr_1y_pct": 3.0, "lpr_5y_pct": 3.5, "credit_grade": "AA", "guarantee_class": "mortgage", '
    '"policy_fixed_rate": false, "related_person": false, "risk_class": "normal", "vip_tier": "gold"}, "trace": true}'
)
_BANNER = """
准绳 Zhunsheng 已就绪 / ready:  {url}
接口说明 / API guide:  {url}/docs

演示模式：仅限本机，密钥和密码只在本次运行有效 / demo mode: this machine only, the key and passwords are valid for this run only.

演示账户 / demo accounts:
{accounts}

试一试 / try it:

curl -s {url}/v1/rulesets/loan-pricing/decisions -H "Authorization: Bearer {key}" -H "Content-Type: application/json" -d '{facts}'

Ctrl-C 停止 / stops.
"""


def when_ready(server: Any) -> None:
    """Keep the rules out of garbage collections (and shared by the workers that fork from here), and say where the service is."""
    import wsgi

    gc.collect()
    gc.freeze()
    os.register_at_fork(
        before=lambda: signal.pthread_sigmask(signal.SIG_BLOCK, _STOPPING),
        after_in_parent=lambda: signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPPING),
    )
    url, greeting = f"http://{bind}", wsgi.greeting
    accounts = "\n".join(f"  {name:24}{password:32}{what}" for name, password, what in greeting.accounts)
    if greeting.key:
        print(_BANNER.format(url=url, key=greeting.key, accounts=accounts, facts=_FACTS), flush=True)
        return
    print(f"准绳 Zhunsheng 已就绪 / ready:  {url}", flush=True)
    if accounts:
        print(f"第一位管理员，一次性密码只显示这一次 / the first administrator, the one-time password is shown this once:\n{accounts}", flush=True)


def post_worker_init(worker: Any) -> None:
    """Every worker has connections and threads of its own; from now on it hears signals."""
    import wsgi

    wsgi.service.after_fork()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPPING)


def worker_exit(server: Any, worker: Any) -> None:
    """What is acknowledged is durable already; this closes the worker's segment of the decision log."""
    import wsgi

    wsgi.service.stop()


def child_exit(server: Any, worker: Any) -> None:
    """What a worker counted stays; what it had waiting does not."""
    from prometheus_client.multiprocess import mark_process_dead

    mark_process_dead(worker.pid)


def on_exit(server: Any) -> None:
    if _METRICS:
        shutil.rmtree(_METRICS)
