"""The makers of cases, as fixtures."""

from collections.abc import Callable
from datetime import datetime

import pytest

from auditor.model.case import Case
from auditor.model.policy import Approval
from auditor.model.reading import SectionReading
from auditor.model.result import ProductUse
from auditor.model.sighting import Exposure
from tests.controls import cases


@pytest.fixture
def now() -> datetime:
    return cases.NOW


@pytest.fixture
def a_section() -> Callable[..., SectionReading]:
    return cases.a_section


@pytest.fixture
def a_case() -> Callable[..., Case]:
    return cases.a_case


@pytest.fixture
def on_a_mac() -> Callable[..., Case]:
    """Give a function that makes the case of a Mac whose facts stand in a section."""
    return cases.on_a_mac


@pytest.fixture
def a_use() -> Callable[..., ProductUse]:
    return cases.a_use


@pytest.fixture
def an_approval() -> Callable[..., Approval]:
    return cases.an_approval


@pytest.fixture
def an_exposure() -> Callable[..., Exposure]:
    return cases.an_exposure
