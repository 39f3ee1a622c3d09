"""Our Sigma rules, read, converted and matched by pySigma, in an environment and a process of its own."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from auditor.catalogue.load import load_catalogue
from auditor.hunt.language import queries
from auditor.hunt.languages import LANGUAGES
from auditor.hunt.subjects import named
from auditor.model.policy import Policy
from tests.environment import python_with
from tests.hunt.events import CLEAN, SEEDS, Happened, of_catalogue

CATALOGUE = load_catalogue()


def rules() -> dict[str, str]:
    subjects = named(CATALOGUE.products, Policy(name="p", sha256="0"))
    return {query.hunt.id: query.text for subject in subjects for query in queries(subject, LANGUAGES["sigma"])}


def test_rules_say_what_they_are() -> None:
    found = {name: yaml.safe_load(text) for name, text in rules().items()}
    assert len({rule["id"] for rule in found.values()}) == len(found)
    rule = found["teamviewer-process-windows"]
    assert rule["logsource"] == {"category": "process_creation", "product": "windows"}
    assert rule["tags"] == ["attack.t1219.002"]
    # Ids are for ever: whoever has taken the rule in knows it again.
    assert rule["id"] == "ad300ec5-29bf-526a-abb5-846f7d1a41bf"


@pytest.fixture(scope="module")
def answer(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Happened], dict[str, Any]]:
    """Hand out what pySigma says of all rules, and of events."""
    place = tmp_path_factory.mktemp("sigma")
    python = python_with("sigma", "constraints-sigma.txt", place / "venv")
    folder = place / "rules"
    folder.mkdir()
    for name, text in rules().items():
        (folder / f"{name}.yml").write_text(text, encoding="utf-8")
    events = [*of_catalogue(CATALOGUE), *SEEDS, *CLEAN]
    asked = place / "events.json"
    told = [{"category": one.category, "product": one.system, "fields": one.sysmon()} for one in events]
    asked.write_text(json.dumps(told), encoding="utf-8")
    script = Path(__file__).with_name("sigma_reader.py")
    # Not from here: this package and its path are nothing to another environment.
    done = subprocess.run(
        [str(python), "-I", str(script), str(folder), str(asked)],
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr
    return events, json.loads(done.stdout)


@pytest.mark.slow
def test_pysigma_reads_and_converts_every_rule(answer: tuple[list[Happened], dict[str, Any]]) -> None:
    _, said = answer
    assert said["refused"] == {}
    assert said["issues"] == []
    # Its backend for KQL knows no column for who signed a loaded image.
    assert [name for name in said["unconverted"] if not name.endswith("-signed-windows")] == []
    assert all(name.startswith("kusto ") for name in said["unconverted"])


@pytest.mark.slow
def test_pysigmas_conditions_match_every_product_and_nothing_else(
    answer: tuple[list[Happened], dict[str, Any]],
) -> None:
    events, said = answer
    for event, matched in zip(events, said["matched"], strict=True):
        if not event.product:
            assert matched == [], event
        # Sysmon's connections name no company: only Defender's tell ScreenMeet under another name.
        elif not (event in SEEDS and event.company):
            assert [name for name in matched if name.startswith(f"{event.product}-")], event
