class MockError(Exception):
    """The mock can't start. The text names the cause and the mend."""
