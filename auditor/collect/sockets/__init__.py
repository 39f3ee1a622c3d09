"""What a host offers to the network, and to whom it is connected."""
