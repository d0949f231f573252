"""What of the chart is derived: the settings in its values and schema, the table of its README, the dashboard."""
