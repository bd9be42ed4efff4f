"""Names for services: identifiers stay, foreign names differ as before, collisions are refused."""

import pytest

from preproc.errors import ArtifactError
from preproc.naming import (
    field_name,
    json_name,
    package_name,
    service_name,
    wire_names,
    wire_numbers,
)
from preproc.signature import Column


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("wind_speed", "wind_speed"),
        ("Clear", "Clear"),
        ("wind speed (m/s)", "wind_speed__m_s_"),
        ("3rd", "c_3rd"),
        ("", "c_"),
        ("ö", "u00f6"),
        ("风速", "u98ceu901f"),
    ],
)
def test_a_field_is_an_identifier(name: str, field: str) -> None:
    assert field_name(name) == field


@pytest.mark.parametrize(
    ("model", "package", "service"),
    [
        ("flight_delay", "flight_delay.v1", "FlightDelay"),
        ("Flight delay-2", "flight_delay_2.v1", "FlightDelay2"),
        ("7", "c_7.v1", "C7"),
    ],
)
def test_a_service_is_named_after_its_model(model: str, package: str, service: str) -> None:
    assert (package_name(model), service_name(model)) == (package, service)


def test_json_names_are_those_of_protobuf() -> None:
    names = ["wind_speed", "wind__speed_", "_a", "A_b", "a1_2", "a"]
    assert [json_name(name) for name in names] == ["windSpeed", "windSpeed", "A", "AB", "a12", "a"]


@pytest.mark.parametrize(
    ("first", "second", "field"),
    [("a b", "a_b", "a_b"), ("a_b", "aB", "aB"), ("debt_status", "debt", "debt_status")],
    ids=["field", "json", "companion"],
)
def test_names_that_no_service_could_tell_apart_are_refused(
    first: str, second: str, field: str
) -> None:
    columns = [Column(first, "float64"), Column(second, "float64", freshness={"allowed": ["OK"]})]
    with pytest.raises(ArtifactError) as caught:
        wire_names(columns)
    assert f"both {field!r}; rename one" in str(caught.value)


def test_a_looked_up_column_brings_two_fields_along() -> None:
    columns = [Column("a b", "float64", freshness={"allowed": ["OK"]}), Column("c", "bool")]
    assert wire_names(columns) == {
        "a b": "a_b",
        "a b.status": "a_b_status",
        "a b.event_time": "a_b_event_time_ms",
        "c": "c",
    }


def test_numbers_are_inherited_and_never_used_again() -> None:
    assert wire_numbers({"a": 1, "gone": 7}, ["b", "a", "c"]) == {
        "a": 1, "gone": 7, "b": 8, "c": 9,
    }  # fmt: skip


def test_numbers_pass_over_those_of_protobuf() -> None:
    assert wire_numbers({"a": 18_999}, ["b"])["b"] == 20_000
