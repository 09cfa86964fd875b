"""Where the command line starts: `medley`, or `python -m medley`."""

import sys


def main() -> None:
    """Run the command line; Ctrl-C is answered even while it is still being imported."""
    try:
        from medley.cli import main as run
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted before anything began.\n")
        sys.exit(130)
    run()


if __name__ == "__main__":
    main()
