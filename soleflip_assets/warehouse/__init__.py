"""The warehouse: the shop's history as Iceberg tables, loaded exactly once, and an engine to ask them.

Here: the tables, how they are loaded, compared and kept small, and who reads them. Not here: what is asked
of them, which is the marts' to say. Its packages are the extra ``warehouse``; modules that need them are
imported when they are used, since that takes seconds and a hundred megabytes.
"""
