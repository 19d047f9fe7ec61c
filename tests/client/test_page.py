"""Do the examples of the client's page give what it says, and does it name the calls that there are?"""

from __future__ import annotations

import doctest
import re
from typing import Final

from zhunsheng_client import Client, problems

from tests.api.running import KEY, PASSWORD, ROOT, Server

PAGE: Final = ROOT / "docs" / "client.md"
TEXT: Final = PAGE.read_text(encoding="utf-8")


def test_every_example_of_the_page_gives_what_it_says(server: Server) -> None:
    result = doctest.testfile(str(PAGE), module_relative=False, encoding="utf-8", globs={"url": server.url, "key": KEY, "password": PASSWORD})
    assert result.attempted > 30
    assert result.failed == 0


def test_every_python_example_is_one_that_is_run() -> None:
    for block in re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL):
        assert block.startswith(">>> ")


def test_the_page_has_every_exception() -> None:
    kinds = {kind.__name__ for kind in vars(problems).values() if isinstance(kind, type) and issubclass(kind, problems.ClientError)}
    assert {kind for kind in kinds if f"`{kind}`" not in TEXT} == set()
    assert len(kinds) > 10


def test_the_calls_that_the_page_names_are_there(crm: Client) -> None:
    named = re.findall(r"`(\w+)\.(\w+)`((?: `\.\w+`)*)", TEXT.split("## 调用的命名", 1)[1].split("## 网络", 1)[0])
    calls = [(group, call) for group, first, more in named for call in (first, *re.findall(r"\.(\w+)", more)) if not group.endswith("client")]
    assert len(calls) > 15
    assert [call for group, call in calls if not callable(getattr(getattr(crm, group, None), call, None))] == []
