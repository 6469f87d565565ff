"""What stands between a socket and our applications: connections, who may come in, and how it ends."""
