"""`cladist taxonomy`: files, differences, stored releases. Only options and output; what they do stands below."""
