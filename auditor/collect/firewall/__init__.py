"""The packet filters a host has loaded, and the programs that manage them."""
