"""How the client scripts say what held: a line for each check, and an end at the first that fails. Not here: any client."""

import contextlib


class Failed(Exception):
    """A check that did not hold."""


def check(holds, what, *seen):
    """Prints what held; otherwise says what was seen instead."""
    if not holds:
        raise Failed(what + "".join(f"; saw {item!r}" for item in seen))
    print(f"ok  {what}")


@contextlib.contextmanager
def refused(what, *reasons):
    """The block must be refused by the server, for one of these reasons where any are given."""
    try:
        yield
    except Exception as failure:
        if not hasattr(failure, "reason"):
            raise
        check(not reasons or failure.reason in reasons, f"refused: {what}", failure)
    else:
        raise Failed(f"the server did not refuse: {what}")
