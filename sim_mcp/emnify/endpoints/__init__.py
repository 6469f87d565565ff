"""The client's methods by what they are about, and the pages that lists come in."""
