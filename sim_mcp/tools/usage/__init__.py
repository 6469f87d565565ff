"""The tools about usage: what one SIM used, who used most, what costs and does nothing. They send nothing but GET."""
