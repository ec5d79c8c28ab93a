"""Looking at the live database by the quarter of an hour, the day and the week."""
