"""What every domain stands on: settings, connections, the files of sql/, the tables' names and columns."""
