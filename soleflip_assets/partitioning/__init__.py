"""The shop's other time series: ordinary tables turned into partitions by month, online, and kept so."""
