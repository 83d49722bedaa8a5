"""Who may ask over HTTP: keys of tenants, and the answers that repeated requests get again. Knows no HTTP itself."""
