"""The pages people see. They are one more client of what the API offers."""

from __future__ import annotations

from flask import Flask

from admin_ui import guide


def add_pages(app: Flask) -> None:
    """Add the pages to the service."""
    app.register_blueprint(guide.blueprint)
