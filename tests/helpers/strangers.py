"""What others may have written into metadata, and what has to come of it."""

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from([10**400, -(10**400)])
    | st.text(max_size=9)
)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4)
)


def assert_short(error: Exception) -> None:
    assert len(str(error)) < 260
    assert str(error).isprintable()


def outcome(make: Callable[[], Any]) -> tuple[Any, Exception | None]:
    """Return what is made, or the error, which has to be a short one of the two that are documented."""
    try:
        return make(), None
    except (ValueError, TypeError) as error:
        assert_short(error)
        return None, error
