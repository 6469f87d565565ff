"""Answers that take more than one call to emnify."""
