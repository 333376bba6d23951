"""Public routes, one module for each kind."""
