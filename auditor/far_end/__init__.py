"""Who is at the far end of a connection: what files, the cache, reverse DNS and RDAP say of an address."""
