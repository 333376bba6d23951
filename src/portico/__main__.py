"""`python -m portico`."""

from portico.cli import main

main()
