"""Several workspaces behind one server: the file that names them, their tokens, and who may use which."""
