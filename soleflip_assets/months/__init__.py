"""Tables in partitions by month: the log of stock, and the shop's own time series."""
