"""What the evidence of a timeline allows: bounds, order, clocks, attempts, and what the Event limit hides."""
