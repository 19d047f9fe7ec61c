"""The composition root: what gunicorn serves."""

from __future__ import annotations

import sys

from flask import Flask

from admin_ui import add_pages
from api import create_app, logs
from api.config import ConfigurationError, settings_from
from api.service import Service, start
from engine import DocumentError
from rulesets.catalog import told
from rulesets.welcome import Welcome, welcome


def build() -> tuple[Flask, Service, Welcome]:
    """The whole service, configured by the environment; a configuration error ends the process with one clear line, faults of documents with all of them."""
    try:
        settings = settings_from()
        held = start(settings)
    except ConfigurationError as error:
        sys.exit(f"zhunsheng: {error}")
    except DocumentError as error:
        sys.exit(f"zhunsheng: 规则文档有误 / the documents have faults\n\n{told(error, 'zh', 'en')}")
    logs.configure("WARNING" if settings.demo else settings.log_level)
    greeting = welcome(held.database, demo=settings.demo)
    app = create_app(held)
    add_pages(app)
    held.database.close()
    return app, held, greeting


app, service, greeting = build()
