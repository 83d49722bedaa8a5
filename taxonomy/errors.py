"""The one error root of Cladist, and the taxonomy's own errors."""


class CladistError(Exception):
    """Wrong use or bad input: the message is one line that says what and where."""


class TaxonomyError(CladistError):
    """A taxonomy that breaks a rule, or a node that it does not have."""
