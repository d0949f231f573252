"""From a timeline to what it means: pure, as the model is."""
