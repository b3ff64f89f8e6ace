#!/usr/bin/env python
"""Run one of Postroom's commands; `manage.py help` lists them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent


def main() -> None:
    # platform/ is a plain folder, never a package: it would shadow the standard library's platform.
    sys.path[:0] = [str(ROOT), str(ROOT / "platform")]
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "postroom.settings")

    from postroom.environment import EnvironmentProblem, choose_database_role

    choose_database_role(sys.argv[1:2])
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(sys.argv)
    except EnvironmentProblem as problem:
        sys.exit(f"postroom: {problem}")


if __name__ == "__main__":
    main()
