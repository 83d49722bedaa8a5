"""The endpoints, one module a noun. Each asks through its `Caller`, whose database holds no row of anybody else."""
