"""All of speed: ``python -m benchmarks``, or ``make bench``."""

from benchmarks import batches, call_path, loading, one_row, scaling, threads


def main() -> None:
    for part in (one_row, batches, loading, call_path, threads, scaling):
        part.main()


if __name__ == "__main__":
    main()
