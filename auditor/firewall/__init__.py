"""Who can reach a socket: pure reasoning over loaded rules; knows nothing of how they were collected."""
