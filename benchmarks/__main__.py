"""All of speed: ``python -m benchmarks``, or ``make bench``."""

from benchmarks import batches, one_row


def main() -> None:
    for part in (one_row, batches):
        part.main()


if __name__ == "__main__":
    main()
