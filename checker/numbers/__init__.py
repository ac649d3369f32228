"""Exact arithmetic on arrays: rounded weights, exponentials and balls."""
