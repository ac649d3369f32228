"""The grammar of models, version 2: straight-line programs over matrices."""
