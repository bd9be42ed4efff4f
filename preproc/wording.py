"""How messages count."""


def counted(number: int | str, noun: str) -> str:
    """Say how many there are: ``1 row``, ``2 rows``; a text is how the number is to be written."""
    return f"{number} {noun}" if str(number) == "1" else f"{number} {noun}s"
