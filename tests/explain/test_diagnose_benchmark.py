"""The benchmark of mistakes, reduced: each plant once, correct networks; the page up to date."""

from pathlib import Path

from benchmarks import doctor_mistakes
from benchmarks.doctor_mistakes import PLANTS, correct, rank

from glassnet.explain.doctor.diagnosis.catalogue.kinds import KINDS

PAGE = (Path(__file__).parents[2] / "docs" / "doctor.md").read_text()
ALL = {kind for family in KINDS.values() for kind in family}


def test_each_mistake_once():
    ranks = {name: rank(plant, 0) for name, plant in PLANTS.items()}
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
