"""`python -m compact_proofs`, and the console command `compact-proofs`."""

import sys

from compact_proofs.command_line import main


def run() -> None:
    """Run the command line and end the process with its exit code."""
    sys.exit(main())


if __name__ == "__main__":
    run()
