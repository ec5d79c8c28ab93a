"""Alembic's autogenerate in the application: it proposes nothing of what the platform keeps, and all else."""

from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import (
    Column,
    Engine,
    Index,
    Integer,
    MetaData,
    NullPool,
    Table,
    Uuid,
    create_engine,
    text,
)
from sqlalchemy.engine import URL

from soleflip_assets.inventory import Base
from soleflip_assets.inventory.alembic import include_name, include_object
from soleflip_assets.metrics.mode import Mode
from tests.conftest import Databases
from tests.integration.inventory.conftest import in_either_mode


@pytest.fixture
def engine(databases: Databases, mode: Mode) -> Engine:
    """A shop with Phase 2."""
    return _application(databases.deployed("busy", mode))


@pytest.fixture
def pristine(databases: Databases) -> MetaData:
    """The application's models of all its tables, as they were before it knew this library."""
    return _reflected(_application(databases.legacy("busy")))


@pytest.fixture
def own(databases: Databases) -> MetaData:
    """The application's models of its other tables, once this library's have replaced the rest."""
    return _reflected(_application(databases.legacy("busy")), ["product", "size"])


def _application(url: URL) -> Engine:
    """The application's own way to the database."""
    return create_engine(url, poolclass=NullPool)


def _reflected(engine: Engine, only: list[str] | None = None) -> MetaData:
    metadata = MetaData()
    metadata.reflect(engine, schema="inventory", only=only)
    return metadata


def proposed(engine: Engine, metadata: Any, **options: Any) -> list[Any]:
    """What autogenerate would change in the database."""
    with engine.connect() as connection:
        hooks = {"include_name": include_name, "include_object": include_object}
        settings = {"include_schemas": True} | hooks | options
        return list(
            compare_metadata(MigrationContext.configure(connection, opts=settings), metadata)
        )


@in_either_mode
@pytest.mark.filterwarnings("ignore:Did not recognize type 'xid8'")  # without include_name
def test_nothing_is_proposed_with_this_librarys_models(engine: Engine, own: MetaData) -> None:
    metadata = [Base.metadata, own]
    assert proposed(engine, metadata) == []
    assert proposed(engine, Base.metadata, include_schemas=False) == []
    assert proposed(engine, metadata, include_name=None) == []
    unhooked = proposed(engine, metadata, include_name=None, include_object=None)
    assert len(unhooked) > 30, "the hooks have nothing to do"


@in_either_mode
def test_nothing_is_proposed_with_the_applications_own_models(
    engine: Engine, pristine: MetaData
) -> None:
    """Of the retired tables, too, not to drop them and not to make them again; and no table for the view."""
    assert proposed(engine, pristine) == []
    Table("stock_metrics_view", pristine, Column("stock_id", Uuid), schema="inventory")
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE inventory.stock_financial CASCADE"))
    assert proposed(engine, pristine) == []


def test_nothing_is_proposed_where_the_enum_is_in_public(engine: Engine, own: MetaData) -> None:
    with engine.begin() as connection:
        connection.execute(text("ALTER TYPE inventory.inventory_status SET SCHEMA public"))
    assert proposed(engine, [Base.metadata, own]) == []


def test_a_change_of_the_applications_own_is_proposed(engine: Engine, pristine: MetaData) -> None:
    """A column and an index of its tables, of stock as well where it has a model of its own."""
    for name in ("product", "stock"):
        table = pristine.tables[f"inventory.{name}"]
        table.append_column(Column("pairs_sold", Integer))
        Index(f"ix_{name}_pairs_sold", table.c.pairs_sold)
    changes = [(change[0], change[-1].name) for change in proposed(engine, pristine)]
    assert sorted(changes) == [
        ("add_column", "pairs_sold"),
        ("add_column", "pairs_sold"),
        ("add_index", "ix_product_pairs_sold"),
        ("add_index", "ix_stock_pairs_sold"),
    ]
