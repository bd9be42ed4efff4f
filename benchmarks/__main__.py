"""All of speed: ``python -m benchmarks``, or ``make bench``; the server last, where h2load is."""

import shutil

from benchmarks import batches, call_path, loading, one_row, scaling, threads
from benchmarks.serving.__main__ import main as serving


def main() -> None:
    for part in (one_row, batches, loading, call_path, threads, scaling):
        part.main()
    if shutil.which("h2load"):
        serving()
    else:
        print("the server is left out: no h2load on the path; apt install nghttp2-client")


if __name__ == "__main__":
    main()
