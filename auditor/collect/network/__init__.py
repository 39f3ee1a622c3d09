"""Where a host stands in the network, and what its packet filtering depends on."""
