"""Do the examples of the tour still give what the page says?"""

import doctest
from pathlib import Path


def test_every_example_of_the_tour_gives_what_the_page_says() -> None:
    result = doctest.testfile(str(Path(__file__).parents[2] / "docs/tour.md"), module_relative=False, encoding="utf-8")
    assert result.attempted > 10
    assert result.failed == 0
