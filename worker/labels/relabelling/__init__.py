"""Move stored labels from one taxonomy release to another: plan, apply in batches, roll back."""
