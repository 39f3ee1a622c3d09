"""How a host is reached: ask it the probe, bring back the bytes or one reason."""
