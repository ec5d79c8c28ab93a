"""The PostgreSQL server that runs where no database was named."""
