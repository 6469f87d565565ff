"""The pages at the public address: people sign in there, and agree to changes."""
