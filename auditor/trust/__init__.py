"""Who signed what: OpenSSH keys and detached signatures, pure but for a key that is made."""
