"""Connectors we ship: one folder per vendor, each found by the entry point `hub.connectors`."""
