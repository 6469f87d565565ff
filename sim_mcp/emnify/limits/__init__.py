"""emnify's rate limits: as published, shared out among who asks and among servers, kept before they are hit."""
