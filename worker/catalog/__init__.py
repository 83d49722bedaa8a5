"""What the database knows of taxonomies and bundles: releases, nodes, and which of them serve. Loads no model."""
