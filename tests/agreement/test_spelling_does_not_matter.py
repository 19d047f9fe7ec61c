"""Does a document mean the same however it was typed?"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, note

from engine import Engine, compile_program
from rulesets.catalog import Catalog, load_catalog
from tests.agreement.oracle import decided
from tests.strategies.facts import Constants, facts
from tests.strategies.pen import Pen, pens
from tests.strategies.programs import Written, programs
from tests.strategies.spelling import Speller

CUSTOMERS = 3


def hashes(engine: Engine) -> dict[str, str]:
    return {ruleset.id: ruleset.sha256 for ruleset in engine.program.rulesets}


@given(programs(), pens())
def test_what_staff_type_compiles_to_the_canonical_document(written: Written, pen: Pen) -> None:
    note(written)
    engine = written.compile()
    speller = Speller(pen, engine.program)
    typed = [speller.document(document) for document in written.documents]
    note(typed)
    respelled = compile_program(written.vocabulary, typed)
    assert hashes(respelled) == hashes(engine)
    assert respelled.program.productions == engine.program.productions
    constants = Constants.of(engine.program)
    for _ in range(CUSTOMERS):
        customer = facts(pen, engine.program, constants)
        expected = decided(lambda: engine.decide(customer))
        assert decided(lambda: respelled.decide(customer)) == expected
        assert decided(lambda: engine.decide(speller.facts(customer))) == expected
    engine.close()
    respelled.close()


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog()


@pytest.fixture(scope="module")
def shipped(catalog: Catalog) -> Iterator[Engine]:
    engine = catalog.compile()
    yield engine
    engine.close()


def test_the_shipped_rulesets_may_be_typed_in_chinese(catalog: Catalog, shipped: Engine, soak: bool) -> None:
    canonical = [ruleset.canonical for ruleset in shipped.program.rulesets]
    for seed in range(100 if soak else 2):
        speller = Speller(Pen.rolling(seed), shipped.program)
        respelled = compile_program(catalog.vocabulary, [speller.document(document) for document in canonical])
        assert hashes(respelled) == hashes(shipped)
        respelled.close()
