"""O2C Hub (业财通): the integration hub that closes the loop from order to cash."""

__version__ = "0.1.0"
