"""The trusted kernel: reads a model file and a certificate file, and nothing else, and gives a
verdict.

Reading order: `model` and `certificate` (what is claimed), `arithmetic`, `tables`, `terms` and
`groups` (the rules), `check` (the verdict). `errors`, `text` and `meter` serve all of them.
"""

from checker.check import check as check
from checker.verdict import Verdict as Verdict
