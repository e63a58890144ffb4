"""The command `hello-dl`, also as `python -m hello_dl`: a Ctrl-C while it loads is no traceback."""

import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run the command with the arguments of the process."""
    try:
        from hello_dl.cli import run
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(run())


if __name__ == "__main__":
    main()
