"""`python -m mng`."""

from mng.cli.main import main

main()
