"""The database: engine, tables, transactions, and every statement that is more than plain SQL. Knows no jobs."""
