"""How does the store say no to what a person asked of it? With a code of ``api.problems``, which has its texts."""

from __future__ import annotations


class Refused(Exception):
    """Nothing was changed. ``pointer`` places the fault in what was sent; ``parameters`` fill the texts of ``code``."""

    def __init__(self, code: str, /, *, pointer: str = "", **parameters: object) -> None:
        self.code, self.pointer, self.parameters = code, pointer, parameters
        super().__init__(code)
