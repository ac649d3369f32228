"""The tasks that the checker knows (`docs/semantics.md`)."""

TASKS = ("max",)
