"""What the mock raises."""


class MockError(Exception):
    """The mock can't start. Each argument is a line that names a cause and the fix; ``str(error)`` has them all."""

    def __str__(self) -> str:
        """A line for each cause."""
        return "\n".join(map(str, self.args))
