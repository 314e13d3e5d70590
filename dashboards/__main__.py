"""`python -m dashboards --host 127.0.0.1 --port 8501`: what `collecto serve` becomes.

The folder of publications and the login mode come from the environment, which holds no secret but
those of the login. How pages are served belongs in `server`.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from dashboards.published import PUBLISHED_DIR_VARIABLE
from dashboards.server import serve


def main() -> int:
    """Serve until stopped; exit status 2 where the address may not be served."""
    parser = argparse.ArgumentParser(prog="collecto serve")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8501)
    options = parser.parse_args()
    published = Path(os.environ.get(PUBLISHED_DIR_VARIABLE, "data/published"))
    try:
        serve(published, options.host, options.port, os.environ.get("COLLECTO_AUTH_MODE", "none"))
    except ValueError as error:
        sys.stderr.write(f"collecto: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
