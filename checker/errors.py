"""How a check ends other than by acceptance.

A file is *declined* when it cannot be judged (malformed, unsupported, over a stated limit) and
*rejected* when it is well formed but one of its claims fails: the rules do not establish it. A
claim that fails may be true; another certificate may prove it.
"""


class Declined(Exception):
    """The file is malformed, unsupported or over a limit; nothing is known about its claims."""


class Rejected(Exception):
    """The file is well formed, but a claim fails; the message names the claim and the rule."""
