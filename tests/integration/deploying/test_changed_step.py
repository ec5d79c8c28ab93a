"""A step whose text changed since it was deployed is run again, where it says that this is safe."""

from sqlalchemy.engine import URL

from soleflip_assets.deploying.deployer import Deployer
from soleflip_assets.ground.sessions import create_database_engine
from soleflip_assets.ground.sql_files import SqlFile
from tests.integration.phase2.deployment import ignore

STEP = SqlFile("phase2/40_stock_columns.sql")
COMMENT = "SELECT col_description('inventory.stock'::regclass, attnum) FROM pg_attribute "
COMMENT += "WHERE attrelid = 'inventory.stock'::regclass AND attname = 'reserved_quantity'"


def test_statements_that_define_no_object_are_executed_again(deployed: URL) -> None:
    """Nothing in the catalog tells that they have to be: only that the ledger knows another text."""
    with Deployer(create_database_engine(deployed), ignore) as deployer:
        deployer.connection.exec_driver_sql(
            "COMMENT ON COLUMN inventory.stock.reserved_quantity IS 'as of an older version'"
        )
        assert not deployer.apply(STEP).applied

        deployer.connection.exec_driver_sql(
            f"UPDATE inventory_ops.ledger SET checksum = 'older' WHERE step = '{STEP.name}'"
        )
        assert deployer.apply(STEP).applied
        comment = deployer.connection.exec_driver_sql(COMMENT).scalar_one()
        assert comment == "Currently reserved units"
        assert not deployer.apply(STEP).applied
