"""Paths such as `A > B > C`: what separates their names, their ids, lines of them, and the trees they make."""
