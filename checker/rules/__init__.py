"""Rules, one file each: what a certificate of the rule says, and its check."""
