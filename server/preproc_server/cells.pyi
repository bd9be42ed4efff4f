from collections.abc import Mapping, Sequence

class Unlike(Exception): ...  # noqa: N818  # no error: another way of reading is taken

class Column:
    def __init__(
        self,
        told: bytes,
        tag: int,
        size: int,
        low: int,
        high: int,
        known: Mapping[bytes, str] | None,
        matrix: int,
        place: int,
        width: int,
    ) -> None: ...

class Cells:
    def __init__(self, columns: Sequence[Column], matrices: Sequence[tuple[int, int]]) -> None: ...
    def read(
        self, content: bytes, at: int
    ) -> tuple[int, list[bytearray | list[str]], bytes, bool]: ...
