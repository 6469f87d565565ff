"""What is in a sandbox: SIMs, their traffic, their stories, and its time."""
