"""How messages count."""


def counted(number: int, one: str, many: str = "") -> str:
    """Say how many there are: ``1 row``, ``2 rows``; `many` where it is not `one` with an s."""
    return f"{number} {one if number == 1 else many or f'{one}s'}"
