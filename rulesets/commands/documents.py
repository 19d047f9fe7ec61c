"""Check and explain a folder of documents: ``zhunsheng check``, ``zhunsheng describe``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NoReturn

import click

from engine import DocumentError, EngineError, Explainer, Language
from rulesets.cases import failures
from rulesets.catalog import NO_VOCABULARY, SHIPPED, has_vocabulary, load_catalog, told

LANGUAGE = click.option("--language", type=click.Choice(["zh", "en"]), default="zh", help="语言 / language")
FOLDER = click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path), default=SHIPPED)


@click.command()
@FOLDER
@LANGUAGE
def check(folder: Path, language: Language) -> None:
    """检查规则与用例 / Compile a folder of documents and run its cases."""
    if not has_vocabulary(folder):
        sys.exit(NO_VOCABULARY.format(folder=folder))
    try:
        catalog = load_catalog(folder)
        engine = catalog.compile()
    except DocumentError as error:
        _fail(error, language)
    known = {ruleset.id for ruleset in engine.program.rulesets}
    findings = [*catalog.misplaced, *(finding for name, cases in catalog.cases.items() if name in known for finding in failures(engine, name, cases))]
    if findings:
        _fail(EngineError(findings), language)
    rows = sum(len(table.rows) for ruleset in engine.program.rulesets for table in ruleset.tables)
    count = sum(len(cases) for cases in catalog.cases.values())
    rulesets = len(engine.program.rulesets)
    click.echo(f"通过：{rulesets} 个规则集，{rows} 行，{count} 个用例" if language == "zh" else f"Passed: {rulesets} rulesets, {rows} rows, {count} cases")


@click.command()
@click.argument("ruleset")
@LANGUAGE
def describe(ruleset: str, language: Language) -> None:
    """用一句话说明每一行 / Say every row of a shipped ruleset as a sentence."""
    engine = load_catalog().compile()
    try:
        found = engine.program.ruleset(ruleset)
    except KeyError:
        names = ", ".join(known.id for known in engine.program.rulesets)
        sys.exit(f"没有规则集 {ruleset}；可用 / no such ruleset; available: {names}")
    explainer = Explainer(engine.program)
    for table in found.tables:
        click.echo(f"\n{table.title.in_(language)} [{table.policy}]")
        for row in table.rows:
            click.echo(f"  {row.id}  {explainer.describe(table, row).in_(language)}")


def _fail(error: EngineError, language: Language) -> NoReturn:
    sys.exit(told(error, language))
