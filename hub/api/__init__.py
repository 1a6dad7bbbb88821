"""HTTP: webhooks and the public API."""
