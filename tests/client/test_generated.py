"""Is the generated code what the generator writes now, are its names the ones it promises, and does the package install by itself?"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Any

import pytest

from tests.api.running import ROOT


@pytest.fixture(scope="module")
def generator() -> Any:
    loader = SourceFileLoader("scripts_client", str(ROOT / "scripts" / "client"))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec
    module = importlib.util.module_from_spec(spec)
    sys.modules[loader.name] = module
    loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def document(generator: Any) -> Any:
    return generator.openapi()


def test_the_generated_code_is_fresh(generator: Any, document: Any, record: bool) -> None:
    for path, text in generator.pages(document).items():
        if record:
            path.write_text(text, encoding="utf-8")
        assert path.read_text(encoding="utf-8") == text, f"{path.name} is stale: run scripts/client, or pytest {__file__} --record"


def test_every_operation_has_a_method_or_is_left_out_on_purpose(generator: Any, document: Any) -> None:
    labels = {f"{method.upper()} {path}" for path, item in document["paths"].items() for method in item if method != "parameters"}
    called = {f"{operation.method} {operation.path}" for operation in generator.operations(document)}
    assert labels - called == generator.LEFT_OUT.keys() & labels
    assert generator.NAMES.keys() <= called
    assert generator.REPEATABLE.keys() <= {f"{operation.group}.{operation.name}" for operation in generator.operations(document)}


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("GET", "/v1/drafts", ("drafts", "list")),
        ("POST", "/v1/keys", ("keys", "create")),
        ("GET", "/v1/drafts/{id_}", ("drafts", "get")),
        ("PUT", "/v1/drafts/{id_}", ("drafts", "save")),
        ("PATCH", "/v1/users/{name}", ("users", "change")),
        ("POST", "/v1/drafts/{id_}/take-back", ("drafts", "take_back")),
        ("POST", "/v1/audit/verify", ("audit", "verify")),
        ("GET", "/v1/rulesets/{name}/versions/{number}", ("rulesets", "version")),
        ("POST", "/v1/rulesets/{name}/versions/{number}/withdraw", ("rulesets", "withdraw")),
        ("POST", "/v1/decisions", ("decisions", "decide")),
    ],
)
def test_a_call_is_named_by_its_address(generator: Any, method: str, path: str, name: tuple[str, str]) -> None:
    assert generator.named(method, path) == name


def test_two_operations_of_one_name_are_refused(generator: Any, document: Any) -> None:
    twice = {**document, "paths": {**document["paths"], "/v1/keys/{id}/again/rotate": document["paths"]["/v1/keys/{id}/rotate"]}}
    with pytest.raises(ValueError, match=r"are both called keys\.rotate"):
        list(generator.operations(twice))


@pytest.mark.parametrize(
    ("schema", "sent", "answered"),
    [
        ({"type": "number"}, "int | Decimal", "int | Decimal"),
        ({"type": ["integer", "null"]}, "int | None", "int | None"),
        ({"type": "array", "items": {"$ref": "#/components/schemas/Step"}}, "Sequence[types.Step]", "list[Step]"),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, "Mapping[str, int]", "dict[str, int]"),
        ({"type": "string", "enum": ["a", "b"]}, "Literal['a', 'b']", "Literal['a', 'b']"),
        ({"type": ["string", "null"], "enum": ["a", None]}, "Literal['a', None]", "Literal['a', None]"),
        ({"anyOf": [{"$ref": "#/components/schemas/User"}, {"type": "null"}]}, "types.User | None", "User | None"),
        ({}, "Any", "Any"),
    ],
)
def test_a_schema_becomes_a_type(generator: Any, schema: Any, sent: str, answered: str) -> None:
    assert (generator.typed(schema), generator.typed(schema, answer=True)) == (sent, answered)


def test_the_client_imports_nothing_of_ours() -> None:
    code = "import sys; sys.path.insert(0, sys.argv[1]); import zhunsheng_client; print(sorted({'engine', 'rulesets', 'api', 'flask'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-I", "-c", code, str(ROOT / "client")], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_nothing_of_ours_imports_the_client() -> None:
    sources = [path for folder in ("engine", "rulesets", "api", "admin_ui") for path in (ROOT / folder).rglob("*.py")]
    assert len(sources) > 50
    assert [path for path in sources if "zhunsheng_client" in path.read_text(encoding="utf-8")] == []


def test_the_package_installs_by_itself_with_its_types_and_licence(tmp_path: Path) -> None:
    folder, target = shutil.copytree(ROOT / "client", tmp_path / "client", ignore=shutil.ignore_patterns("__pycache__")), tmp_path / "installed"
    pip = [sys.executable, "-m", "pip", "install", "-qq", "--disable-pip-version-check", "--no-index", "--no-deps", "--no-build-isolation"]
    done = subprocess.run([*pip, "--target", str(target), str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    written = {path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file()}
    assert {"zhunsheng_client/__init__.py", "zhunsheng_client/py.typed", "zhunsheng_client/types.py"} <= written
    assert any(path.endswith("LICENSE") for path in written)
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import zhunsheng_client as c, importlib.metadata as m; assert m.version('zhunsheng-client') == c.VERSION"
    )
    subprocess.run([sys.executable, "-I", "-c", code, str(target)], check=True)
