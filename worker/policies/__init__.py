"""What becomes of an asset: rules, known content, replay."""
