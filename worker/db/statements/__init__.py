"""Every statement whose form serves a planner, a lock or a driver, under a name that says what it does.

tests/worker/db/test_plans.py holds the plan of each. SQL that reads as it is meant stays where it is used.
"""
