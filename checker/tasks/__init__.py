"""Tasks: which labels a sequence of tokens has, if any. Each task is one file."""
