"""Formats of weights files: each file turns the tensors of one format into the steps of a program."""
