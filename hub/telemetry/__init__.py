"""What the hub tells its operators about itself."""
