"""Whether a failed call is sent again, and when; pure."""

from dataclasses import dataclass

from preproc_server.client.errors import ServerError, UnavailableError


@dataclass(frozen=True, slots=True)
class Retry:
    """How often and how fast a failed call is sent again.

    A call that failed as UNAVAILABLE, or whose status says after what time it may come again, is
    repeated; others are not, and calls that are not safe to repeat never are. Attempts and pauses
    together stay within the deadline of the call.

    Attributes
    ----------
    attempts
        Largest number of times that a call is sent; 1 for no repetition.
    first_s
        Longest pause before the second attempt; it doubles each time.
    longest_s
        Longest pause of all.
    """

    attempts: int = 4
    first_s: float = 0.1
    longest_s: float = 5.0

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise ValueError(f"attempts: expected at least 1, got {self.attempts}")
        if not 0 < self.first_s <= self.longest_s:
            raise ValueError(
                f"first_s: expected above 0 and at most longest_s {self.longest_s}, "
                f"got {self.first_s}"
            )


def pause_s(
    retry: Retry, error: ServerError, *, attempt: int, left_s: float, share: float
) -> float | None:
    """Tell how long to wait before a call is sent again; None when it is not.

    The pause is drawn from all of zero to its bound (full jitter), so that many clients that
    failed together do not come back together. A time that the server names comes on top.

    Parameters
    ----------
    retry
        The policy.
    error
        How the attempt failed.
    attempt
        How often the call was sent, from 1.
    left_s
        Time to the deadline.
    share
        Drawn from [0, 1).
    """
    is_worth_it = isinstance(error, UnavailableError) or error.retry_after_s is not None
    if not is_worth_it or attempt >= retry.attempts:
        return None
    bound = min(retry.longest_s, retry.first_s * 2.0 ** min(attempt - 1, 60))
    pause = max(error.retry_after_s or 0.0, 0.0) + bound * share
    return pause if pause < left_s else None
