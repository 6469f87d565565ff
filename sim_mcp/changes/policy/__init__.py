"""What the operator decided: which changes need whose yes, and how many there may be."""
