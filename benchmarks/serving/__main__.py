"""Speed of the server against gRPC itself and other servers: ``python -m benchmarks.serving``."""

import argparse
import tempfile
from pathlib import Path

from benchmarks.serving import others, own
from benchmarks.serving.cells import trained_in


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9, help="interleaved rounds of each cell")
    parser.add_argument("--seconds", type=float, default=0.5, help="of load a round and cell")
    parser.add_argument("--peers", nargs="*", default=[], help=f"of {', '.join(others.PEERS)}")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        trained = trained_in(work)
        own.main(trained, work, rounds=asked.rounds, seconds=asked.seconds)
        if asked.peers:
            others.main(trained, work, asked.peers, rounds=asked.rounds, seconds=asked.seconds)


if __name__ == "__main__":
    main()
