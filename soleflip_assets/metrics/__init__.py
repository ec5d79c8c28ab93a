"""The hourly life of ``inventory.stock_metrics_view``."""
