"""The pages people see. They are one more client of what the API offers."""

from __future__ import annotations

from flask import Flask


def add_pages(app: Flask) -> None:
    """Add the pages to the service."""
