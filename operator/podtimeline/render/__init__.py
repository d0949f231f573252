"""Views of a timeline: its versioned JSON document, and what the terminal shows. Pure: text and plain data only."""
