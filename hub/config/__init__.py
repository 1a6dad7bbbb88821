"""Configuration as code: connections, mappings, syncs, owners and kinds; read, check, plan, apply, run."""
