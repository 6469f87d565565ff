"""Why a SIM does what it does: evidence collected side by side, judged by small rules."""
