"""An emnify of one's own: the SIM API over real HTTP, for trying, testing and demonstrations."""
