"""``hack/bench NAME``: run a benchmark. Its last line is one JSON object."""

import argparse

from benches import accuracy, bounds, cluster, history, intake, lag, memory, scrape, series, slices, start

BENCHES = {
    "accuracy": accuracy,
    "bounds": bounds,
    "cluster": cluster,
    "history": history,
    "intake": intake,
    "lag": lag,
    "memory": memory,
    "scrape": scrape,
    "series": series,
    "slices": slices,
    "start": start,
}


def main() -> None:
    """Parse the command line, run the bench, print its verdict."""
    parser = argparse.ArgumentParser(prog="hack/bench", description="Measure the operator's cost and accuracy.")
    commands = parser.add_subparsers(dest="bench", required=True)
    for name, bench in BENCHES.items():
        summary = (bench.__doc__ or "").splitlines()[0]
        bench.add_arguments(commands.add_parser(name, help=summary, description=bench.__doc__))
    options = parser.parse_args()
    print(BENCHES[options.bench].run(options))


if __name__ == "__main__":
    main()
