"""What a host starts by itself."""
