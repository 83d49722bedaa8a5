"""What computes logits from pixels. A runtime knows no taxonomy."""
