"""How requests reach providers: live, or replayed from recordings."""
