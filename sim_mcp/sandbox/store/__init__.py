"""The database of a world, and the changes that requests make to it."""
