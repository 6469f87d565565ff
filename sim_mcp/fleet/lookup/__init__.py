"""Whatever a person typed, as SIMs and organisations; and lists of SIMs."""
