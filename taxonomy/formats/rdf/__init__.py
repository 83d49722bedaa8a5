"""Taxonomies in RDF: SKOS concepts and OWL classes, by rdflib, and what keeps hostile documents from it."""
