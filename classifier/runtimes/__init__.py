"""What computes logits from pixels, behind the protocol `Runtime`. A runtime knows no taxonomy."""
