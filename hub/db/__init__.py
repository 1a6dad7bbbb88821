"""The database room: tables, sessions, bulk statements, migrations, the embedded server."""
