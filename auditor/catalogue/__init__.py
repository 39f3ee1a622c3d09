"""What remote-access software looks like: products, their schema, the matcher."""
