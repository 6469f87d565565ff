"""Where a world is kept, and how requests change it."""
