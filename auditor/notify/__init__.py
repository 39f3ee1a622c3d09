"""Messages to webhooks after a run: what is new, once, and the head of the chain."""
