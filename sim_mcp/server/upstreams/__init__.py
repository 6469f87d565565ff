"""What runs for each workspace, and for each caller who brings a token of their own."""
