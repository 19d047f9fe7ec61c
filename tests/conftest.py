"""How are the tests run: quickly, at length (--soak), or to record what they compare with (--record)?"""

import hypothesis
import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("zhunsheng")
    group.addoption("--record", action="store_true", help="rewrite the expected files of tests/golden; review the diff")
    group.addoption("--soak", action="store_true", help="search each property for much longer, with new random examples")


def pytest_configure(config: pytest.Config) -> None:
    """Choose how far the properties search: the same 40 examples on every run, or 1,500 new ones."""
    hypothesis.settings.register_profile("slice", deadline=None, max_examples=40, derandomize=True, database=None)
    hypothesis.settings.register_profile("soak", deadline=None, max_examples=1_500, database=None, print_blob=True)
    hypothesis.settings.load_profile("soak" if config.getoption("--soak") else "slice")


@pytest.fixture(scope="session")
def record(request: pytest.FixtureRequest) -> bool:
    """Whether expected files are rewritten instead of compared with."""
    return bool(request.config.getoption("--record"))


@pytest.fixture(scope="session")
def soak(request: pytest.FixtureRequest) -> bool:
    """Whether there is time for the long version of a test."""
    return bool(request.config.getoption("--soak"))
