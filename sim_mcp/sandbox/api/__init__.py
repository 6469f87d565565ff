"""The HTTP face of the sandbox: what every request meets, and what goes back."""
