"""Who may use a host, and who may change it."""
