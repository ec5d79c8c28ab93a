"""What the platform does for the application's reservations: it expires them, and adds the CHECK."""
