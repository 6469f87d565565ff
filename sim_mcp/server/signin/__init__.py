"""Who comes in over HTTP: keys of this server, and tokens of an issuer that the operator trusts."""
