"""Run the command line as `python -m medley`."""

from medley.cli import main

main()
