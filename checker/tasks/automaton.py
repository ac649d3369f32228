"""The task `automaton`: outputs of a deterministic finite automaton that reads the tokens."""

from functools import cached_property

import numpy as np

from checker.numbers.rounding import Array
from checker.tasks.task import Labels, Task


class Automaton(Task):
    """Parameters: 0 to read from the left or 1 from the right; 0 for one answer at the end or 1 for
    one after every token, in the order read; s states; k tokens; the next state for each state and
    token; for each state its label plus 1, or 0 for none. State 0 is the first; tokens are below
    k."""

    name = "automaton"
    total = False

    @staticmethod
    def leading(parameters: list[int]) -> int:
        _, _, states, tokens = parameters[:4]
        return 4 + states * tokens + states

    def fits(self) -> bool:
        backwards, every, states, tokens, *rest = self.parameters
        sizes = max(backwards, every) <= 1 <= min(states, tokens)
        return sizes and max(rest[: states * tokens]) < states

    @cached_property
    def tables(self) -> tuple[Array, Array]:
        """The next states [states, tokens], and the outputs [states]."""
        _, _, states, tokens, *rest = self.parameters
        entries = np.array(rest, dtype=np.int64)
        return entries[: states * tokens].reshape(states, tokens), entries[states * tokens :]

    def labels(self, x: Array) -> Labels:
        backwards, every, _, tokens = self.parameters[:4]
        table, outputs = self.tables
        state, answers = np.zeros(len(x), dtype=np.int64), []
        for column in (x[:, ::-1] if backwards else x).T:
            state = table[state, np.minimum(column, tokens - 1)]
            answers.append(outputs[state])
        labels = np.stack(answers if every else answers[-1:], axis=1)
        return labels - 1, np.all(labels > 0, axis=1) & np.all(x < tokens, axis=1)

    def words(self) -> str:
        end, answers = ("right" if self.parameters[0] else "left"), self.parameters[1]
        what = "outputs" if answers else "last output"
        states = self.parameters[2]
        return f"the {what} of an automaton of {states} states that reads from the {end} the tokens"
