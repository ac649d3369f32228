"""From trained weights to exact models: reading, naming, export, and training of examples."""
