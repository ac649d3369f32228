"""The trusted kernel: reads a model file and a certificate file, and nothing else, and gives a
verdict.

`check` finds the verdict; `families` lists the kinds of models. Each has rooms: `models` (what is
claimed to be right), `tasks` and `inputs` (on what), `rules` (how it is proved), `counting` and
`numbers` (by what means). `errors`, `header`, `text` and `meter` serve all of them.

Reading order for max-of-K: `models.attention_only` and `certificate`, `numbers.rounding`,
`models.tables`, `models.terms`, `rules.levels`, `counting`, `groups`. For programs: `models.syntax`
and `models.program`, `inputs`, `numbers.balls`, `models.evaluation`, `rules.evaluate`.
"""

from checker.check import check as check
from checker.verdict import Verdict as Verdict
