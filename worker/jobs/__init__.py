"""The life of a job: submitted, claimed, ended, tried again, looked at, forgotten."""
