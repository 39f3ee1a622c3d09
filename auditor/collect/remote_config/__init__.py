"""How remote-access software and what it rests on are configured."""
