"""Every Tensor operation: its value beside its pulls, on plain arrays."""
