"""Property-based fuzzing of the kernel: tiny models, certificates about them, changes to both, and a judge
that knows the truth by brute force.

Reading order: `oracle` and `models` (the truth, which shares no code with the kernel), `certificates`,
`registry` and `mutations`, `kernel`, `judge`, `campaign` (a run in one process), `processes` (in several)
and `report`.
"""
