"""Nothing is forgotten: every table and every field is written, or left out for a reason."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.db.models import Model

from accounts.transfer.registry import Table, registry
from config.environment import PROJECT_DIR
from tracker.transfer.columns import columns_of

OUR_APPS = ("accounts", "tracker", "votes", "patches", "notifications")
TABLES = sorted(registry.tables.values(), key=lambda table: table.name)
MANUAL = (PROJECT_DIR / "docs" / "exporting.md").read_text()


def our_models() -> set[type[Model]]:
    return {
        model
        for config in apps.get_app_configs()
        if config.label in OUR_APPS
        for model in config.get_models(include_auto_created=True)
    }


def test_every_table_of_ours_is_in_the_archive_or_left_out_for_a_reason() -> None:
    declared = registry.tables.keys() | registry.models_left_out.keys()
    assert our_models() == declared, "declare it in the `transfer` of its app"
    assert not registry.tables.keys() & registry.models_left_out.keys()
    assert all(registry.models_left_out.values())


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_field_is_written_or_left_out_for_a_reason(table: Table) -> None:
    fields = {field.name for field in table.model._meta.concrete_fields}
    assert {column.name for column in columns_of(table)} == fields - table.left_out.keys()
    assert table.left_out.keys() <= fields
    assert set(table.public) <= fields - table.left_out.keys()
    assert all(table.left_out.values())


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_the_manual_tells_of_every_field(table: Table) -> None:
    """A section for each file, and in it each field at the start of a row of its table."""
    assert f"### {table.name}.jsonl" in MANUAL
    section = MANUAL.split(f"### {table.name}.jsonl")[1].split("\n##")[0]
    told = {line.split("`")[1] for line in section.splitlines() if line.startswith("| `")}
    assert told == {column.name for column in columns_of(table)}


def test_no_name_of_a_file_is_given_twice() -> None:
    assert len({table.name for table in TABLES}) == len(TABLES)


def test_the_files_of_secrets_are_nobodys_to_declare() -> None:
    """What opens an account is in no column that is written, whatever it is called."""
    written = {column.name for table in TABLES for column in columns_of(table)}
    assert not written & {"password", "digest", "code_digest", "feed_key", "last_login", "secret"}
