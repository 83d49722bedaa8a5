"""Lists of known content: imported, stored, held in a worker's memory, and asked before the model runs."""
