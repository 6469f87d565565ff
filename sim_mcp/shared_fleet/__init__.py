"""What servers keep together of their fleets in PostgreSQL, so that emnify is read once for all of them."""
