"""Sessions for asyncio, which only the application's library needs: SQLAlchemy's part for it is 7 MB.

Not here: what is set in a session (sessions.py).
"""

from sqlalchemy import NullPool
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from soleflip_assets.ground.sessions import attend


def create_async_database_engine(
    url: URL, application_name: str = "soleflip", **settings: str
) -> AsyncEngine:
    """As ``create_database_engine``; ``asyncio.timeout`` ends what waits for an answer."""
    engine = create_async_engine(url.set(drivername="postgresql+psycopg"), poolclass=NullPool)
    attend(engine.sync_engine, url, application_name, settings)
    return engine
