"""MCP over Streamable HTTP: listening, who may connect, and how requests end with the server."""
