"""What of the chart is derived: the settings in its values and schema, and the table of its README."""
