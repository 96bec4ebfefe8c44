"""What sampling, training and evaluation cost and need, by arithmetic alone; no weight is read."""
