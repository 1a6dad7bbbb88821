"""The nouns of /api/v1, one module each; a route parses, calls and renders."""
