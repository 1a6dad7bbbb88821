"""How the conformance checks drive this connector: statement files, nothing is called."""

from hub.sdk.conformance import Kit

kit = Kit(
    config=lambda _: {"folder": "statements"},
    arriving={"accounts": "identity", "statements": "identity", "transactions": "identity"},
)
