"""Flow records, one file per format, and the conversations that they add up to."""
