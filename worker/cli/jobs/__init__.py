"""The commands of jobs and their labels: submit, jobs, queues, labels, reclassify."""
