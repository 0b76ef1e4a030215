"""A public key and a profile come in; a certificate goes out. Pure: imports only cryptography."""
