"""`python -m bench [name …]`: run benchmarks and print our figure, Postfix's and their ratio."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Sequence

from bench.accept import accept
from bench.drain import claims, drain, neighbour
from bench.idle import idle
from bench.kill import ROUNDS, kill_bench
from bench.latency import latency
from bench.lookup import lookup
from bench.machine import describe
from bench.mailbox import mailbox
from bench.operators import operators
from bench.relay import relay
from bench.spread import spread
from bench.table import Row, print_table
from bench.trial import trial

# The last one fills the database.
BENCHMARKS = {
    "accept": accept,
    "relay": relay,
    "mailbox": mailbox,
    "latency": latency,
    "idle": idle,
    "spread": spread,
    "drain": drain,
    "neighbour": neighbour,
    "claims": claims,
    "lookup": lookup,
}
LISTS, KILL = "operators", "kill"
ALONE = (LISTS, KILL)
MEDIAN_OF = 3
PROGRAMS = ("postfix", "smtp-source", "smtp-sink")


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    if options.names == [LISTS]:  # needs no peer, and a database of its own
        return operators(options.factor)
    if options.names == [KILL]:
        return kill_bench(options.rounds or ROUNDS)
    os.environ["PATH"] = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
    if missing := [name for name in PROGRAMS if shutil.which(name) is None]:
        print(f"bench needs {', '.join(missing)}: apt-get install postfix", file=sys.stderr)
        return 1
    environment = dict(item.split("=", 1) for item in options.set)
    rows: list[Row] = []
    with trial(environment, rounds=options.rounds or MEDIAN_OF, factor=options.factor) as running:
        print(describe(running.ours.environment, environment), flush=True)
        for name in options.names or BENCHMARKS:
            rows += BENCHMARKS[name](running)
    print_table(rows)
    return 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "names",
        nargs="*",
        metavar="name",
        help=f"which ones, default all: {', '.join(BENCHMARKS)}; or alone: {', '.join(ALONE)}",
    )
    rounds = f"rounds of each, of which the median counts (default {MEDIAN_OF}); kills (default {ROUNDS})"
    parser.add_argument("--rounds", type=int, default=0, help=rounds)
    parser.add_argument("--factor", type=float, default=1.0, help="more or fewer messages than usual (default 1)")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a variable for our platform")
    options = parser.parse_args(arguments)
    if options.names not in ([LISTS], [KILL]) and (unknown := set(options.names) - set(BENCHMARKS)):
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    return options


if __name__ == "__main__":
    sys.exit(main())
