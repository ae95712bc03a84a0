"""The benchmark of mistakes, reduced: a third of the plants always, each once with ``--thorough``.

Correct networks are left alone, and the page is up to date.
"""

from pathlib import Path

import pytest
from benchmarks import doctor_mistakes
from benchmarks.doctor_mistakes import PLANTS, correct, rank
from thorough import first

from glassnet.explain.doctor.diagnosis.catalogue.kinds import KINDS

PAGE = (Path(__file__).parents[2] / "docs" / "doctor.md").read_text()
ALL = {kind for family in KINDS.values() for kind in family}


@pytest.mark.parametrize("turn", first(1, range(3)))
def test_each_mistake_once(turn):
    ranks = {name: rank(PLANTS[name], 0) for name in list(PLANTS)[turn::3]}
    assert [name for name, place in ranks.items() if not 1 <= place <= 3] == []
    later = [name for name, place in ranks.items() if place > 1]
    assert len(later) <= len(ranks) // 10, later


def test_correct_networks_are_left_alone():
    assert [seed for seed in range(20) if not correct(seed)] == []


def test_plants_are_called_by_kinds_of_the_catalogue():
    assert {kind for plant in PLANTS.values() for kind in plant.names} <= ALL
    assert len(PLANTS) >= 30


def test_every_kind_is_on_the_page():
    for kind in ALL:
        assert f"| {kind} |" in PAGE, kind
    assert doctor_mistakes.kinds() in PAGE, "run python -m benchmarks.doctor_mistakes --kinds"
