"""All of speed: ``python -m benchmarks``, or ``make bench``."""

from benchmarks import batches, loading, one_row, scaling


def main() -> None:
    for part in (one_row, batches, loading, scaling):
        part.main()


if __name__ == "__main__":
    main()
