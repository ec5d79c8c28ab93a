"""What happened to stock: its log by month, the jobs and checks that keep it, the months that leave it."""
