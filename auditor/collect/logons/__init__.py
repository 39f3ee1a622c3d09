"""Who came in from outside."""
