"""How this package refuses."""


class UnsupportedWeights(Exception):
    """Weights cannot be read, exported or computed with; the one-line message names tensor or key and reason."""

    def __init__(self, message: str) -> None:
        """Keep `message` to one line: names come from files, and may hold line ends or be long."""
        printable = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in message)
        super().__init__("".join(printable)[:500])


class OtherFamily(UnsupportedWeights):
    """The weights are not those of an attention-only transformer of one layer and one head for `max`."""
