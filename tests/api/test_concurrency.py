"""Do callers at the same time get right answers, each their own?"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any, Final

import httpx

from rulesets.catalog import load_catalog
from tests.api.running import WITH_KEY, Server, Service, written

CLIENTS: Final = 8
QUESTIONS: Final = 40


def customer(number: int) -> dict[str, Any]:
    """A customer unlike the others; which facts are known differs as well, so that several agendas are made at once."""
    balances = ["99999.99", 100000, "999999.99", 1000000, 0]
    facts = {
        "legal_form": ["enterprise", "natural_person", "farm_household", None][number % 4],
        "region_type": ["urban", "township", "farm", "forest", "outside"][number % 5],
        "employer_type": ["public_sector", "tertiary", "other"][number % 3],
        "deposit_balance": balances[number % 5],
        "loan_balance": balances[(number + 2) % 5],
        "fee_product_count": number % 7,
        "vip_tier": ["none", "gold", "diamond"][number % 3],
    }
    left_out = sorted(facts)[number % 9 :][:1]
    return {name: value for name, value in facts.items() if name not in left_out}


def told(answer: Any) -> Any:
    return {name: value for name, value in answer.items() if name in ("outcomes", "undecided")}


def by_the_rules() -> list[Any]:
    """What the rules say of each customer, each time asked anew."""
    engine = load_catalog().compile()
    decisions = [engine.decide(customer(number), fresh_agenda=True) for number in range(QUESTIONS)]
    engine.close()
    return [json.loads(written({"outcomes": decision.outcomes, "undecided": decision.undecided}), parse_float=Decimal) for decision in decisions]


def test_eight_clients_at_once_get_right_answers_and_ids_of_their_own(server: Server) -> None:
    expected = by_the_rules()
    assert len({str(answer["outcomes"]) for answer in expected}) > QUESTIONS / 2, "the customers should differ"

    def asks(start: int) -> list[Any]:
        with httpx.Client(base_url=server.url, headers=WITH_KEY, timeout=30) as client:
            own = Service(client)
            order = [(start * 5 + number) % QUESTIONS for number in range(QUESTIONS)]
            return [(number, own.decide(customer(number), trace=number % 2 == 0)) for number in order]

    with ThreadPoolExecutor(CLIENTS) as pool:
        answers = [answer for answers in pool.map(asks, range(CLIENTS)) for answer in answers]
    assert len(answers) == CLIENTS * QUESTIONS
    assert all(told(answer) == expected[number] for number, answer in answers)
    assert len({answer["decision_id"] for _, answer in answers}) == len(answers)


def test_a_refusal_for_one_is_no_refusal_for_another(service: Service) -> None:
    def asks(number: int) -> int:
        form = b"enterprise" if number % 2 else b"nothing"
        return service.post(b'{"facts":{"legal_form":"%b"},"outcomes":["customer_line"]}' % form).status_code

    with ThreadPoolExecutor(CLIENTS) as pool:
        assert list(pool.map(asks, range(48))) == [422, 200] * 24


def test_threads_that_share_an_engine_get_the_answers_that_one_would_get(small: Service) -> None:
    """The small service runs in this process, so all threads share one Rete network."""
    facts = [{"visits": visits, "opened": "2019-01-01", "remark": str(visits)} for visits in (0, 1, 2, 3, 4, 9)]
    wanted = [told(small.decide(each, ruleset="typed")) for each in facts]
    with ThreadPoolExecutor(CLIENTS) as pool:
        got = list(pool.map(lambda number: told(small.decide(facts[number % 6], ruleset="typed")), range(96)))
    assert got == [wanted[number % 6] for number in range(96)]
