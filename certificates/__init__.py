"""Untrusted proof strategies: each looks at a model in any way it likes and writes a certificate."""
