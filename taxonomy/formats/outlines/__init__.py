"""Taxonomies drawn as text: indentation, brackets, arrows, elements, terms. No table, no JSON, no RDF."""
