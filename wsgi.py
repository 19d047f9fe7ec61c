"""The composition root: what gunicorn serves."""

from __future__ import annotations

import sys

from flask import Flask

from admin_ui import add_pages
from api import create_app
from api.config import ConfigurationError, settings_from
from engine import DocumentError
from rulesets.catalog import told


def build() -> Flask:
    """The whole service, configured by the environment; a configuration error ends the process with one clear line, faults of documents with all of them."""
    try:
        app = create_app(settings_from())
    except ConfigurationError as error:
        sys.exit(f"zhunsheng: {error}")
    except DocumentError as error:
        sys.exit(f"zhunsheng: 规则文档有误 / the documents have faults\n\n{told(error, 'zh', 'en')}")
    add_pages(app)
    return app


app = build()
