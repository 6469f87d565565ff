"""What the model sees: thin functions, one file per kind of question."""
