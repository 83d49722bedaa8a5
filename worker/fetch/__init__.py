"""Fetch the bytes of an asset from where its URI says, if that is allowed. Decodes none of them."""
