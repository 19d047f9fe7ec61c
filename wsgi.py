"""The composition root: what gunicorn serves."""

from __future__ import annotations

import sys

from flask import Flask

from admin_ui import add_pages
from api import create_app
from api.config import ConfigurationError, settings_from
from engine import DocumentError


def build() -> Flask:
    """The whole service, configured by the environment; a configuration error ends the process with one clear line."""
    try:
        app = create_app(settings_from())
    except (ConfigurationError, DocumentError) as error:
        sys.exit(f"zhunsheng: {error}")
    add_pages(app)
    return app


app = build()
