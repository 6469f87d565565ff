"""What is in a sandbox: SIMs, their traffic, their scenarios, and its time."""
