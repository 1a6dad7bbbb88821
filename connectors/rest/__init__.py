"""Any JSON interface over HTTP, described in the connection's configuration instead of in code."""
