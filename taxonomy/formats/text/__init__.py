"""What files are before they are a format: bytes that become text, XML that becomes elements. No taxonomy."""
