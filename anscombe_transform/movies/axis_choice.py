"""Which of the axes of an array are the time, y and x of a movie."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def parse_choice(key: str | None) -> dict[str, int]:
    """Return the index that a key such as ``C=0,Z=3`` chooses along each axis, by its letter in capitals."""
    choice: dict[str, int] = {}
    for item in key.split(",") if key else ():
        axis, _, number = (text.strip() for text in item.partition("="))
        if not axis or not number.isdecimal():
            raise ValueError(
                f"key={key!r} is not understood: give AXIS=INDEX, such as C=0, with commas between several"
            )
        choice[axis.upper()] = int(number)
    return choice


def movie_axes(
    path: object, axes: str, shape: Sequence[int], choice: Mapping[str, int]
) -> tuple[list[int | slice], int]:
    """Return the index by which an array becomes (time, y, x), or (y, x), and which of its axes is the time.

    Parameters
    ----------
    path : object
        What the array is from, for messages.
    axes : str
        A letter for each axis, of which the last two are YX.
    shape : sequence of int
        The shape of the array.
    choice : mapping
        The index to take along an axis, by its letter. Axes of length 1 are left out anyway.

    Returns
    -------
    index : list
        An index or a slice for each axis.
    time : int
        Number of the axis that is the time, or -1 if all but the last two are left out.

    Raises
    ------
    ValueError
        If there are further axes, or a chosen axis or index is not there.
    """
    long = [i for i, length in enumerate(shape) if length > 1 or axes[i] in "YX"]
    described = f"{path} has the axes {''.join(axes[i] for i in long)} and the shape {tuple(shape[i] for i in long)}"
    index: list[int | slice] = [slice(None)] * len(axes)
    for letter, number in choice.items():
        if letter in ("Y", "X") or letter not in axes:
            raise ValueError(f"{described}, so key='{letter}={number}' chooses nothing")
        position = max((i for i, axis in enumerate(axes) if axis == letter), key=lambda i: shape[i])
        if number >= shape[position]:
            raise ValueError(f"{described}, so key='{letter}={number}' is too large")
        index[position] = number
    for position, (letter, length) in enumerate(zip(axes, shape, strict=True)):
        if length == 1 and letter not in "YX":
            index[position] = 0
    kept = [i for i, chosen in enumerate(index) if isinstance(chosen, slice)]
    letters = "".join(axes[i] for i in kept)
    if not letters.endswith("YX"):
        raise ValueError(f"{described}, but the axes of a movie end with YX")
    if len(kept) > 3:
        time = letters.find("T") if "T" in letters[:-2] else 0
        example = ",".join(f"{letter}=0" for i, letter in enumerate(letters[:-2]) if i != time)
        raise ValueError(f"{described}, but a movie has (time, y, x): choose one, such as key={example!r}")
    return index, kept[0] if len(kept) == 3 else -1
