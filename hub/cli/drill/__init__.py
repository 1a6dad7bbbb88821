"""The drill: configured syncs against sandboxes, with everything going wrong that can, by a seed; then the ledgers judge."""
