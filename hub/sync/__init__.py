"""The engine, one file per step: intake, pull, open, apply, derive, route, deliver, sweep; policy says what an error does."""
